"""Reads pickles and NumPy files without executing them."""
