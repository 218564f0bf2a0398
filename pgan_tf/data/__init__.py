"""TFRecords to batches at one resolution."""
