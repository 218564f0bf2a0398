"""Drawings of the docs, made from the code."""
