"""Generators in the formats that others load."""
