"""No flag of any command takes a wrong value without a word, or changes a file before it."""

import itertools
import json
import os
import subprocess
import sys

from tests.helpers.places import ROOT
from tests.hostile.hostile_flags import COMMANDS


def test_every_hostile_value_of_every_flag_is_one_line_with_status_2_and_no_file(tmp_path):
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests/hostile/hostile_flags.py"), str(tmp_path / "here")],
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
        assert calls > 40


def test_every_command_is_tried():
    packages = (ROOT.glob(f"{one}/**/*.py") for one in ("pgan_tf", "tfrecords", "paper"))
    files = [*ROOT.glob("*.py"), *itertools.chain(*packages)]
    commands = {
        str(path.relative_to(ROOT))
        for path in files
        if '__name__ == "__main__":' in path.read_text()
    }
    tried = {name if name.endswith(".py") else f"{name.replace('.', '/')}.py" for name in COMMANDS}
    assert commands == {*tried, "pgan_tf/__main__.py"}  # this one is `pgan`, which runs the others
