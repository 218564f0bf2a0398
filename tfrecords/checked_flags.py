"""Flags whose values are checked when they are read, before a command does anything.

Every number of every command, and every path, is read here; see `bounds`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from absl import flags

from tfrecords.bounds import Bounds, shown

# Flags belong to the module that calls, not to this one.
flags.disclaim_key_flags()

_LONGEST_PATH = 4096
_LONGEST_NAME = 255  # bytes; of a file or folder, nearly everywhere


class _Parser(flags.ArgumentParser):
    """Reads a flag's value with a function that raises a ValueError in words."""

    def __init__(self, read: Callable[[str], Any], syntactic_help: str) -> None:
        self.read = read
        self.syntactic_help = syntactic_help

    def parse(self, argument: Any) -> Any:
        return self.read(argument) if isinstance(argument, str) else argument


def define_read(
    name: str, default: str | None, help: str, read: Callable[[str], Any], syntax: str = ""
) -> flags.FlagHolder:
    """Defines a flag whose value is what `read` makes of its text.

    Args:
        name: of the flag.
        default: as text.
        help: for --help.
        read: raises a ValueError, or a UserError, for another text. A message that goes after
            the flag's name, such as "expected 8x4, got 'x'".
        syntax: what `read` takes, in words.
    """
    parser = _Parser(read, syntax)
    serializer = flags.ArgumentSerializer()
    return flags.DEFINE(parser, name, default, help, serializer=serializer)


def define_number(
    name: str, default: float | None, help: str, bounds: Bounds
) -> flags.FlagHolder:
    """Defines a flag that takes a number within bounds."""
    text = None if default is None else str(default)
    holder = define_read(name, text, help, bounds.read, str(bounds))
    flags.FLAGS[name].bounds = bounds  # for the test that tries what lies outside
    return holder


def define_path(name: str, default: str | None, help: str) -> flags.FlagHolder:
    """Defines a flag that names a file, a folder, or what else pictures come from."""
    return define_read(name, default, help, read_path)


def define_text(name: str, default: str | None, help: str) -> flags.FlagHolder:
    """Defines a flag that takes words, which may not be none."""
    return define_read(name, default, help, read_text)


def read_text(text: str) -> str:
    """Returns a text that is not empty, of one line, and can be written to a file.

    Raises:
        ValueError: it is not.
    """
    if not text.strip():
        raise ValueError(f"expected a value, got {text!r}: give one, or leave the flag out")
    if any(ord(letter) < 32 for letter in text):
        raise ValueError(f"expected one line of letters, got {shown(text)}")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"expected UTF-8, got {shown(text)}") from None
    return text


def read_path(text: str) -> str:
    """Returns a path that a file system may have.

    Raises:
        ValueError: none has it.
    """
    read_text(text)
    names = text.split("/")
    if len(text) > _LONGEST_PATH or any(len(name.encode()) > _LONGEST_NAME for name in names):
        raise ValueError(
            f"expected a path of at most {_LONGEST_PATH} characters, {_LONGEST_NAME} in a name, "
            f"got {shown(text)}"
        )
    return text
