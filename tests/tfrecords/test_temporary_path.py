"""Sources that are unpacked to a temporary file convert alike with one process and with more."""

import gzip
import pickle
import struct
import tarfile

import numpy as np
import pytest
import scipy.io

from tests.helpers.made_source import options
from tfrecords.sources.by_name import open_source
from tfrecords.writing.writer import write_dataset

COUNT = 200
CLASSES = [i % 10 for i in range(COUNT)]
PIXELS = np.random.default_rng(7).integers(0, 256, (COUNT, 3, 32, 32), np.uint8)


def idx(folder, pack):
    digits = PIXELS[:, 0, :28, :28]
    images = struct.pack(">IIII", 2051, COUNT, 28, 28) + digits.tobytes()
    labels = struct.pack(">II", 2049, COUNT) + bytes(CLASSES)
    ending = ".gz" if pack else ""
    for name, data in (("images-idx3", images), ("labels-idx1", labels)):
        path = folder / f"train-{name}-ubyte{ending}"
        path.write_bytes(gzip.compress(data) if pack else data)
    return f"mnist:{folder}"


def cifar(folder, pack):
    inside = folder / "cifar-10-batches-py"
    inside.mkdir()
    for number in range(5):
        part = slice(number, None, 5)
        batch = {"data": PIXELS[part].reshape(-1, 3072), "labels": CLASSES[part]}
        (inside / f"data_batch_{number + 1}").write_bytes(pickle.dumps(batch, 2))
    (inside / "batches.meta").write_bytes(pickle.dumps({"label_names": list("abcdefghij")}, 2))
    if not pack:
        return f"cifar10:{folder}"
    with tarfile.open(folder / "cifar-10-python.tar.gz", "w:gz") as archive:
        archive.add(inside, inside.name)
    return f"cifar10:{folder}/cifar-10-python.tar.gz"


def svhn(folder, pack):
    content = {"X": PIXELS.transpose(2, 3, 1, 0), "y": np.array(CLASSES, np.uint8)[:, None]}
    scipy.io.savemat(folder / "train_32x32.mat", content, do_compression=pack)
    return f"svhn:{folder}/train_32x32.mat"


@pytest.mark.parametrize("pack", [False, True])
@pytest.mark.parametrize("make", [idx, cifar, svhn])
def test_one_process_and_two_write_the_same_files_whatever_out_is_called(make, pack, tmp_path):
    source = make(tmp_path, pack)
    written = []
    for processes in (1, 2):
        out = tmp_path / f"with {processes}"
        info = write_dataset(open_source(source), options(32), str(out), processes=processes)
        assert (info.num_images, info.num_rejected) == (COUNT, 0)
        written.append({path.name: path.read_bytes() for path in out.iterdir()})
    assert written[0] == written[1]
