"""Losses, one step, and the loop from 4x4 pixels to the last checkpoint."""
