"""No flag of any command takes a wrong value without a word, or changes a file before it."""

import json
import os
import pathlib
import subprocess
import sys

import pytest
from hostile_flags import COMMANDS

ROOT = pathlib.Path(__file__).parent.parent


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """Of each command, how many calls were tried and what went wrong, all in one process."""
    folder = tmp_path_factory.mktemp("hostile") / "here"
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests/hostile_flags.py"), str(folder)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_hostile_value_of_every_flag_is_one_line_with_status_2_and_no_file(answers, command):
    calls, wrong = answers[command]
    assert wrong == []
    assert calls > 50


def test_every_command_is_tried():
    files = [*ROOT.glob("*.py"), *ROOT.glob("pgan_tf/**/*.py"), *ROOT.glob("tfrecords/**/*.py")]
    commands = {
        str(path.relative_to(ROOT))
        for path in files
        if '__name__ == "__main__":' in path.read_text()
    }
    tried = {name if name.endswith(".py") else f"{name.replace('.', '/')}.py" for name in COMMANDS}
    assert commands == tried
