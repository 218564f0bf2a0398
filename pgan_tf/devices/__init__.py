"""GPUs, multiple machines, memory, signals."""
