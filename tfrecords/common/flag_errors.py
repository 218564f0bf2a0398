"""What is wrong with flags, and with files of them, in one line: absl's errors in our words."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Sequence

from absl import flags

from tfrecords.common.bounds import shown
from tfrecords.common.errors import UserError

_LARGEST_FLAG_FILE = 2**20  # bytes


def in_words(error: Exception) -> str:
    """Returns what a mistake in flags is: what was expected of which, and what came."""
    if isinstance(error, flags.UnrecognizedFlagError):
        found = re.search(r"Did you mean: (.*?) \?$", str(error))
        meant = f": did you mean --{found[1].replace(', ', ' or --')}?" if found else ": see --help"
        return f"--{shown(error.flagname)[1:-1]}: expected a flag of this command{meant}"
    message = str(error)
    if found := re.fullmatch(r"Missing value for flag (--\w+)", message):
        return f"{found[1]}: expected a value, got none: give {found[1]}=VALUE"
    found = re.match(r"flag --(\w+)=", message)
    reason = str(error.__context__)
    if not found or found[1] not in flags.FLAGS or not message.endswith(reason):
        return message
    name, value = found[1], message[found.end() :].removesuffix(reason).removesuffix(": ")
    parser = flags.FLAGS[name].parser
    if isinstance(parser, flags.BooleanParser):
        reason = f"expected true or false, got {shown(value)}"
    elif isinstance(parser, flags.EnumParser):
        names = [one or "nothing" for one in parser.enum_values]
        reason = f"expected {' or '.join(names)}, got {shown(value)}"
    return reason if reason.startswith("--") else f"--{name}: {reason}"


def check_flag_files(arguments: Sequence[str], seen: tuple[str, ...] = ()) -> None:
    """Checks the files that --flagfile names, and those that these name.

    Args:
        arguments: of the command, or the lines of a file.
        seen: the files that led here.

    Raises:
        UserError: one can't be read, holds no text, or names itself.
    """
    for position, argument in enumerate(arguments):
        found = re.fullmatch(r"--?flagfile(?:=(.*))?", argument.strip(), re.DOTALL)
        if not found:
            continue
        path = found[1]
        if path is None:  # `--flagfile PATH`
            path = arguments[position + 1] if position + 1 < len(arguments) else ""
        path = os.path.expanduser(path.strip())
        if path in seen:
            raise UserError(
                f"--flagfile: expected files that end, got {path!r}, which names itself"
            )
        check_flag_files(_read(path), (*seen, path))


def _read(path: str) -> list[str]:
    wanted = f"--flagfile: expected a text file with a flag in each line, got {shown(path)}"
    try:
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode) or found.st_size > _LARGEST_FLAG_FILE:
            raise UserError(f"{wanted}, which is none")
        with open(path, encoding="utf-8") as file:
            return file.readlines()
    except OSError as error:
        raise UserError(f"{wanted} ({error.strerror})") from None
    except ValueError as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{wanted}, which is not in UTF-8") from None
