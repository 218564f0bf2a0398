"""Run folders: checkpoints, logs, sample sheets."""
