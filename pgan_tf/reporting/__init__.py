"""What `python -m pgan_tf.report` makes of a run: one HTML file."""
