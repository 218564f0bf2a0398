"""Flags whose values are checked when they are read, before a command does anything.

Every number of every command, and every path, is read here; see `bounds`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from absl import flags

from tfrecords.common.bounds import Bounds, shown
from tfrecords.common.errors import UserError

# Flags belong to the module that calls, not to this one.
flags.disclaim_key_flags()

_LONGEST_PATH = 4096
_LONGEST_TEXT = 1000
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
    serializer: flags.ArgumentSerializer[Any] = flags.ArgumentSerializer()
    return flags.DEFINE(parser, name, default, help, serializer=serializer)


def define_number(name: str, default: float | None, help: str, bounds: Bounds) -> flags.FlagHolder:
    """Defines a flag that takes a number within bounds."""
    text = None if default is None else str(default)
    holder = define_read(name, text, help, bounds.read, str(bounds))
    vars(flags.FLAGS[name])["bounds"] = bounds  # for the test that tries what lies outside
    return holder


def define_path(name: str, default: str | None, help: str) -> flags.FlagHolder:
    """Defines a flag that names a file, a folder, or what else pictures come from."""
    return define_read(name, default, help, read_path, "a path")


def define_text(
    name: str, default: str | None, help: str, check: Callable[[str], Any] | None = None
) -> flags.FlagHolder:
    """Defines a flag that takes words, which may not be none.

    Args:
        name: of the flag.
        default: its value without one.
        help: for --help.
        check: raises a ValueError, or a UserError, for other words than it wants.
    """

    def read(text: str) -> str:
        read_text(text)
        if check is not None:
            check(text)
        return text

    return define_read(name, default, help, read, "a text")


def only_with(names: Sequence[str], other: flags.FlagHolder, *values: str) -> None:
    """Refuses flags that do nothing without another one.

    Args:
        names: of flags.
        other: the one that they belong to.
        values: of it, with which they do something; none for any.

    Raises:
        UserError: one of the flags is not as by default, and the other is not as it must be.
    """
    if other.value and (not values or other.value in values):
        return
    wanted = f"--{other.name}" + f"={' or '.join(values)}" * bool(values)
    for name in names:
        if flags.FLAGS[name].value != flags.FLAGS[name].default:
            got = f"--{other.name}={other.value}" if other.value else "it alone"
            raise UserError(f"--{name}: expected {wanted} with it, got {got}: leave it out")


def not_with(names: Sequence[str], other: flags.FlagHolder) -> None:
    """Refuses flags that do nothing with another one.

    Raises:
        UserError: one of the flags is not as by default, and the other one is given.
    """
    for name in names:
        if other.value and flags.FLAGS[name].value != flags.FLAGS[name].default:
            raise UserError(
                f"--{name}: expected it without --{other.name}, got both: leave one of them out"
            )


def read_text(text: str, longest: int = _LONGEST_TEXT) -> str:
    """Returns a text that is not empty, of one line, not too long, and in UTF-8.

    Raises:
        ValueError: it is not.
    """
    if not text.strip():
        raise ValueError(f"expected a value, got {text!r}: give one, or leave the flag out")
    if len(text) > longest or any(ord(letter) < 32 for letter in text):
        raise ValueError(f"expected one line of at most {longest} characters, got {shown(text)}")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"expected UTF-8, got {shown(text)}") from None
    return text


def read_path(text: str) -> str:
    """Returns a path that a file system may have, of what is no device.

    `~` is the home folder: shells leave it as it is after `--flag=`.

    Raises:
        ValueError: none has it, or a device or a pipe is there, which may never end.
    """
    read_text(text, _LONGEST_PATH)
    if any(len(name.encode()) > _LONGEST_NAME for name in text.split("/")):
        raise ValueError(
            f"expected a path with at most {_LONGEST_NAME} bytes in a name, got {shown(text)}"
        )
    if not os.path.exists(text):  # else it is a folder whose name is `~`
        text = os.path.expanduser(text)
    if os.path.exists(text) and not (os.path.isfile(text) or os.path.isdir(text)):
        raise ValueError(f"expected a file or a folder, got {text!r}, a device or a pipe")
    return text
