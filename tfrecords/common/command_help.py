"""Formats --help and --helpfull, with flags in groups and lines as wide as the terminal."""

import dataclasses
import re
import shutil
import textwrap
from collections.abc import Iterable, Mapping, Sequence

from absl import flags

_HELP = ("-h", "--h", "-?", "-help", "--help", "-helpshort", "--helpshort")
_HELP_FULL = ("-helpfull", "--helpfull")
_NARROWEST, _WIDEST = 40, 100
_FLAG_WIDTH = 26  # width of the column of flags; longer flags get their own line
_OTHERS = "other"
_OF_EVERY_COMMAND = """Of every command:
  --flagfile=PATH          Flags from a file, one a line.
  --helpxml                All flags as XML, with absl's for logging, debugging
                           and profiling."""


@dataclasses.dataclass(frozen=True)
class Help:
    """Help texts of a command, in addition to its module's docstring and its flags' own help."""

    groups: Mapping[str, Sequence[str]] = dataclasses.field(default_factory=dict)  # of flags
    first: Sequence[str] = ()  # the dozen flags that --help shows; all flags if empty
    examples: Sequence[tuple[str, str]] = ()  # arguments, and what they do


def wants_help(arguments: Sequence[str]) -> bool:
    """Returns whether --help or --helpfull is among the arguments."""
    return not {*_HELP, *_HELP_FULL}.isdisjoint(arguments)


def wants_all(arguments: Sequence[str]) -> bool:
    """Returns whether --helpfull is among the arguments."""
    return not set(_HELP_FULL).isdisjoint(arguments)


def describe(
    command: str, usage: str, about: str, names: Iterable[str], help: Help, *, full: bool
) -> str:
    """Returns the help for `command`, with the flags in `names`."""
    width = max(_NARROWEST, min(_WIDEST, shutil.get_terminal_size().columns))
    groups = _groups_of(set(names), help)
    if help.first and not full:
        groups = {
            title: [name for name in its if name in help.first] for title, its in groups.items()
        }
    parts = [usage, _fill_paragraphs(about, width)]
    if help.examples:
        examples = [f"  {command} {arguments}".rstrip() for arguments, _ in help.examples]
        described = zip(examples, (f"      {words}" for _, words in help.examples), strict=True)
        parts.append("\n".join(["Examples:", *(line for pair in described for line in pair)]))
    for title, its in groups.items():
        if its:
            lines = [line for name in its for line in _describe_flag(flags.FLAGS[name], width)]
            parts.append("\n".join([f"{title.capitalize()}:", *lines]))
    if full:
        parts.append(_OF_EVERY_COMMAND)
    else:
        known = sum(map(len, _groups_of(set(names), help).values()))
        parts.append(f"All {known} flags: {command} --helpfull")
    return "\n\n".join(parts)


def _groups_of(names: set[str], help: Help) -> dict[str, list[str]]:
    """Returns the flags by group, with a separate heading for those without a group."""
    groups = {title: [name for name in its if name in names] for title, its in help.groups.items()}
    rest = sorted(names.difference(*groups.values()))
    return groups | ({_OTHERS if groups else "flags": rest} if rest else {})


def _describe_flag(flag: flags.Flag, width: int) -> list[str]:
    left = f"  --{_with_value(flag)}"
    # Removes the values that absl puts before the help text.
    words = re.sub(r"^<.*?>: ", "", " ".join(str(flag.help).split()))
    if "Default" not in words and (default := _default_of(flag)):
        words = f"{words.removesuffix('.')} (default: {default})."
    room = width - _FLAG_WIDTH - 1
    lines = textwrap.wrap(words, room) or [""]
    if len(left) > _FLAG_WIDTH:
        return [left, *(f"{'':{_FLAG_WIDTH}} {line}" for line in lines)]
    begins = [left, *[""] * (len(lines) - 1)]
    return [f"{begin:{_FLAG_WIDTH}} {line}" for begin, line in zip(begins, lines, strict=True)]


def _with_value(flag: flags.Flag) -> str:
    parser = flag.parser
    if isinstance(parser, flags.BooleanParser):
        return f"[no]{flag.name}"
    if isinstance(parser, flags.EnumParser):
        return f"{flag.name}={'|'.join(filter(None, parser.enum_values))}"
    kind = parser.syntactic_help
    for word, value in (("a path", "PATH"), ("a text", "TEXT"), ("a name", "NAME")):
        if kind == word:
            return f"{flag.name}={value}"
    return f"{flag.name}={'NUMBER' if 'number' in kind or 'power of two' in kind else 'VALUE'}"


def _default_of(flag: flags.Flag) -> str:
    """Returns the default as text, empty if there is none."""
    if flag.default in (None, "", []):
        return ""
    if isinstance(flag.parser, flags.BooleanParser):
        return "on" if flag.default else "off"
    is_float = isinstance(flag.default, float)
    return f"{flag.default:g}" if is_float else str(flag.default_unparsed)


def _fill_paragraphs(text: str, width: int) -> str:
    """Wraps paragraphs. Leaves indented lines and tables as they are."""
    parts = []
    for part in textwrap.dedent(text).strip().split("\n\n"):
        is_prose = not any("  " in line for line in part.splitlines())
        parts.append(textwrap.fill(" ".join(part.split()), width) if is_prose else part)
    return "\n\n".join(parts)
