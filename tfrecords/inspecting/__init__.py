"""What `python -m tfrecords.inspect` looks at, and how."""
