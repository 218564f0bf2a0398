"""What `python -m pgan_tf.commands.report` makes of a run: one HTML file."""
