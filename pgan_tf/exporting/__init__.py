"""Trained generators in the forms that others load."""
