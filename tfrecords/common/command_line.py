"""What every command has in common: flags, one-line errors, exit codes.

A command exits with 0, with 2 after a mistake of its user (one line on stderr, no
traceback), with 130 after Ctrl-C and 143 after SIGTERM (128 and the signal's number, as
shells count), and with 1 and a traceback after a bug of ours.
Commands that answer a question may exit with 1 for no.
"""

import io
import os
import re
import stat
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn

from absl import app, flags, logging

from tfrecords.common.bounds import shown
from tfrecords.common.checked_flags import read_path
from tfrecords.common.errors import StoppedError, UserError

_LARGEST_FLAG_FILE = 2**20  # bytes

# The names of the arguments that are not flags; or those of each sub-command by its name.
Positional = Sequence[str] | Mapping[str, Sequence[str]]


def run(
    main: Callable[..., None],
    positional: Positional = (),
    complete: Callable[[list[str]], list[str]] = list,
) -> None:
    """Parses the flags, calls `main` and exits; never returns.

    Args:
        main: called without arguments, or with one string for each of `positional`;
            with sub-commands, with the name of one and its arguments.
        positional: names of the arguments that are not flags, such as
            ("SOURCE", "OUT"), as the usage message shows them. With sub-commands, the
            first argument, such a tuple for each: {"show": ("FOLDER",)}.
        complete: gives the arguments with those that go before them, such as a preset.
    """

    def parse_flags(argv: list[str]) -> list[str]:
        try:
            arguments = complete(argv[1:])
            check_flag_files(arguments)
            return flags.FLAGS([argv[0], *arguments])
        except (flags.Error, UserError) as error:
            _fail(_in_words(error))
        except SystemExit:  # after --help and its sisters, which absl ends with 1
            sys.exit(0)

    def call_main(argv: list[str]) -> None:
        if not flags.FLAGS["verbosity"].present:  # Keras raises it when imported
            logging.set_verbosity(logging.WARNING)
        # Names of files may be any bytes, and telling of one is no reason to end.
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")
        try:
            _check_arguments(argv[1:], positional)
            main(*argv[1:])
        except UserError as error:
            _fail(str(error))
        except StoppedError as stopped:
            print(f"{_command_name()}: {stopped}", file=sys.stderr)
            sys.exit(stopped.status)
        except KeyboardInterrupt:
            print(f"{_command_name()}: interrupted", file=sys.stderr)
            sys.exit(130)

    _show_help_of(sys.modules[main.__module__])
    app.run(call_main, flags_parser=parse_flags)


def _show_help_of(module: types.ModuleType) -> None:
    """Has --help show a command that another file starts, such as train.py in the root."""
    for flag in flags.FLAGS.get_key_flags_for_module(module):
        flags.FLAGS.register_key_flag_for_module(sys.argv[0], flag)
    sys.modules["__main__"].__doc__ = module.__doc__


def _check_arguments(arguments: Sequence[str], positional: Positional) -> None:
    if isinstance(positional, Mapping):
        command, *rest = arguments or ("none",)
        if command not in positional:
            *names, last = positional
            raise UserError(
                f"expected a command, {', '.join(names)} or {last}, got {_cut(command)}; "
                f"usage: {_command_line()} COMMAND … [--flags]"
            )
        _check_count(rest, positional[command], f"{_command_line()} {command}")
    else:
        _check_count(arguments, positional, _command_line())


def _check_count(arguments: Sequence[str], positional: Sequence[str], command: str) -> None:
    if len(arguments) == len(positional):
        for name, argument in zip(positional, arguments, strict=True):
            try:
                read_path(argument)
            except ValueError as error:
                raise UserError(f"{name}: {error}") from None
        return
    got = _cut(" ".join(arguments)) or "none"
    if not positional:
        raise UserError(f"expected flags only (--name=value), got the argument {got}")
    usage = f"usage: {command} {' '.join(positional)} [--flags]"
    plural = "s" * (len(positional) > 1)
    raise UserError(f"expected {len(positional)} argument{plural}, got {got}; {usage}")


def _cut(text: str) -> str:
    return text if len(text) <= 100 and text.isprintable() else shown(text)


def _fail(message: str) -> NoReturn:
    lines = (line.strip() for line in message.splitlines())
    print(f"{_command_name()}: error: {'; '.join(filter(None, lines))}", file=sys.stderr)
    sys.exit(2)


def _module_name() -> str | None:
    """The dotted name after `python -m`, or None for a script."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return spec.name.removesuffix(".__main__") if spec else None


def _command_name() -> str:
    return _module_name() or os.path.basename(sys.argv[0])


def _command_line() -> str:
    module = _module_name()
    return f"python -m {module}" if module else f"python {os.path.basename(sys.argv[0])}"


def _in_words(error: Exception) -> str:
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
        check_flag_files(_read_flag_file(path), (*seen, path))


def _read_flag_file(path: str) -> list[str]:
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
