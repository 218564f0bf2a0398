"""GPUs, several machines, memory, signals."""
