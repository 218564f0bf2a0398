"""Every setting, once, as a frozen value; the schedule and the layers that follow. No TensorFlow."""
