"""What all commands share: flags, one-line errors, exit codes.

Exit codes are 0 for success; 2 after a user's mistake (one line on stderr, no traceback); 130 after
Ctrl-C; 141 if nobody reads stdout any more, as in `| head -1`; 143 after SIGTERM; and 1 if the
answer is no or, with a traceback, after a bug of ours.
"""

import io
import itertools
import os
import re
import stat
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from absl import app, flags, logging

from tfrecords.common import command_help
from tfrecords.common.bounds import Bounds, shown
from tfrecords.common.broken_pipe import quiet_if_unread
from tfrecords.common.command_help import Help
from tfrecords.common.errors import StoppedError, UserError
from tfrecords.common.text import did_you_mean

flags.disclaim_key_flags()  # flags belong to the calling module, not to this one

_LARGEST_FLAG_FILE = 2**20  # bytes
_LONGEST_PATH, _LONGEST_TEXT = 4096, 1000
_LONGEST_NAME = 255  # bytes in the name of a file or folder, on nearly all file systems

Positional = Sequence[str] | Mapping[str, Sequence[str]]
Complete = Callable[[list[str]], list[str]]


def run(
    main: Callable[..., None],
    positional: Positional = (),
    complete: Complete = list,
    help: Help = Help(),  # noqa: B008  (it is frozen)
) -> None:
    """Parses the flags, calls `main` with the other arguments, and exits.

    `positional` names the other arguments in the usage message, ("SOURCE", "OUT"), or those of
    subcommands, {"show": ("FOLDER",)}. `complete` can put more arguments first, such as a preset's.
    `help` groups the flags. The docstring of `main`'s module describes the command.
    """
    module = sys.modules[main.__module__]
    own_flags = flags.FLAGS.get_key_flags_for_module(module)

    def parse_flags(argv: list[str]) -> list[str]:
        if command_help.wants_help(argv[1:]):
            names = [flag.name for flag in own_flags]
            about, full = module.__doc__ or "", command_help.wants_all(argv[1:])
            usage = f"usage: {_usage(positional)}"
            with quiet_if_unread():
                print(command_help.describe(command_line(), usage, about, names, help, full=full))
            sys.exit(0)
        try:
            arguments = complete(argv[1:])
            check_flag_files(arguments)
            return flags.FLAGS([argv[0], *arguments])
        except (flags.Error, UserError) as error:
            _exit(f"error: {_reword(error)}", 2)
        except SystemExit:  # after --helpxml, for which absl exits with 1
            sys.exit(0)

    def call_main(argv: list[str]) -> None:
        if not flags.FLAGS["verbosity"].present:  # Keras raises it when imported
            logging.set_verbosity(logging.WARNING)
        # Printing must not fail for file names, which may contain any bytes.
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")
        try:
            _check_arguments(argv[1:], positional)
            with quiet_if_unread():
                main(*argv[1:])
        except UserError as error:
            _exit(f"error: {error}", 2)
        except StoppedError as stopped:
            _exit(str(stopped), stopped.status)
        except KeyboardInterrupt:
            _exit("interrupted", 130)

    app.run(call_main, flags_parser=parse_flags)


def flag_values(arguments: Sequence[str], name: str) -> list[str]:
    """Returns the values of a flag in arguments, as `--name=value` or `--name value`."""
    values = []
    for word, after in itertools.pairwise([*arguments, ""]):
        flag, equals, value = word.partition("=")
        if flag in (f"-{name}", f"--{name}"):
            values.append(value if equals else after)
    return values


def check_flag_files(arguments: Sequence[str], seen: tuple[str, ...] = ()) -> None:
    """Raises UserError if a --flagfile, or one within it, is not text or refers back to `seen`."""
    for position, argument in enumerate(arguments):
        found = re.fullmatch(r"--?flagfile(?:=(.*))?", argument.strip(), re.DOTALL)
        if not found:
            continue
        path = found[1]
        if path is None:  # `--flagfile PATH`
            path = "".join(arguments[position + 1 : position + 2])
        path = os.path.expanduser(path.strip())
        if path in seen:
            raise UserError(f"--flagfile: expected files that do not name themselves, got {path!r}")
        check_flag_files(_read_flag_file(path), (*seen, path))


def _read_flag_file(path: str) -> list[str]:
    try:
        found = os.stat(path)
        if stat.S_ISREG(found.st_mode) and found.st_size <= _LARGEST_FLAG_FILE:
            with open(path, encoding="utf-8") as file:
                return file.readlines()
        why = ", which is none"
    except OSError as error:
        why = f" ({error.strerror})"
    except ValueError:
        why = ", which is not in UTF-8"
    raise UserError(f"--flagfile: expected a text file, a flag a line, got {shown(path)}{why}")


def _reword(error: Exception) -> str:
    """Rewrites absl's message about flags to say what was expected and what came."""
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
        meant = did_you_mean(value, parser.enum_values)
        reason = f"expected {' or '.join(names)}, got {shown(value)}{meant}"
    return reason if reason.startswith("--") else f"--{name}: {reason}"


def _check_arguments(arguments: Sequence[str], positional: Positional) -> None:
    command = command_line()
    if isinstance(positional, Mapping):
        usage = f"usage: {_usage(positional)}"
        name, *arguments = arguments or ("none",)
        if name not in positional:
            *names, last = positional
            wanted = f"a command, {', '.join(names)} or {last}"
            meant = did_you_mean(name, positional)
            raise UserError(f"expected {wanted}, got {_cut(name)}{meant}; {usage}")
        command, positional = f"{command} {name}", positional[name]
    if len(arguments) != len(positional):
        got = _cut(" ".join(arguments)) or "none"
        if not positional:
            raise UserError(f"expected flags only (--name=value), got the argument {got}")
        usage = f"usage: {command} {' '.join(positional)} [--flags]"
        plural = "s" * (len(positional) > 1)
        raise UserError(f"expected {len(positional)} argument{plural}, got {got}; {usage}")
    for name, argument in zip(positional, arguments, strict=True):
        try:
            read_path(argument)
        except ValueError as error:
            raise UserError(f"{name}: {error}") from None


def _usage(positional: Positional) -> str:
    names = ["COMMAND …"] if isinstance(positional, Mapping) else positional
    return " ".join([command_line(), *names, "[--flags]"])


def _cut(text: str) -> str:
    return text if len(text) <= 100 and text.isprintable() else shown(text)


def _exit(message: str, status: int) -> NoReturn:
    name = command_line().removeprefix("python ").removeprefix("-m ")
    lines = (line.strip() for line in message.splitlines())
    print(f"{name}: {'; '.join(filter(None, lines))}", file=sys.stderr)
    sys.exit(status)


def command_line() -> str:
    """Returns how this command was started: `pgan NAME`, `python -m MODULE` or `python SCRIPT`."""
    if sys.argv[0].startswith("pgan "):  # pgan_tf/commands/pgan.py
        return sys.argv[0]
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    if spec:
        return f"python -m {spec.name.removesuffix('.__main__')}"
    return f"python {os.path.basename(sys.argv[0])}"


class _Parser(flags.ArgumentParser):
    def __init__(self, read: Callable[[str], Any], syntactic_help: str) -> None:
        self.read = read
        self.syntactic_help = syntactic_help

    def parse(self, argument: Any) -> Any:
        return self.read(argument) if isinstance(argument, str) else argument


def define_read(
    name: str, default: str | None, help: str, read: Callable[[str], Any], syntax: str = ""
) -> flags.FlagHolder:
    """Defines a flag whose text `read` converts to its value; --help shows `syntax`.

    `read` raises UserError, or ValueError with a message to follow the name ("expected 8x4, …").
    """
    serializer: flags.ArgumentSerializer[Any] = flags.ArgumentSerializer()
    return flags.DEFINE(_Parser(read, syntax), name, default, help, serializer=serializer)


def define_number(name: str, default: float | None, help: str, bounds: Bounds) -> flags.FlagHolder:
    """Defines a flag that takes a number within bounds."""
    text = None if default is None else str(default)
    holder = define_read(name, text, help, bounds.read, str(bounds))
    vars(flags.FLAGS[name])["bounds"] = bounds  # for a test that tries values outside of them
    return holder


def define_path(name: str, default: str | None, help: str) -> flags.FlagHolder:
    """Defines a flag that names a file, a folder, or another source of pictures."""
    return define_read(name, default, help, read_path, "a path")


def define_text(
    name: str, default: str | None, help: str, check: Callable[[str], Any] = str
) -> flags.FlagHolder:
    """Defines a flag that takes a text that is not empty; `check` raises as in `define_read`."""

    def read(text: str) -> str:
        check(read_text(text))
        return text

    return define_read(name, default, help, read, "a text")


def only_with(names: Sequence[str], other: flags.FlagHolder, *values: str) -> None:
    """Raises UserError for flags that need flag `other`, or one of its `values`, to have effect."""
    changed = _changed(names)
    if changed and not (other.value and (not values or other.value in values)):
        wanted = f"--{other.name}" + f"={' or '.join(values)}" * bool(values)
        got = f"--{other.name}={other.value}" if other.value else "it alone"
        raise UserError(f"--{changed[0]}: expected {wanted} with it, got {got}: remove it")


def not_with(names: Sequence[str], other: flags.FlagHolder) -> None:
    """Raises UserError for flags that have no effect together with `other`, if that is given."""
    if other.value and (changed := _changed(names)):
        raise UserError(f"--{changed[0]}: expected it without --{other.name}, got both: remove one")


def _changed(names: Sequence[str]) -> list[str]:
    return [name for name in names if flags.FLAGS[name].value != flags.FLAGS[name].default]


def read_text(text: str, longest: int = _LONGEST_TEXT) -> str:
    """Returns the text. Raises ValueError unless it is a single, short line of UTF-8, not empty."""
    if not text.strip():
        raise ValueError(f"expected a value, got {text!r}: give one, or remove the flag")
    if len(text) > longest or any(ord(letter) < 32 for letter in text):
        raise ValueError(f"expected one line of at most {longest} characters, got {shown(text)}")
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ValueError(f"expected UTF-8, got {shown(text)}")
    return text


def read_path(text: str) -> str:
    """Returns a path with `~` expanded, which shells do not do after `--flag=`.

    Raises ValueError for an impossible path, and for devices and pipes, which may never end.
    """
    read_text(text, _LONGEST_PATH)
    if any(len(name.encode()) > _LONGEST_NAME for name in text.split("/")):
        raise ValueError(f"expected names of at most {_LONGEST_NAME} bytes, got {shown(text)}")
    if not os.path.exists(text):  # else it is a folder with the name `~`
        text = os.path.expanduser(text)
    if os.path.exists(text) and not (os.path.isfile(text) or os.path.isdir(text)):
        raise ValueError(f"expected a file or a folder, got {text!r}, a device or a pipe")
    return text
