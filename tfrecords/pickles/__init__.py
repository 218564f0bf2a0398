"""Pickles and NumPy files, read without running anything in them."""
