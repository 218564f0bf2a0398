"""Every setting, once, as a frozen value, and what follows: schedule, layers. No TensorFlow."""
