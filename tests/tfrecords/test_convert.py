import json

import numpy as np
import pytest
from scipy import io as scipy_io

from tests.helpers.made_source import contents, encode, make_source, noise, options
from tests.helpers.source_helpers import write_archive
from tfrecords.common.errors import UserError
from tfrecords.sources.by_name import open_source
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


@pytest.mark.parametrize("name", ["a.tar", "a.tgz", "train_32x32.mat"])
def test_processes_share_a_source_in_one_file(tmp_path, name):
    """Of the last two it is a temporary copy, of files and of pixels."""
    file, images = str(tmp_path / name), noise(9)
    if name.endswith("mat"):
        pixels, digits = np.stack(images, axis=-1), [[1]] * len(images)
        scipy_io.savemat(file, {"X": pixels, "y": digits}, do_compression=True)
    else:
        write_archive(file, {f"{i}.png": encode(one) for i, one in enumerate(images)})
    one, two = tmp_path / "one", tmp_path / "two"
    for processes, out in enumerate((one, two), 1):
        writer.write_dataset(open_source(file), options(), str(out), processes=processes)
    assert contents(one) == contents(two)


def test_a_process_that_dies_is_an_error_that_says_where(tmp_path):
    with pytest.raises(UserError, match=r"died.* between 4\.png and 7\.png: .*again") as caught:
        convert([*noise(7), "die"], tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["out.partial"]


def test_a_bug_in_a_process_comes_with_its_traceback(tmp_path):
    with pytest.raises(RuntimeError, match=r"(?s)made_source\.py.*ZeroDivisionError: a bug"):
        convert([*noise(7), ZeroDivisionError("a bug")], tmp_path / "out")
