"""Pictures of the docs, drawn from the code."""
