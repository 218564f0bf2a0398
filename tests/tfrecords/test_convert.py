import json
import os
import subprocess
import sys

import pytest

from tests.helpers.made_source import contents, make_source, noise, options
from tests.helpers.places import TESTS
from tfrecords.common.errors import UserError
from tfrecords.writing import writer

GOLDEN = TESTS / "golden"


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(writer, "_CHUNK_PICTURES", 4)


def write_dataset(*arguments, **named):
    """Here, unless a test is about other processes, which take time to start."""
    return writer.write_dataset(*arguments, **{"processes": 1, **named})


def test_the_files_do_not_depend_on_the_number_of_processes(tmp_path, small_chunks):
    images = list(noise(30, 16))
    images[5] = "cannot be read: torn"
    for processes in (1, 2):
        out = tmp_path / str(processes) / "out"
        write_dataset(
            make_source(images), options(16), str(out), processes=processes, shard_bytes=3000
        )
    assert contents(tmp_path / "1" / "out") == contents(tmp_path / "2" / "out")


def test_processes_do_not_load_tensorflow(tmp_path, small_chunks):
    source = make_source([*noise(7), "tensorflow?"])
    write_dataset(source, options(), str(tmp_path / "out"), processes=2)
    (line,) = (tmp_path / "out" / "rejected.jsonl").read_text().splitlines()
    assert json.loads(line) == {"picture": "7.png", "reason": "TensorFlow is not loaded"}


SCRIPT = """
import pathlib, sys
from tfrecords.writing import writer
from tfrecords.pictures.source import PictureOptions
from tfrecords.sources.by_name import open_source

pathlib.Path(__file__).with_name(__name__).touch()
if __name__ == "__main__":
    writer._CHUNK_PICTURES = 4
    options = PictureOptions(32, allow_upscaling=False)
    writer.write_dataset(open_source(sys.argv[1]), options, sys.argv[2], processes=2)
"""


def test_processes_do_not_import_the_command_which_loads_tensorflow(tmp_path):
    script = tmp_path / "command.py"
    script.write_text(SCRIPT)
    subprocess.run(
        [sys.executable, script, GOLDEN / "images", tmp_path / "out"],
        check=True,
        env={**os.environ, "PYTHONPATH": str(GOLDEN.parent.parent)},
    )
    assert {path.name for path in tmp_path.iterdir()} == {"command.py", "out", "__main__"}


def test_a_process_that_dies_is_an_error_that_says_where(tmp_path, small_chunks):
    images = [*noise(7), "die"]
    with pytest.raises(UserError, match=r"died.* between 4\.png and 7\.png: .*again") as caught:
        write_dataset(
            make_source(images), options(), str(tmp_path / "out"), processes=2, shuffle=False
        )
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["out.partial"]


def test_a_bug_in_a_process_comes_with_its_traceback(tmp_path, small_chunks):
    images = [*noise(7), ZeroDivisionError("a bug")]
    with pytest.raises(RuntimeError, match=r"(?s)made_source\.py.*ZeroDivisionError: a bug"):
        write_dataset(make_source(images), options(), str(tmp_path / "out"), processes=2)
