"""Gives every flag of every command every hostile value, and prints what went wrong.

    python hostile_flags.py FOLDER [COMMAND …] > found.json

The flags and their bounds are absl's own registry: a new flag is tried without a word here.
TensorFlow is loaded once; each command, whose flags have the names of others', is a forked child.
"""

import concurrent.futures
import importlib
import json
import multiprocessing
import os
import pathlib
import signal
import sys
import traceback

from absl import flags

import tfrecords.common.tensorflow_setup  # noqa: F401  (first: it sets TensorFlow up)
from pgan_tf.planning import dry_run
from pgan_tf.training import loop as training_loop  # noqa: F401  (their imports are shared)
from tests.helpers.command_calls import call_module
from tests.helpers.places import ROOT
from tests.helpers.source_helpers import save
from tfrecords.pictures.source import PictureOptions
from tfrecords.sources.by_name import open_source
from tfrecords.writing.writer import write_dataset

SECONDS = 20  # for one call

# Each with arguments that make a whole call of it, but for the flag that is tried.
COMMANDS = {
    "train.py": ("--data=data", "--run_dir=new", "--data_cache=cache", "--resolution=8"),
    # A metric of pictures of 8 px, as this run draws.
    "evaluate.py": ("--run_dir=run", "--data=data", "--metrics=modes"),
    "generate.py": ("--run_dir=run", "--grid=2x1", "--output=new.png"),
    "export.py": ("--run_dir=run", "--export_dir=new"),
    "report.py": ("--run_dir=run", "--output=new.html"),
    "pgan_tf.commands.benchmark": ("--resolution=4", "--json=new.json"),
    "pgan_tf.commands.certificates.certify": ("--run_dir=run", "--output=new.json"),
    "pgan_tf.commands.certificates.verify": ("run/certificate.json", "--run_dir=run"),
    "pgan_tf.commands.preview": ("--data=data", "--data_cache=cache", "--output=new.png"),
    "paper.__main__": ("--run=all", "--results=new.json", "--runs_dir=new"),
    "paper.mode_test": ("--run_dir=run", "--digits=pictures"),
    "tfrecords.create": ("pictures", "new"),
    "tfrecords.inspect": ("extract", "data", "new"),
}
POSITIONAL = {"tfrecords.create": ("SOURCE", "OUT")}
SUB_COMMANDS = (("summary", "data"), ("verify", "data"), ("show", "data", "new.png"))
SUB_COMMANDS += (("compare", "data", "data"),)
# Flags that go with another sub-command, or nothing without another flag.
BESIDE = {
    ("train.py", "labels"): ("--data=pictures", *COMMANDS["train.py"][1:]),
    ("tfrecords.inspect", "count"): ("show", "data", "new.png"),
    ("generate.py", "data"): ("--run_dir=run", "--neighbors=1"),
    ("evaluate.py", "saved_model"): ("--data=data",),
}
for name in ("saved_model", "checkpoint", "official_pkl"):
    BESIDE["generate.py", name] = COMMANDS["generate.py"][1:]
    BESIDE["export.py", name] = COMMANDS["export.py"][1:]
# Places that the calls above have no use for: any path will do that a file system may have.
UNUSED_PLACES = {
    *("data_cache", "inception", "held_out_data", "tfds_data_dir", "mnist", "cache", "runs_dir"),
    *(("paper.__main__", "data"), ("paper.mode_test", "run_dir")),
}

NEVER_NUMBERS = (
    *("", " ", "nan", "-inf", "1e300", "9" * 5000, "0." + "0" * 5000 + "1", "abc", "0x10", " 5 "),
    *("1_000", "\N{ARABIC-INDIC DIGIT THREE}", "--1", "1,5", "1/2"),
)
NEVER_BY_RESOLUTION = ("4:", ":4", "4:1,4:2", "5:1", "4:nan", "4:1,8", "2048:1", "4:1:2", "4;1")
NEVER_LISTS = ("3-1", "1-", "-1", "1,,2", "0-1000000000000", "0-2147483648", "1x", "0x0")
NEVER_LISTS += ("9999x9999",)
LISTS = (" 5 ", "1,5")  # which some of the flags that take lists allow
NEVER_TEXTS = ("", " ", "a\nb", "a\tb", "\udcff", "x" * 5000)
NEVER_PATHS = (*NEVER_TEXTS, "x" * 300, "a/" + "y" * 256 + "/b", "fifo", "/dev/full", "/dev/zero")
WRONG_PLACES = ("file/below", "/proc/none/below")
NEVER_SWITCHES = ("maybe", "", "2", "-1", "nan")


def hostile_values(command, flag):
    """Returns texts that must be refused by a flag, whatever comes with them."""
    parser, bounds = flag.parser, getattr(flag, "bounds", None)
    if isinstance(parser, flags.BooleanParser):
        return NEVER_SWITCHES
    if isinstance(parser, flags.EnumParser):
        known = set(parser.enum_values)
        tried = [*(name.upper() for name in known), "", "x" * 5000, "\udcff", *NEVER_NUMBERS[2:5]]
        return [value for value in tried if value not in known]
    if bounds:
        beyond = [f"{bounds.lower - 1:.17g}", f"{bounds.upper + 1:.17g}"]
        beyond += [f"{bounds.lower:.17g}"] * bounds.above + [f"{bounds.upper:.17g}"] * bounds.below
        beyond += ["1.5"] * bounds.whole + ["48"] * bounds.power_of_two
        if "by resolution" not in parser.syntactic_help:
            return [*NEVER_NUMBERS, *beyond]
        never = [value for value in NEVER_NUMBERS if value.strip() != "5"]
        return [*never, *beyond, *NEVER_BY_RESOLUTION]
    if parser.syntactic_help == "a path":
        unused = not UNUSED_PLACES.isdisjoint({flag.name, (command, flag.name)})
        return NEVER_PATHS if unused else (*NEVER_PATHS, *WRONG_PLACES)
    if parser.syntactic_help == "a text":
        return NEVER_TEXTS
    return (*NEVER_LISTS, *(value for value in NEVER_TEXTS + NEVER_NUMBERS if value not in LISTS))


def snapshot():
    found = {}
    for path in pathlib.Path().rglob("*"):
        state = path.stat()
        found[str(path)] = (state.st_mode, state.st_size, state.st_mtime_ns)
    return found


def call(module, positional, arguments):
    """Returns the exit status, or the error instead, and what went to stderr."""
    signal.alarm(SECONDS)
    try:
        status, _, err = call_module(module, arguments, positional)
    except BaseException:
        return traceback.format_exc()[-1500:], ""
    finally:
        signal.alarm(0)
    return status, err


def wrong(status, err, name, value, before):
    """Returns what is wrong with the answer to a hostile value; None if nothing is."""
    if status != 2:
        return f"status {status}"
    if err.count("\n") != 1 or not err.endswith("\n"):
        return f"not one line: {err!r}"
    if len(err) > 1000:
        return f"a line of {len(err)} characters"
    if name and f"--{name}" not in err and (not value or value not in err):
        return f"names neither flag nor value: {err!r}"
    return None if snapshot() == before else f"files changed: {sorted(snapshot())}"


def refused_by_parser(flag, value):
    """Says whether a value is refused, in one line, when the flags are read."""
    try:
        flag.parser.parse(value)
    except ValueError as error:
        return len(str(error).splitlines()) == 1
    return False


def load(command):
    """Imports a command and puts the long work that would follow good flags out of its way."""
    if command.endswith(".py"):
        command = f"pgan_tf.commands.{command[:-3]}"
    module = work = importlib.import_module(command)
    if command == "pgan_tf.commands.train":
        work = importlib.import_module("pgan_tf.commands.start_run")
    for name in ("train", "_in_a_process_of_its_own", "run_experiment", "measure_modes"):
        if hasattr(work, name):
            setattr(work, name, lambda *_, name=name, **__: sys.exit(f"went on to {name}"))
    dry_run.matrix_product_gflops = lambda *_: 100.0
    return module


def try_command(command):
    """Returns the number of calls, and a line for each that went wrong."""
    module = load(command)
    positional = POSITIONAL.get(command) or getattr(module, "_ARGUMENTS", ())
    before, calls, found = snapshot(), 0, []

    def refuses(arguments, name="", value=""):
        nonlocal before, calls
        calls += 1
        status, err = call(module, positional, arguments)
        if problem := wrong(status, err, name, value, before):
            found.append(f"{command} {arguments}: {problem}"[:1000])
            for path in set(snapshot()) - set(before):
                os.system(f"rm -rf '{path}'")
            before = snapshot()

    for flag in flags.FLAGS.get_key_flags_for_module(module):
        beside = BESIDE.get((command, flag.name), COMMANDS[command])
        for number, value in enumerate(hostile_values(command, flag)):
            # All that is refused before `main` is called goes the same way: a few calls show it.
            if number and len(value) < 100 and refused_by_parser(flag, value):
                calls += 1
            else:
                refuses([*beside, f"--{flag.name}={value}"], flag.name, value)
    arguments = COMMANDS[command]
    places = (arguments, *SUB_COMMANDS) if command == "tfrecords.inspect" else (arguments,)
    for given in places:
        for position in (i for i, one in enumerate(given) if not one.startswith("-")):
            for value in (*NEVER_PATHS, *WRONG_PLACES):
                refuses([*given[:position], value, *given[position + 1 :]], "", value)
    for stray in ("--no_such_flag", "--no_such_flag=1", "one more", "x" * 5000):
        refuses([*arguments, stray])
    status, err = call(module, positional, [])  # nobody's mistake, or one line
    if status != 2 and not str(status).startswith("went on"):
        found.append(f"{command} without arguments: {status} {err!r}")
    return calls, found


def in_a_child(work, *arguments):
    """Returns what `work` returns in a forked process."""
    context = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(1, context) as pool:
        return pool.submit(work, *arguments).result()


def make_files():
    """Makes pictures, a dataset of them, a run and what is no file."""
    from pgan_tf.runs import certificate, checkpoint
    from tests.helpers.small_run import make_small_run

    for number in range(8):
        save(pathlib.Path(f"pictures/{number}.png"), (8, 8), number)
    write_dataset(open_source("pictures"), PictureOptions(8), "data", processes=1)
    make_small_run("run")
    certified = certificate.make_certificate("run", checkpoint.read_run("run"), "")
    pathlib.Path("run/certificate.json").write_text(certified.to_json())
    pathlib.Path("file").write_text("a file")
    os.mkfifo("fifo")


def _main():
    folder, *commands = sys.argv[1:]
    sys.path.insert(0, str(ROOT))
    os.makedirs(folder)
    os.chdir(folder)
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    in_a_child(make_files)
    results = {command: in_a_child(try_command, command) for command in commands or COMMANDS}
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    _main()
