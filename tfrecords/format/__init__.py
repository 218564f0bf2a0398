"""File format: records and dataset.json."""
