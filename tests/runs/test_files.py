"""Files and folders are there whole or not at all; what killed processes leave goes."""

import errno
import os
import pathlib
import signal
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from pgan_tf.config.training import TrainingConfig
from pgan_tf.exporting.tfjs import write_tfjs
from pgan_tf.exporting.writer import ExportOptions
from pgan_tf.runs.checkpoint_file import write_arrays
from pgan_tf.runs.folder import open_run
from tests.helpers.exports import make_trained
from tests.helpers.made_source import make_source, noise, options
from tfrecords.common import files
from tfrecords.common.errors import UserError
from tfrecords.common.files import BusyError, locked, temporary_folder
from tfrecords.common.paths import writing
from tfrecords.writing.writer import write_dataset


def number_of(path):
    status = os.stat(path)
    return status.st_dev, status.st_ino


class Disk:
    """What is on the disk for good, as far as the program asked for it.

    Attributes:
        synced: numbers of the files and folders that were synced since they were changed last.
        early: names that were given before what they name was on the disk.
        named: the paths that got a name.
    """

    def __init__(self, patch):
        self.synced, self.early, self.named = set(), [], []
        fsync = os.fsync

        def note_fsync(descriptor):
            fsync(descriptor)
            self.synced.add(number_of(descriptor))

        def noting(move):
            def note(old, new):
                moved = (old, *pathlib.Path(old).rglob("*"))
                if not self.synced.issuperset(map(number_of, moved)):
                    self.early.append(str(new))
                move(old, new)
                self.named.append(str(new))
                self.synced.discard(number_of(os.path.dirname(new) or "."))

            return note

        patch.setattr(os, "fsync", note_fsync)
        for name in ("replace", "rename"):
            patch.setattr(os, name, noting(getattr(os, name)))


def export_page(folder):
    write_tfjs(make_trained(), ExportOptions(f"{folder}/web", name="a"))


@pytest.mark.parametrize(
    ("write", "names"),
    [
        (lambda to: write_arrays(f"{to}/a.npz", [("weights", np.zeros(3))]), ["a.npz"]),
        (lambda to: open_run(f"{to}", TrainingConfig(), ""), ["flags.txt", "config.json"]),
        (lambda to: write_dataset(make_source(noise(5)), options(), f"{to}/a", processes=1), ["a"]),
        (export_page, ["web/index.html", "web/models.json", "web/models/a/1"]),
    ],
    ids=["checkpoint", "run", "dataset", "export"],
)
def test_what_is_written_is_on_the_disk_before_it_gets_its_name_and_then_the_name(
    write, names, tmp_path
):
    with pytest.MonkeyPatch.context() as patch:
        disk = Disk(patch)
        write(tmp_path)
    names = [f"{tmp_path}/{name}" for name in names]
    assert set(names) <= set(disk.named)
    # Parts of a dataset get their names inside a folder that has none yet.
    assert [name for name in disk.early if ".partial/" not in name] == []
    assert disk.synced.issuperset(number_of(os.path.dirname(name)) for name in names)


def test_a_folder_is_there_whole_or_not_at_all(tmp_path):
    left_over = tmp_path / "partial-out"
    left_over.mkdir()
    (left_over / "old").write_text("")
    with pytest.raises(RuntimeError), files.whole_folder(str(tmp_path / "out")) as folder:
        assert os.listdir(folder) == []
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    with files.whole_folder(str(tmp_path / "out")) as folder:
        busy = pytest.raises(BusyError, match="another process is writing it")
        with busy, files.whole_folder(str(tmp_path / "out")):
            pytest.fail("two at once")
        (pathlib.Path(folder) / "new").write_text("")
    with pytest.raises(NotADirectoryError), files.whole_folder(str(tmp_path / "out/new/1")):
        pass
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "new"]


@pytest.mark.parametrize(
    ("why", "advice"),
    [
        ("No space left on device", "make room"),
        ("Permission denied", "get the right to write there"),
        ("Is a directory", "move away what stands in its place"),
        ("File name too long", "choose a shorter name"),
        ("Input/output error", "check that files can be written there"),
    ],
)
def test_the_advice_fits_the_error_whatever_the_path_is_called(why, advice):
    for error in (
        OSError(errno.EIO, why, "no space left/1"),
        tf.errors.UnknownError(None, None, f"no space left/1; {why}"),
    ):
        raises = pytest.raises(UserError, match=f"^x: .*{why}: .*{advice}.*; go$")
        with raises as caught, writing("x", "; go"):
            raise error
        assert ("make room" in str(caught.value)) == (advice == "make room")
    with pytest.raises(LookupError), writing("x"):  # no error of files
        raise LookupError


def test_remote_files_and_folders_get_their_names_when_they_are_whole(tmp_path):
    """`file://` is remote to TensorFlow as `gs://` is."""
    files.write_file(f"file://{tmp_path}/a", b"one")
    files.write_file(f"file://{tmp_path}/a", b"two")
    files.copy_file(f"file://{tmp_path}/a", f"{tmp_path}/b")
    with files.whole_folder(f"file://{tmp_path}/folder") as folder:
        files.write_file(f"{folder}/c", b"three")
        assert not (tmp_path / "folder").exists()
    assert (tmp_path / "b").read_bytes() == b"two"
    assert (tmp_path / "folder/c").read_bytes() == b"three"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a", "b", "folder"]


KILLED = """
import os, signal, sys
from tfrecords.common.files import locked
from tfrecords.sources.single_file import new_temporary_file
with locked(sys.argv[1], "busy"):
    with new_temporary_file() as (write, path):
        write(b"pictures")
    print(path, flush=True)
    os.kill(os.getpid(), signal.SIGSTOP)
"""


def test_the_lock_and_the_copies_of_a_process_end_with_it_however_it_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(files.tempfile, "tempdir", str(tmp_path))
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path / "run")],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        copy = pathlib.Path(process.stdout.readline().strip())
        # Stopped, but alive: both are its own.
        with pytest.raises(BusyError, match="busy"), locked(str(tmp_path / "run"), "busy"):
            pytest.fail("two at once")
        with temporary_folder() as ours:
            assert copy.exists()
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert copy.exists()
    assert not os.path.exists(ours)
    with temporary_folder() as ours:
        assert not copy.exists()
        assert list(tmp_path.glob("pgan-tf-copy-*")) == [pathlib.Path(ours)]
    with locked(str(tmp_path / "run"), "busy"):
        pass
    assert list(tmp_path.glob("*")) == [tmp_path / "run"]


def test_a_lock_of_a_folder_that_was_put_elsewhere_is_none(tmp_path, monkeypatch):
    """Whoever waits for a conversion must not take its finished folder for a new one."""
    folder = str(tmp_path / "out.partial")

    def moved_meanwhile(descriptor, blocking):
        os.rename(folder, tmp_path / "out")
        return True

    monkeypatch.setattr(files, "lock_descriptor", moved_meanwhile)
    with pytest.raises(BusyError), locked(folder, "busy"):
        pytest.fail("locked")
