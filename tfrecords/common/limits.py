"""Limits on the sizes of files, and the number of processors that this process may use."""

import os

from tfrecords.common.errors import UserError
from tfrecords.common.text import size_in_words

# Size of a picture file. The largest picture has 400 MiB of pixels; a process holds one at a time.
MOST_PICTURE_BYTES = 2**28

# No real archive of pictures unpacks to more than this many times its size, plus this much.
_MOST_TIMES = 200
_MOST_MORE = 2**30


def picture_too_large(num_bytes: int) -> str | None:
    """Returns why a picture file of this size is skipped, or None if it is not."""
    if num_bytes < 0:
        return "a file of less than nothing"
    if num_bytes <= MOST_PICTURE_BYTES:
        return None
    size, most = size_in_words(num_bytes), size_in_words(MOST_PICTURE_BYTES)
    return f"a file of {size}, expected at most {most}"


def check_expansion(unpacked: int, packed: int, path: str) -> None:
    """Raises UserError for an archive that unpacks, or claims to unpack, to too many bytes."""
    if unpacked > packed * _MOST_TIMES + _MOST_MORE:
        got = f"{size_in_words(packed)} that unpack to {size_in_words(unpacked)} or more"
        how = "if they are, unpack it yourself and give the folder"
        raise UserError(f"{path}: {got}, expected pictures: {how}")


def count_processors() -> int:
    """Returns how many processors this process may use, or else how many the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
