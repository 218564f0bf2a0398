"""Calls commands many times in one process, since TensorFlow takes seconds to load.

`call` does it in this process, for train.py and evaluate.py; their flags have the names of other
commands', which `run_calls` calls in one process of their own.
"""

import contextlib
import importlib
import io
import json
import os
import subprocess
import sys
import unittest.mock

from tests.helpers.places import ROOT

SMALL = (
    *("--resolution=8", "--fmap_base=16", "--fmap_max=4", "--batch_size=4"),
    *("--stabilize_kimg=0.008", "--fade_in_kimg=0.008", "--total_kimg=0.024"),
    "--minibatch_repeats=1",
)


def call(command, *arguments, cwd, eagerly=False):
    """Returns the exit status, stdout and stderr of a command's call.

    `eagerly` saves tracing the step, which takes longer than a few iterations.
    """
    import tensorflow as tf

    module = importlib.import_module(f"pgan_tf.commands.{command.removesuffix('.py')}")
    tf.config.run_functions_eagerly(eagerly)
    try:
        with contextlib.chdir(cwd):
            return call_module(module, map(str, arguments), vars(module).get("_ARGUMENTS", ()))
    finally:
        tf.config.run_functions_eagerly(False)


def call_module(module, arguments, positional=()):
    """Returns the exit status, stdout and stderr of a call of a module's `main`."""
    from absl import flags
    from absl.testing import flagsaver

    from tfrecords.common.command_line import run

    completes = ("with_default_preset", "with_flags_of_run", "with_preset", "with_only_run")
    complete = next((vars(module)[name] for name in completes if name in vars(module)), list)
    out, err = io.StringIO(), io.StringIO()
    program = f"{module.__name__.rpartition('.')[2]}.py"
    with (
        flagsaver.flagsaver(),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        unittest.mock.patch.object(sys, "argv", [program, *arguments]),
    ):
        for name in flags.FLAGS:
            flags.FLAGS[name].unparse()
        try:
            run(module.main, positional, complete)
            status = 0
        except SystemExit as end:
            status = end.code or 0
    return status, out.getvalue(), err.getvalue()


def run(command, *arguments, cwd, timeout=300):
    """Runs a command as a person does."""
    return subprocess.run(
        [sys.executable, str(ROOT / command), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )


def run_calls(command, calls, cwd, timeout=280, eagerly=False):
    """Returns a list of (exit status, stdout, stderr), one for each call."""
    result = subprocess.run(
        [sys.executable, "-m", "tests.helpers.command_calls", command, str(cwd), str(eagerly)],
        input=json.dumps([list(map(str, one)) for one in calls]),
        capture_output=True,
        text=True,
        timeout=timeout,
        cwd=ROOT,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return [tuple(one) for one in json.loads(result.stdout)]


def assert_mistake(result, *words):
    """Asserts that a call ended with status 2 and one line that has the words."""
    status, _, err = result
    assert status == 2, err
    assert err.count("\n") == 1, err
    for word in words:
        assert word in err, err


if __name__ == "__main__":
    import tfrecords.common.tensorflow_setup  # noqa: F401

    calls = json.load(sys.stdin)
    command, cwd, eagerly = sys.argv[1:]
    options = {"cwd": cwd, "eagerly": eagerly == "True"}
    json.dump([call(command, *one, **options) for one in calls], sys.stdout)
