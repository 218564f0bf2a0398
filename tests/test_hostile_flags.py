"""No flag of any command takes a wrong value without a word, or changes a file before it."""

import json
import os
import pathlib
import subprocess
import sys

from hostile_flags import COMMANDS

ROOT = pathlib.Path(__file__).parent.parent


def test_every_hostile_value_of_every_flag_is_one_line_with_status_2_and_no_file(tmp_path):
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests/hostile_flags.py"), str(tmp_path / "here")],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    assert answers.keys() == set(COMMANDS)
    for calls, wrong in answers.values():
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
