"""Shared code: errors, flags, files, text."""
