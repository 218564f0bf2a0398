"""What a run leaves on disk, and a trained generator read back from it."""
