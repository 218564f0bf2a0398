"""Flags in, one call out."""
