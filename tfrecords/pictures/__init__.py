"""One picture, from a file to a square uint8 array."""
