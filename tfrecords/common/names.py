"""Names of data sets and classes, which stand in paths, files and messages."""

import re

_MOST_LETTERS = 255
# Of a name's UTF-8: file systems take 255, and files of a data set add theirs.
_MOST_BYTES = 220

_NO_TEXT = re.compile("[\ud800-\udfff]")
# Slashes of both kinds, and what steers a terminal.
_NO_NAME = re.compile("[\ud800-\udfff/\\\\\x00-\x1f\x7f-\x9f]")


def as_text(name: str) -> str:
    r"""Returns a name as text that can be written: bytes that are no UTF-8 become \x…."""
    return _NO_TEXT.sub(lambda found: ascii(found[0])[1:-1].replace("\\udc", "\\x"), name)


def as_file_name(name: str) -> str:
    """Returns a name, of whatever bytes, as one that a file in a folder can have."""
    name = _NO_NAME.sub("_", name).encode()[:_MOST_BYTES].decode(errors="ignore")
    return "_" if name in ("", ".", "..") else name


def is_file_name(name: object) -> bool:
    """Says whether a value from a file names a file in a folder, and nowhere else."""
    return (
        isinstance(name, str)
        and 0 < len(name) <= _MOST_LETTERS
        and name not in (".", "..")
        and not _NO_NAME.search(name)
    )


def is_text(value: object) -> bool:
    """Says whether a value from a file is text that can be written."""
    return isinstance(value, str) and not _NO_TEXT.search(value)


def printable(text: str) -> str:
    r"""Returns the text on one line; bytes that are no UTF-8 and the like become \x..."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else ascii(char)[1:-1].replace("\\udc", "\\x") for char in text
    )
