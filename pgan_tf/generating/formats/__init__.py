"""The export formats by name, and the one that draws pictures of its own."""
