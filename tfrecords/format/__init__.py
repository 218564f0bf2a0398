"""The dataset on disk: records, and what dataset.json says of them."""
