"""One picture, from a file to a square array of bytes."""
