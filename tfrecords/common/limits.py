"""How large things may be that files only claim."""

from tfrecords.common.errors import UserError
from tfrecords.common.in_words import size_in_words

# Of a picture's file. The largest that Pillow is let decode has 400 MiB of pixels, and a process
# that converts holds one picture at a time.
MOST_PICTURE_BYTES = 2**28

# A compressed archive of pictures is hardly smaller than they are. One that unpacks to more than
# this many times its size, and this much besides, holds nothing but zeros.
_MOST_TIMES = 200
_MOST_MORE = 2**30


def picture_too_large(num_bytes: int) -> str | None:
    """Says why a picture's file of that many bytes is left out; None if it is not."""
    if 0 <= num_bytes <= MOST_PICTURE_BYTES:
        return None
    if num_bytes < 0:
        return "a file of less than nothing"
    return (
        f"a file of {size_in_words(num_bytes)}, expected at most "
        f"{size_in_words(MOST_PICTURE_BYTES)}"
    )


def check_expansion(unpacked: int, packed: int, path: str) -> None:
    """Refuses an archive that unpacks to far more than pictures would.

    Args:
        unpacked: bytes so far, or as the archive claims.
        packed: its own bytes.
        path: what the error calls it.

    Raises:
        UserError: it is such an archive.
    """
    if unpacked > packed * _MOST_TIMES + _MOST_MORE:
        raise UserError(
            f"{path}: {size_in_words(packed)} that unpack to {size_in_words(unpacked)} or more, "
            "expected pictures: if they are, unpack it yourself and give the folder"
        )
