"""Losses, one step, and the loop."""
