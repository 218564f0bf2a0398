"""Every setting, once, as a frozen value, and the schedule that follows. No TensorFlow."""
