"""Labels, from folders, CSV and JSON files."""
