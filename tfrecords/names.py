"""Names of data sets and classes, which stand in paths, files and messages."""

import re

_MOST_LETTERS = 200

_NO_TEXT = re.compile("[\ud800-\udfff]")


def as_text(name: str) -> str:
    r"""Returns a name as text that can be written: bytes that are no UTF-8 become \x…."""
    return _NO_TEXT.sub(lambda found: ascii(found[0])[1:-1].replace("\\udc", "\\x"), name)


def as_file_name(name: str) -> str:
    """Returns a name, of whatever bytes, as one that any file can have."""
    name = "".join(char if char.isprintable() and char not in "/\\" else "_" for char in name)
    return name[:_MOST_LETTERS].strip() or "_"


def is_file_name(name: str) -> bool:
    """Says whether a name that a file tells of names a file in a folder, and nowhere else."""
    return (
        0 < len(name) <= 255
        and name not in (".", "..")
        and not set(name) & set("/\\\0\r\n")
        and not _NO_TEXT.search(name)
    )


def is_text(value: object) -> bool:
    """Says whether a value from a file is text that can be written."""
    return isinstance(value, str) and not _NO_TEXT.search(value)
