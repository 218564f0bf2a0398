"""Runs a command file many times in one process, since TensorFlow takes seconds to load.

    python command_calls.py generate.py < calls.json > results.json

A call is a list of arguments; a result is [exit status, stdout, stderr].
"""

import contextlib
import importlib
import io
import json
import subprocess
import sys

from tests.helpers.places import ROOT


def run_calls(command, calls, cwd, timeout=120):
    """Returns a list of (exit status, stdout, stderr), one for each call."""
    result = subprocess.run(
        [sys.executable, __file__, command],
        input=json.dumps([list(map(str, call)) for call in calls]),
        capture_output=True,
        text=True,
        timeout=timeout,
        cwd=cwd,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return [tuple(one) for one in json.loads(result.stdout)]


def _main():
    sys.path.insert(0, str(ROOT))
    path = ROOT / sys.argv[1]
    module = importlib.import_module(f"pgan_tf.commands.{path.stem}")
    from absl import flags
    from absl.testing import flagsaver

    from tfrecords.common.command_line import run

    results = []
    for arguments in json.load(sys.stdin):
        out, err = io.StringIO(), io.StringIO()
        sys.argv = [str(path), *arguments]
        with (
            flagsaver.flagsaver(),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            for flag in flags.FLAGS.get_flags_for_module(module):
                flag.present = 0
            try:
                run(module.main)
            except SystemExit as end:
                status = end.code or 0
        results.append((status, out.getvalue(), err.getvalue()))
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    _main()
