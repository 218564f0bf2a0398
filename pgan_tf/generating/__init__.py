"""Pictures, videos and the report."""
