"""Pickles and NumPy files, read without executing them."""
