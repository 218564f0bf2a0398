"""Pictures to TFRecords: workers, journal, shards."""
