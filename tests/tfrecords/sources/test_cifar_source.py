import io
import os
import pickle
import tarfile

import numpy as np
import pytest

from tests.helpers.source_helpers import open_elsewhere, picture
from tfrecords.common.errors import UserError
from tfrecords.sources.by_name import open_source


def cifar_files(kind, protocol, as_bytes):
    """Returns {name: bytes}, two pictures in each batch, and all training pictures."""

    def text(word):  # the published files are Python 2's, whose text comes out as bytes
        return word.encode() if as_bytes else word

    def batch(numbers, label):
        data = np.stack([picture(i, (32, 32)).transpose(2, 0, 1).ravel() for i in numbers])
        return {text("data"): data, text(label): [i % 10 for i in numbers]}

    if kind == "cifar10":
        files = {f"data_batch_{i}": batch([2 * i, 2 * i + 1], "labels") for i in range(1, 6)}
        files |= {"test_batch": batch([0], "labels")}
        files["batches.meta"] = {text("label_names"): [text(f"n{i}") for i in range(10)]}
    else:
        files = {"train": batch(range(2, 12), "fine_labels"), "test": batch([0], "fine_labels")}
        files["meta"] = {text("fine_label_names"): [text(f"n{i}") for i in range(10)]}
    return {name: pickle.dumps(content, protocol) for name, content in files.items()}


@pytest.mark.parametrize("kind", ["cifar10", "cifar100"])
@pytest.mark.parametrize(("protocol", "as_bytes"), [(2, True), (2, False), (4, True), (5, False)])
@pytest.mark.parametrize("packed", [False, True])
def test_cifar(tmp_path, kind, protocol, as_bytes, packed):
    inside = {"cifar10": "cifar-10-batches-py", "cifar100": "cifar-100-python"}[kind]
    files = cifar_files(kind, protocol, as_bytes)
    if packed:
        path = tmp_path / {"cifar10": "cifar-10", "cifar100": "cifar-100"}[kind]
        path = f"{path}-python.tar.gz"
        with tarfile.open(path, "w:gz") as archive:
            for name, data in files.items():
                info = tarfile.TarInfo(f"{inside}/{name}")
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    else:
        path = str(tmp_path)
        (tmp_path / inside).mkdir()
        for name, data in files.items():
            (tmp_path / inside / name).write_bytes(data)
    source = open_source(f"{kind}:{path}")
    assert source.num_pictures == 10
    read = open_elsewhere(source)
    for index in (9, 0, 5):
        np.testing.assert_array_equal(read(index), picture(index + 2, (32, 32)))
    assert source.label_names == tuple(f"n{i}" for i in range(10))
    np.testing.assert_array_equal(source.labels.classes, [*range(2, 10), 0, 1])
    assert list(source.sample_sides()) == [32]
    test = open_source(f"{kind}:{path}:test")
    assert test.num_pictures == 1
    np.testing.assert_array_equal(open_elsewhere(test)(0), picture(0, (32, 32)))
    detected = open_source(path, labels="none")
    assert (detected.identity, detected.labels) == (source.identity, None)


class Hostile:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("where", ["data_batch_3", "batches.meta"])
def test_a_hostile_pickle_is_refused_and_does_nothing(tmp_path, where):
    files = cifar_files("cifar10", 2, as_bytes=True)
    files[where] = pickle.dumps({"data": Hostile(tmp_path / "touched")})
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    with pytest.raises(UserError, match=rf"{where}: .* asks for (posix|nt)\.system: refused"):
        open_source(f"cifar10:{tmp_path}")
    assert not (tmp_path / "touched").exists()
    pickle.loads(files[where])
    assert (tmp_path / "touched").exists()  # it would have


def test_errors_of_cifar(tmp_path):
    with pytest.raises(UserError, match="expected the file data_batch_1"):
        open_source(f"cifar10:{tmp_path}")
    with pytest.raises(UserError, match="cannot be read"):
        open_source(f"cifar10:{tmp_path}/absent.tar.gz")
    files = cifar_files("cifar10", 2, as_bytes=True)
    for bad, message in (
        (files["data_batch_2"][:-400], "expected a pickle"),
        (pickle.dumps([1]), "it holds a list"),
        (pickle.dumps({"data": [1], "labels": []}), "expected 'data' in data_batch_2, a ndarray"),
        (pickle.dumps({"data": np.zeros((1, 9), np.uint8), "labels": [1]}), r"\(1, 3072\)"),
        (pickle.dumps({"data": np.zeros((1, 3072), np.uint8), "labels": [10]}), "from 0 to 9"),
    ):
        for name, data in (files | {"data_batch_2": bad}).items():
            (tmp_path / name).write_bytes(data)
        with pytest.raises(UserError, match=message) as caught:
            open_source(f"cifar10:{tmp_path}")
        assert "\n" not in str(caught.value)
