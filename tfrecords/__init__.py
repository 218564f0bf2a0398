"""Converts pictures to TFRecords, one set of files per resolution from 4 px up."""
