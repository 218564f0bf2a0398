"""Decodes and crops pictures to square uint8 arrays."""
