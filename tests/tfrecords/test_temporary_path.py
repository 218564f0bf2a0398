"""Sources that are unpacked to a temporary file convert alike with one process and with more."""

import gzip
import pickle
import struct
import tarfile

import pytest
import scipy.io

from tests.helpers.made_source import contents, noise, options
from tfrecords.sources.by_name import open_source
from tfrecords.writing.writer import write_dataset

COUNT = 200
CLASSES = bytes(i % 10 for i in range(COUNT))
PIXELS = noise(COUNT, 32, seed=7)


def idx(folder):
    images = struct.pack(">4I", 2051, COUNT, 28, 28) + PIXELS[:, :28, :28, 0].tobytes()
    labels = struct.pack(">2I", 2049, COUNT) + CLASSES
    for name, data in (("images-idx3", images), ("labels-idx1", labels)):
        (folder / f"train-{name}-ubyte.gz").write_bytes(gzip.compress(data))
    return f"mnist:{folder}"


def cifar(folder):
    inside = folder / "cifar-10-batches-py"
    inside.mkdir()
    for number in range(5):
        part = slice(number, None, 5)
        data = PIXELS[part].transpose(0, 3, 1, 2).reshape(-1, 3072)
        batch = {"data": data, "labels": list(CLASSES[part])}
        (inside / f"data_batch_{number + 1}").write_bytes(pickle.dumps(batch, 2))
    (inside / "batches.meta").write_bytes(pickle.dumps({"label_names": list("abcdefghij")}, 2))
    with tarfile.open(folder / "cifar-10-python.tar.gz", "w:gz") as archive:
        archive.add(inside, inside.name)
    return f"cifar10:{folder}/cifar-10-python.tar.gz"


def svhn(folder):
    content = {"X": PIXELS.transpose(1, 2, 3, 0), "y": [[one] for one in CLASSES]}
    scipy.io.savemat(folder / "train_32x32.mat", content, do_compression=True)
    return f"svhn:{folder}/train_32x32.mat"


@pytest.mark.parametrize("make", [idx, cifar, svhn])
def test_one_process_and_two_write_the_same_files_whatever_out_is_called(make, tmp_path):
    source, written = make(tmp_path), []
    for processes in (1, 2):
        out = tmp_path / f"with {processes}"
        info = write_dataset(open_source(source), options(32), str(out), processes=processes)
        assert (info.num_images, info.num_rejected) == (COUNT, 0)
        written.append(contents(out))
    assert written[0] == written[1]
