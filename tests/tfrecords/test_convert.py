import json

import pytest

from tests.helpers.made_source import contents, make_source, noise, options
from tfrecords.common.errors import UserError
from tfrecords.writing import writer

pytestmark = pytest.mark.usefixtures("small_chunks")


def convert(images, out, processes=2, **named):
    source, settled = make_source(images), options()
    writer.write_dataset(source, settled, str(out), processes=processes, shuffle=False, **named)
    return contents(out)


def test_the_files_do_not_depend_on_the_number_of_processes(tmp_path):
    """And the processes do not load TensorFlow."""
    images = [*noise(5), "cannot be read: torn", *noise(24, seed=1)]
    one, two = (convert(images, tmp_path / str(n) / "out", n, shard_bytes=3000) for n in (1, 2))
    assert one == two
    out = convert([*noise(7), "tensorflow?"], tmp_path / "out")
    rejected = {"picture": "7.png", "reason": "TensorFlow is not loaded"}
    assert json.loads(out["rejected.jsonl"]) == rejected


def test_a_process_that_dies_is_an_error_that_says_where(tmp_path):
    with pytest.raises(UserError, match=r"died.* between 4\.png and 7\.png: .*again") as caught:
        convert([*noise(7), "die"], tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["out.partial"]


def test_a_bug_in_a_process_comes_with_its_traceback(tmp_path):
    with pytest.raises(RuntimeError, match=r"(?s)made_source\.py.*ZeroDivisionError: a bug"):
        convert([*noise(7), ZeroDivisionError("a bug")], tmp_path / "out")
