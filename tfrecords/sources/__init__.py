"""Picture sources: folders, archives, known datasets."""
