"""Pictures to TFRecords: one set of files per resolution, 4 px and up."""
