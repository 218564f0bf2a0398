"""Metrics of image quality, one per file."""
