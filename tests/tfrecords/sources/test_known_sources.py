"""Copies of the paper's data sets, but for CIFAR, in the forms that people have them."""

import gzip
import io
import os
import struct
import sys
import zipfile
import zlib

import h5py
import lmdb
import numpy as np
import pytest
from PIL import Image
from scipy import io as scipy_io

from tests.helpers.source_helpers import open_elsewhere, picture
from tfrecords.common.errors import UserError
from tfrecords.pictures.defaults import choose_resolution
from tfrecords.sources.by_name import open_source
from tfrecords.sources.idx import choose_digits


def grey(seed, size=28):
    return np.random.default_rng(seed).integers(0, 256, (size, size), np.uint8)


def write_mnist(folder, packed, count=5, split="train"):
    folder.mkdir(parents=True, exist_ok=True)
    images = struct.pack(">4I", 2051, count, 28, 28) + b"".join(
        grey(i).tobytes() for i in range(count)
    )
    labels = struct.pack(">2I", 2049, count) + bytes(i % 10 for i in range(count))
    for name, data in (("images-idx3", images), ("labels-idx1", labels)):
        path = folder / f"{split}-{name}-ubyte"
        if packed:
            path.with_name(path.name + ".gz").write_bytes(gzip.compress(data))
        else:
            path.write_bytes(data)


@pytest.mark.parametrize("packed", [False, True])
def test_mnist(tmp_path, packed):
    write_mnist(tmp_path, packed)
    write_mnist(tmp_path, packed, count=12, split="t10k")
    source = open_source(f"mnist:{tmp_path}")
    assert source.num_pictures == 5
    assert choose_resolution(source.sample_sides()) == 32
    read = open_elsewhere(source)
    for index in (4, 0):
        np.testing.assert_array_equal(read(index), np.pad(grey(index), 2))
    assert source.label_names == tuple("0123456789")
    np.testing.assert_array_equal(source.labels.classes, range(5))
    assert open_source(str(tmp_path)).identity == source.identity
    test = open_source(f"mnist:{tmp_path}:test")
    assert (test.num_pictures, test.label_names) == (12, tuple("0123456789"))
    assert test.identity != source.identity
    assert open_source(f"mnist:{tmp_path}", labels="none").labels is None
    with pytest.raises(UserError, match="own labels"):
        open_source(f"mnist:{tmp_path}", labels="folders")


def test_fashion_mnist_has_its_names(tmp_path):
    write_mnist(tmp_path / "Fashion-MNIST", packed=True)
    write_mnist(tmp_path / "Fashion-MNIST", packed=False)  # both are there
    source = open_source(str(tmp_path / "Fashion-MNIST"))
    assert source.label_names[9] == "Ankle boot"


def test_mnist_in_three_colours(tmp_path):
    write_mnist(tmp_path, packed=True)
    source = open_source(f"mnist_rgb:{tmp_path}:40")
    assert (source.num_pictures, source.labels) == (40, None)
    assert choose_resolution(source.sample_sides()) == 32
    read = open_elsewhere(source)
    for index in (39, 3):
        digits = [np.pad(grey(digit), 2) for digit in choose_digits(index, 5)]
        np.testing.assert_array_equal(read(index), np.stack(digits, axis=-1))
    assert len({tuple(choose_digits(index, 5)) for index in range(40)}) > 25
    assert open_source(f"mnist_rgb:{tmp_path}").num_pictures == 200_000
    for labels in ("folders", "x.csv"):
        with pytest.raises(UserError, match="own labels or 'none'"):
            open_source(f"mnist_rgb:{tmp_path}", labels=labels)
    with pytest.raises(UserError, match="1 or more, got 0"):
        open_source(f"mnist_rgb:{tmp_path}:0")


def test_errors_of_mnist(tmp_path):
    with pytest.raises(UserError, match=r"train-images-idx3-ubyte\.gz in .*, found 0"):
        open_source(f"mnist:{tmp_path / 'absent'}")
    write_mnist(tmp_path, packed=False)
    images, labels = (tmp_path / f"train-{n}-ubyte" for n in ("images-idx3", "labels-idx1"))
    whole = labels.read_bytes()
    labels.write_bytes(whole[:-1])
    with pytest.raises(UserError, match="5 labels, got 4"):
        open_source(f"mnist:{tmp_path}")
    labels.write_bytes(whole)
    whole = images.read_bytes()
    for damaged, message in ((whole[:-1], "5 pictures of 28x28"), (b"x" * 99, "damaged")):
        images.write_bytes(damaged)
        with pytest.raises(UserError, match=message):
            open_source(f"mnist:{tmp_path}")
    images.unlink()
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(whole)[:-20])
    with pytest.raises(UserError, match="cannot be read"):
        open_source(f"mnist:{tmp_path}")


def test_svhn(tmp_path):
    pictures = np.stack([picture(i, (32, 32)) for i in range(11)], axis=-1)
    digits = np.arange(1, 12).reshape(-1, 1).clip(max=10).astype(np.uint8)
    file = str(tmp_path / "train_32x32.mat")
    scipy_io.savemat(file, {"X": pictures, "y": digits})
    source = open_source(f"svhn:{file}")
    assert source.num_pictures == 11
    read = open_elsewhere(source)
    for index in (10, 0):
        np.testing.assert_array_equal(read(index), picture(index, (32, 32)))
    assert source.label_names == tuple("0123456789")
    np.testing.assert_array_equal(source.labels.classes, [*range(1, 10), 0, 0])
    assert list(source.sample_sides()) == [32]
    assert open_source(file).identity == source.identity
    assert open_source(f"svhn:{tmp_path}:train").identity == source.identity
    with pytest.raises(UserError, match=r"extra_32x32\.mat: cannot be read: No such file"):
        open_source(f"svhn:{tmp_path}:extra")
    scipy_io.savemat(file, {"X": pictures[..., :3], "y": digits})
    with pytest.raises(UserError, match="expected X, uint8"):
        open_source(file)
    scipy_io.savemat(file, {"X": pictures, "y": digits + 1})
    with pytest.raises(UserError, match="expected digits from 1 to 10"):
        open_source(file)
    (tmp_path / "train_32x32.mat").write_bytes(b"no such thing" * 20)
    with pytest.raises(UserError, match="cannot be read: "):
        open_source(file)


def encode(seed, size=(16, 16)):
    file = io.BytesIO()
    Image.fromarray(picture(seed, size)).save(file, "png")
    return file.getvalue()


def test_lsun(tmp_path):
    folder = str(tmp_path / "bedroom_train_lmdb")
    written = {os.urandom(i + 1) + b"\0": encode(i, (20 + i, 30)) for i in range(5)}
    with lmdb.open(folder, map_size=2**20) as database, database.begin(write=True) as transaction:
        for key, value in written.items():
            transaction.put(key, value)
    source = open_source(f"lsun:{folder}")
    assert (source.name, source.num_pictures, source.labels) == ("bedroom_train", 5, None)
    readers = [open_elsewhere(source), open_elsewhere(source)]  # at once, in one process
    for index in (4, 0, 2, 1, 3):
        for read in readers:
            assert read(index) == written[sorted(written)[index]]
    assert sorted(source.sample_sides()) == [20, 21, 22, 23, 24]
    assert open_source(folder).identity == source.identity
    with pytest.raises(UserError, match=r"data\.mdb: cannot be read: No such file"):
        open_source(f"lsun:{tmp_path}")
    with lmdb.open(str(tmp_path / "empty"), map_size=2**20):
        pass
    with pytest.raises(UserError, match="found none"):
        open_source(f"lsun:{tmp_path / 'empty'}")
    (tmp_path / "data.mdb").write_bytes(b"no database" * 1000)
    with pytest.raises(UserError, match="cannot be read as an LMDB database"):
        open_source(str(tmp_path))


@pytest.mark.parametrize("packed", [False, True])
def test_celeba(tmp_path, packed):
    names = [f"img_align_celeba/{i:06}.png" for i in range(3)]
    files = {name: encode(i, (178, 218)) for i, name in enumerate(names)}
    files[names[2]] = encode(2, (218, 178))
    if packed:
        path = tmp_path / "img_align_celeba.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in files.items():
                archive.writestr(name, data)
    else:
        path = tmp_path
        (path / "img_align_celeba").mkdir()
        (path / "other.png").write_bytes(encode(9))
        for name, data in files.items():
            (path / name).write_bytes(data)
    source = open_source(f"celeba:{path}")
    assert source.num_pictures == 3
    assert choose_resolution(source.sample_sides()) == 128
    read = open_elsewhere(source)
    for index in (1, 0):
        whole = picture(index, (178, 218))
        np.testing.assert_array_equal(read(index), whole[121 - 64 : 121 + 64, 89 - 64 : 89 + 64])
    with pytest.raises(UserError, match=r"expected 178x218 pixels, .* got 218x178"):
        read(2)
    (tmp_path / "attributes.csv").write_text(
        "image_id,Bald,Smiling\n000000.png,-1,1\n000001.png,1,1\n000002.png,1,-1\n"
    )
    labelled = open_source(f"celeba:{path}", labels=str(tmp_path / "attributes.csv"))
    np.testing.assert_array_equal(labelled.labels, [[-1, 1], [1, 1], [1, -1]])
    with pytest.raises(UserError, match="celeba: expected a folder or an archive"):
        open_source(f"celeba:{tmp_path}/absent")


@pytest.mark.parametrize("channels", [1, 3])
def test_hdf5(tmp_path, channels):
    file = str(tmp_path / "pets.h5")
    pictures = np.stack([picture(i, (32, 32)).transpose(2, 0, 1)[:channels] for i in range(4)])
    with h5py.File(file, "w") as archive:
        for side in (4, 8, 16, 32):
            archive[f"data{side}x{side}"] = pictures[:, :, :side, :side]
    source = open_source(f"hdf5:{file}")
    assert (source.name, source.num_pictures, source.labels) == ("pets", 4, None)
    assert list(source.sample_sides()) == [32]
    read = open_elsewhere(source)
    for index in (3, 0):
        whole = picture(index, (32, 32))
        np.testing.assert_array_equal(read(index), whole if channels == 3 else whole[:, :, 0])
    assert open_source(file).identity == source.identity

    vectors = np.arange(8, dtype=np.float32).reshape(4, 2)
    np.save(tmp_path / "pets-labels.npy", vectors)
    np.testing.assert_array_equal(open_source(file).labels, vectors)
    assert open_source(file, labels="none").labels is None
    for bad, message in (
        (vectors[:3], "expected labels for 4 pictures"),
        (vectors + np.inf, "finite"),
        (np.array([object()] * 4), "NumPy file"),
    ):
        np.save(tmp_path / "pets-labels.npy", bad)
        with pytest.raises(UserError, match=message):
            open_source(file)
    del read  # it keeps the file open
    with h5py.File(file, "a") as archive:
        archive["labels"] = [2, 0, 1, 0]
    np.testing.assert_array_equal(
        open_source(file).labels, [[0, 0, 1], [1, 0, 0], [0, 1, 0], [1, 0, 0]]
    )


@pytest.mark.parametrize("chunks", [(1, 3, 8, 8), (2, 1, 4, 8), (4, 3, 8, 8)])
def test_hdf5_in_blocks_that_are_packed(tmp_path, chunks):
    file = str(tmp_path / "a.h5")
    pictures = np.stack([picture(i, (8, 8)).transpose(2, 0, 1) for i in range(5)])
    with h5py.File(file, "w") as archive:
        packed = {"compression": "gzip", "shuffle": True, "fletcher32": True, "chunks": chunks}
        archive.create_dataset("data8x8", data=pictures, **packed)
        archive.create_dataset("labels", data=[0, 1, 2, 1, 0], compression="gzip")
    source = open_source(file)
    read = open_elsewhere(source)
    for index in (4, 0, 1):
        np.testing.assert_array_equal(read(index), picture(index, (8, 8)))
    assert source.labels.classes.tolist() == [0, 1, 2, 1, 0]


def test_an_hdf5_block_that_unpacks_to_more_than_it_says_is_refused(tmp_path):
    file = str(tmp_path / "a.h5")
    bomb = zlib.compress(bytes(2**25))
    with h5py.File(file, "w") as archive:
        one = archive.create_dataset(
            "data8x8", (2, 3, 8, 8), np.uint8, compression="gzip", chunks=(1, 3, 8, 8)
        )
        one[:] = 7
        one.id.write_direct_chunk((1, 0, 0, 0), bomb)
    read = open_elsewhere(open_source(file))
    assert read(0).tolist() == np.full((8, 8, 3), 7).tolist()
    with pytest.raises(UserError, match="picture 1 cannot be read: a block unpacks to more than"):
        read(1)
    del read  # it keeps the file open
    with h5py.File(file, "a") as archive:
        labels = archive.create_dataset("labels", (2,), np.int64, compression="gzip", chunks=(2,))
        labels.id.write_direct_chunk((0,), bomb)
    with pytest.raises(UserError, match="a block unpacks to more than 20 bytes"):
        open_source(file)


def test_errors_of_hdf5(tmp_path):
    file = str(tmp_path / "a.h5")
    with pytest.raises(UserError, match="No such file"):
        open_source(f"hdf5:{file}")
    (tmp_path / "a.h5").write_bytes(b"no such thing" * 99)
    with pytest.raises(UserError, match="cannot be read as an HDF5 file"):
        open_source(file)
    for name, data, message in (
        ("other", np.zeros(3), "expected datasets data4x4, data8x8, …, found other"),
        ("data4x4", np.zeros((1, 3, 4, 4)), r"uint8 .* got float64 \(1, 3, 4, 4\)"),
        ("data4x4", np.zeros((0, 3, 4, 4), np.uint8), "found none"),
    ):
        with h5py.File(file, "w") as archive:
            archive[name] = data
        with pytest.raises(UserError, match=message):
            open_source(file)


def test_a_package_that_only_one_source_needs_is_named(tmp_path, monkeypatch):
    (tmp_path / "a.h5").write_bytes(b"x")
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(UserError, match="is not installed: pip install h5py"):
        open_source(str(tmp_path / "a.h5"))
