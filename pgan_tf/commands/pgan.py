"""The command `pgan` of an installed package. In a clone there are train.py and its sisters.

Imports only the command that was asked for.
"""

import importlib
import shutil
import sys

from pgan_tf import __version__
from tfrecords.common.bounds import shown
from tfrecords.common.broken_pipe import quiet_if_unread
from tfrecords.common.errors import UserError
from tfrecords.common.text import did_you_mean

COMMANDS = {
    "train": "Train on your pictures, or on the built-in shapes.",
    "generate": "Draw pictures, sheets and videos with a trained generator.",
    "evaluate": "Score a run or an export: FID, KID, SWD and others.",
    "export": "Write a generator for TensorFlow Serving, a web page, ONNX or LiteRT.",
    "report": "Make one HTML page about a run.",
    "certify": "Write what a run's result rests on: flags, data, code, versions.",
    "verify": "Replay a tick of a certified run, and compare bit for bit.",
    "benchmark": "Measure how fast this machine trains.",
    "data create": "Convert pictures to TFRecords.",
    "data inspect": "Look into TFRecords: summary, verify, extract, show, compare.",
    "data preview": "Draw pictures as the discriminator sees them augmented.",
}
_MODULES = {name: f"pgan_tf.commands.{name}" for name in COMMANDS if " " not in name}
_MODULES |= {name: f"pgan_tf.commands.certificates.{name}" for name in ("certify", "verify")}
_MODULES |= {"data create": "tfrecords.create", "data inspect": "tfrecords.inspect"}
_MODULES |= {"data preview": "pgan_tf.commands.preview"}
_HELP = ("--help", "-h", "-help", "--helpfull", "help")


def main() -> None:
    """Starts the command that the first argument names, or lists the commands."""
    words = sys.argv[1:]
    if words in (["--version"], ["-version"]):
        print(f"pgan-tf {__version__}")
        return
    group = words[0] if words[:1] == ["data"] else ""
    rest = words[1:] if group else words
    if not rest or rest[0] in _HELP:
        with quiet_if_unread():
            print(overview(group))
        return
    try:
        name = find_command(rest[0], group)
    except UserError as error:
        print(f"pgan: error: {error}", file=sys.stderr)
        sys.exit(2)
    # The other arguments are the command's; its messages say how it was started.
    sys.argv = [f"pgan {name}", *rest[1:]]
    importlib.import_module(_MODULES[name]).start()


def find_command(word: str, group: str = "") -> str:
    """Returns a command's full name. Raises UserError for another word."""
    prefix = f"{group} " if group else ""
    name = f"{prefix}{word}"
    if name in COMMANDS:
        return name
    words = [known.removeprefix(prefix) for known in COMMANDS if known.startswith(prefix)]
    if not group:
        words = list(dict.fromkeys(known.split()[0] for known in words))
    if word.startswith("-"):
        advice = f": write pgan {prefix}{words[0]} {word if len(word) < 40 else '…'}"
    else:
        advice = did_you_mean(word, words)
    *others, last = words
    raise UserError(f"expected a command, {', '.join(others)} or {last}, got {shown(word)}{advice}")


def overview(group: str = "") -> str:
    """Returns the commands, of a group or all, one a line."""
    rows = {f"pgan {name}": about for name, about in COMMANDS.items() if name.startswith(group)}
    width = max(map(len, rows))
    lines = [f"  {name:{width}}  {about}" for name, about in rows.items()]
    if shutil.get_terminal_size().columns < 80:
        lines = [f"  {name}\n      {about}" for name, about in rows.items()]
    usage = f"usage: pgan {f'{group} ' * bool(group)}COMMAND … [--flags]"
    about = "Progressive Growing of GANs: train on pictures, look, score and export."
    return "\n".join([usage, "", about, "", *lines, "", "pgan COMMAND --help says more of one."])


def sibling(name: str) -> str:
    """Returns how another command is started from where this one was: `pgan export`."""
    return f"pgan {name}" if sys.argv[0].startswith("pgan ") else f"python {name}.py"
