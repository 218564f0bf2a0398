"""Flags whose values are checked when they are parsed, before a command does anything.

Every number (see `bounds`) and every path of every command is read here.
"""

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
    def __init__(self, read: Callable[[str], Any], syntactic_help: str) -> None:
        self.read = read
        self.syntactic_help = syntactic_help

    def parse(self, argument: Any) -> Any:
        return self.read(argument) if isinstance(argument, str) else argument


def define_read(
    name: str, default: str | None, help: str, read: Callable[[str], Any], syntax: str = ""
) -> flags.FlagHolder:
    """Defines a flag whose value is what `read` makes of its text.

    `read` raises a ValueError with a message that goes after the flag's name, such as "expected
    8x4, got 'x'", or a UserError. `syntax` tells --help what it takes.
    """
    serializer: flags.ArgumentSerializer[Any] = flags.ArgumentSerializer()
    return flags.DEFINE(_Parser(read, syntax), name, default, help, serializer=serializer)


def define_number(name: str, default: float | None, help: str, bounds: Bounds) -> flags.FlagHolder:
    """Defines a flag that takes a number within bounds."""
    text = None if default is None else str(default)
    holder = define_read(name, text, help, bounds.read, str(bounds))
    vars(flags.FLAGS[name])["bounds"] = bounds  # for the test that tries what lies outside
    return holder


def define_path(name: str, default: str | None, help: str) -> flags.FlagHolder:
    """Defines a flag that names a file, a folder, or another source of pictures."""
    return define_read(name, default, help, read_path, "a path")


def define_text(
    name: str, default: str | None, help: str, check: Callable[[str], Any] = str
) -> flags.FlagHolder:
    """Defines a flag that takes a text, not an empty one; `check` raises as `define_read` says."""

    def read(text: str) -> str:
        check(read_text(text))
        return text

    return define_read(name, default, help, read, "a text")


def only_with(names: Sequence[str], other: flags.FlagHolder, *values: str) -> None:
    """Raises UserError for flags that do nothing without another, or one of its `values`."""
    changed = _changed(names)
    if changed and not (other.value and (not values or other.value in values)):
        wanted = f"--{other.name}" + f"={' or '.join(values)}" * bool(values)
        got = f"--{other.name}={other.value}" if other.value else "it alone"
        raise UserError(f"--{changed[0]}: expected {wanted} with it, got {got}: remove it")


def not_with(names: Sequence[str], other: flags.FlagHolder) -> None:
    """Raises UserError for flags that do nothing with another one, if that is given."""
    if other.value and (changed := _changed(names)):
        raise UserError(f"--{changed[0]}: expected it without --{other.name}, got both: remove one")


def _changed(names: Sequence[str]) -> list[str]:
    return [name for name in names if flags.FLAGS[name].value != flags.FLAGS[name].default]


def read_text(text: str, longest: int = _LONGEST_TEXT) -> str:
    """Returns the text; raises ValueError unless it is one line, not empty or long, in UTF-8."""
    if not text.strip():
        raise ValueError(f"expected a value, got {text!r}: give one, or remove the flag")
    if len(text) > longest or any(ord(letter) < 32 for letter in text):
        raise ValueError(f"expected one line of at most {longest} characters, got {shown(text)}")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"expected UTF-8, got {shown(text)}") from None
    return text


def read_path(text: str) -> str:
    """Returns a path that a file system may have, with the home folder for `~`.

    Shells leave `~` as it is after `--flag=`. Raises ValueError for what cannot be a path, and
    for a device or a pipe, which may never end.
    """
    read_text(text, _LONGEST_PATH)
    if any(len(name.encode()) > _LONGEST_NAME for name in text.split("/")):
        raise ValueError(f"expected names of at most {_LONGEST_NAME} bytes, got {shown(text)}")
    if not os.path.exists(text):  # else it is a folder whose name is `~`
        text = os.path.expanduser(text)
    if os.path.exists(text) and not (os.path.isfile(text) or os.path.isdir(text)):
        raise ValueError(f"expected a file or a folder, got {text!r}, a device or a pipe")
    return text
