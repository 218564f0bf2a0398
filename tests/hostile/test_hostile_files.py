"""No file, however wrong, does more than be refused: every reader is given thousands of them.

See hostile_reader.py for what counts as wrong, and mutations.py for the files.
"""

import subprocess
import sys

import pytest

from tests.helpers.places import ROOT
from tests.hostile import hostile_reader
from tests.hostile.hostile_readers import Reader, write

FEW, MANY = 12, 150  # of each reader, other files each


@pytest.mark.parametrize(
    ("first", "count"), [(0, FEW), pytest.param(FEW, MANY, marks=pytest.mark.slow)]
)
def test_mutated_files_are_refused_in_one_line_or_read(first, count, tmp_path):
    """In a process with limits, which a reader may crash."""
    command = [sys.executable, "-m", "tests.hostile.hostile_reader", str(tmp_path / "files")]
    options = {"cwd": ROOT, "capture_output": True, "text": True, "timeout": 900}
    done = subprocess.run([*command, str(count), str(first)], check=False, **options)
    findings = done.stdout.splitlines()
    assert (done.returncode, findings[:20]) == (0, []), done.stderr[-2000:]


def test_a_reader_that_is_not_up_to_its_files_is_found(tmp_path, monkeypatch):
    """Else the test above would say nothing."""

    def read(folder):
        with open(f"{folder}/a", "rb") as file:
            assert file.read() == b"good"

    monkeypatch.setattr(hostile_reader.signal, "alarm", lambda seconds: None)
    reader = Reader("bad", lambda folder: write(folder, {"a": b"good"}), read)
    (first, *_) = hostile_reader.run(reader, str(tmp_path), 0, 5)
    assert "bad 0, a: AssertionError" in first
