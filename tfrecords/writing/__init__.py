"""Pictures to TFRecords: worker processes, a journal, shards."""
