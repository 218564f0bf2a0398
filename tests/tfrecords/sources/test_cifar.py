import os
import pickle

import numpy as np
import pytest

from tests.helpers.source_helpers import assert_gives, assert_refused, picture, write_archive
from tfrecords.sources.by_name import open_source

FOLDERS = {"cifar10": "cifar-10-batches-py", "cifar100": "cifar-100-python"}


def cifar_files(kind="cifar10", protocol=2):
    """Returns {name: bytes}, two pictures in each batch, or all training pictures."""
    text = str.encode if protocol == 2 else str  # Python 2's text, as published, is bytes now

    def batch(numbers, label):
        data = np.stack([picture(i, (32, 32)).transpose(2, 0, 1).ravel() for i in numbers])
        return {text("data"): data, text(label): [i % 10 for i in numbers]}

    names = [text(f"n{i}") for i in range(10)]
    if kind == "cifar10":
        files = {f"data_batch_{i}": batch([2 * i, 2 * i + 1], "labels") for i in range(1, 6)}
        files |= {"test_batch": batch([0], "labels"), "batches.meta": {text("label_names"): names}}
    else:
        files = {"train": batch(range(2, 12), "fine_labels"), "test": batch([0], "fine_labels")}
        files["meta"] = {text("fine_label_names"): names}
    return {name: pickle.dumps(content, protocol) for name, content in files.items()}


def write(folder, files):
    folder.mkdir(exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)


@pytest.mark.parametrize("kind", ["cifar10", "cifar100"])
@pytest.mark.parametrize("protocol", [2, 5])
def test_cifar_gives_pictures_and_labels_of_its_splits(tmp_path, kind, protocol):
    files = cifar_files(kind, protocol)
    if protocol == 2:
        path = f"{tmp_path}/{kind.replace('r1', 'r-1')}-python.tar.gz"
        write_archive(path, {f"{FOLDERS[kind]}/{name}": data for name, data in files.items()})
    else:
        path = str(tmp_path)
        write(tmp_path / FOLDERS[kind], files)
    source = open_source(f"{kind}:{path}")
    assert source.name == f"{kind}-train"
    assert_gives(source, [picture(i, (32, 32)) for i in range(2, 12)])
    assert source.label_names == tuple(f"n{i}" for i in range(10))
    np.testing.assert_array_equal(source.labels.classes, [*range(2, 10), 0, 1])
    assert list(map(min, source.sample_sizes())) == [32]
    assert_gives(open_source(f"{kind}:{path}:test"), [picture(0, (32, 32))])
    detected = open_source(path, labels="none")
    assert (detected.identity, detected.labels) == (source.identity, None)


def batch(shape=(1, 3072), labels=(1,), dtype=np.uint8):
    return pickle.dumps({"data": np.zeros(shape, dtype), "labels": list(labels)})


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (cifar_files()["data_batch_2"][:-400], "expected a pickle"),
        (pickle.dumps([1]), "it holds a list"),
        (pickle.dumps({"data": [1], "labels": []}), "expected 'data' in data_batch_2, a ndarray"),
        (pickle.dumps({"data": os.system}), r"data_batch_2: .* asks for posix\.system: refused"),
        (batch((1, 9)), r"\(1, 3072\)"),
        (batch(labels=[1, 1]), r"\(2, 3072\) in data_batch_2, got uint8 \(1, 3072\)"),
        (batch(dtype=np.int8), "got int8"),
        *((batch(labels=[label]), "labels from 0 to 9 in data_batch_2") for label in (-1, 10, "a")),
    ],
)
def test_a_damaged_or_hostile_batch_is_refused(tmp_path, bad, message):
    write(tmp_path, cifar_files() | {"data_batch_2": bad})
    assert_refused(message, f"cifar10:{tmp_path}")


def test_missing_files_hostile_names_and_no_pictures_are_refused(tmp_path):
    assert_refused("expected the file data_batch_1", f"cifar10:{tmp_path}")
    write(tmp_path, cifar_files() | {"batches.meta": pickle.dumps(os.system)})
    assert_refused(r"batches\.meta: .* asks for posix\.system", f"cifar10:{tmp_path}")
    empty = dict.fromkeys((f"data_batch_{i}" for i in range(1, 6)), batch((0, 3072), ()))
    write(tmp_path, cifar_files() | empty)
    assert_refused("expected pictures, found none", f"cifar10:{tmp_path}")
