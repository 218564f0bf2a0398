"""Pictures in .zip and .tar archives."""
