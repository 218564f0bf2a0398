"""Shared by all: errors, flags, files, wording."""
