"""The dataset on disk: records and dataset.json."""
