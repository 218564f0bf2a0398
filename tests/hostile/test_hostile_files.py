"""No file, however wrong, does more than be refused: every reader is given thousands of them.

See hostile_reader.py for what counts as wrong, and mutations.py for the files. Each process has
limits of its own for memory and time, and a reader that crashes ends only its process.
"""

import os
import pathlib
import subprocess
import sys

import pytest

from tests.helpers.places import ROOT
from tests.hostile.hostile_readers import READERS
from tests.hostile.hostile_run_readers import RUN_READERS

# Of each reader; the slow test gives other files than the fast one, and more of them.
FEW, MANY = 25, 300

GROUPS = {
    "pictures and archives": ("pictures", "zip", "tar", "labels"),
    "data sets": ("data set", "journal", "idx", "cifar", "hdf5", "mat", "lmdb"),
    "networks": ("official", "checkpoint"),
    "run folders": ("config", "figures", "flags", "export"),
}


def read_mutants(folder, count, names):
    """Returns what was found, and what the process said last."""
    process = subprocess.run(
        [sys.executable, "-m", "tests.hostile.hostile_reader", str(folder), str(count), *names],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        timeout=count * len(names) * 10,
    )
    findings = process.stdout.splitlines()
    if process.returncode:
        findings.append(f"ended with {process.returncode}: {process.stderr[-2000:]}")
    return findings


def test_every_reader_is_in_a_group():
    named = [name for names in GROUPS.values() for name in names]
    assert sorted(named) == sorted(reader.name for reader in (*READERS, *RUN_READERS))


@pytest.mark.parametrize("group", GROUPS)
def test_mutated_files_are_refused_in_one_line_or_read(group, tmp_path):
    findings = read_mutants(tmp_path / "files", FEW, GROUPS[group])
    assert not findings, "\n".join([f"{len(findings)}:", *findings[:20]])


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for names in GROUPS.values() for name in names])
def test_thousands_of_mutated_files_are_refused_or_read(name, tmp_path):
    findings = read_mutants(tmp_path / "files", MANY, [name])
    assert not findings, "\n".join([f"{len(findings)}:", *findings[:20]])


def test_what_a_reader_does_wrong_is_found(tmp_path, monkeypatch):
    """Else the tests above would say nothing."""
    import time

    from tests.hostile import hostile_reader
    from tests.hostile.hostile_readers import Reader, as_it_is, write

    monkeypatch.setattr(hostile_reader, "MOST_SECONDS", 1)
    monkeypatch.setattr(hostile_reader.signal, "alarm", lambda seconds: None)

    def find(read):
        reader = Reader(
            "bad", lambda folder: write(folder, {"a": b"good"}), read, {"": (as_it_is,)}
        )
        folder = tmp_path / read.__name__
        return list(hostile_reader.run(reader, str(folder), 5))

    def only_good(folder):
        if (pathlib.Path(folder) / "a").read_bytes() != b"good":
            raise KeyError("a")

    def writes(folder):
        (pathlib.Path(folder) / "b").write_bytes(b"")

    def speaks(folder):
        from tfrecords.common.errors import UserError

        raise UserError("two\nlines")

    def waits(folder):
        raise hostile_reader.TooSlowError

    def reads(folder):
        time.sleep(0)

    assert "KeyError" in find(only_good)[0]
    assert "files were written" in find(writes)[0]
    assert "a message of" in find(speaks)[0]
    assert "more than 1 s" in find(waits)[0]
    assert find(reads) == []
