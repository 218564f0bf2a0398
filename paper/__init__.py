"""Every experiment of the paper, as commands."""
