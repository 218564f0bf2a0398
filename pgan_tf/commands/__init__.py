"""One module per command: flags and checks."""
