"""Reads TFRecords as batches at one resolution."""
