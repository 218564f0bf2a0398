"""How many processors this process may use."""

import os


def count_processors() -> int:
    """Returns how many; all of the machine's where the system does not say."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
