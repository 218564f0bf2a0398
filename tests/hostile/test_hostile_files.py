"""No file, however wrong, does more than be refused: every reader is given thousands of them.

See hostile_reader.py for what counts as wrong, and mutations.py for the files.
"""

import os
import pathlib
import subprocess
import sys

import pytest

from tests.helpers.places import ROOT
from tests.hostile import hostile_reader
from tests.hostile.hostile_readers import Reader, write
from tests.hostile.mutations import as_it_is
from tfrecords.common.errors import UserError

FEW, MANY = 25, 150  # of each reader, other files each


def findings_of(folder, count, first):
    """Reads mutated files in a process with limits, which a reader may crash."""
    process = subprocess.run(
        [sys.executable, "-m", "tests.hostile.hostile_reader", folder, str(count), str(first)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        timeout=900,
    )
    findings = process.stdout.splitlines()
    if process.returncode:
        findings.append(f"ended with {process.returncode}: {process.stderr[-2000:]}")
    return findings


@pytest.mark.parametrize(
    ("first", "count"), [(0, FEW), pytest.param(FEW, MANY, marks=pytest.mark.slow)]
)
def test_mutated_files_are_refused_in_one_line_or_read(first, count, tmp_path):
    findings = findings_of(str(tmp_path / "files"), count, first)
    assert not findings, "\n".join([f"{len(findings)}:", *findings[:20]])


def only_good(folder):
    if (pathlib.Path(folder) / "a").read_bytes() != b"good":
        raise KeyError("a")


def writes(folder):
    (pathlib.Path(folder) / "b").write_bytes(b"")


def speaks(folder):
    raise UserError("two\nlines")


def waits(folder):
    raise hostile_reader.TooSlowError


@pytest.mark.parametrize(
    ("read", "finding"),
    [
        *((only_good, "KeyError"), (writes, "files were written"), (speaks, "a message of")),
        *((waits, "more than 10 s"), (os.listdir, None)),
    ],
)
def test_what_a_reader_does_wrong_is_found(tmp_path, monkeypatch, read, finding):
    """Else the test above would say nothing."""
    monkeypatch.setattr(hostile_reader.signal, "alarm", lambda seconds: None)
    reader = Reader("bad", lambda folder: write(folder, {"a": b"good"}), read, {"": (as_it_is,)})
    found = list(hostile_reader.run(reader, str(tmp_path), 0, 5))
    assert (finding is None and not found) or finding in found[0]
