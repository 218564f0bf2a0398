"""Writes TFRecords: workers, journal, shards."""
