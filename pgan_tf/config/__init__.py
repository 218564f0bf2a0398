"""Settings and the growth schedule. No TensorFlow."""
