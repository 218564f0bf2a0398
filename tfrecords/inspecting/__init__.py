"""Summaries, verification, contact sheets, comparison."""
