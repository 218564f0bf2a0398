"""Settings and the stages that follow. No TensorFlow."""
