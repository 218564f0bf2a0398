"""What a run needs: time, memory, disk."""
