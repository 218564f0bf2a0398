"""The archives of Progressive GAN's first release, and others that reach for what is not theirs."""

import sys
import zlib

import h5py
import numpy as np
import pytest

from tests.helpers.source_helpers import assert_gives, assert_refused, assert_user_error, picture
from tfrecords.sources.by_name import open_source

PICTURES = np.stack([picture(i, (8, 8)).transpose(2, 0, 1) for i in range(4)])


@pytest.fixture
def file(tmp_path):
    return str(tmp_path / "pets.h5")


def write(file, fill, mode="w"):
    with h5py.File(file, mode) as archive:
        fill(archive)
    return file


@pytest.mark.parametrize("channels", [1, 3])
def test_the_largest_pictures_are_taken(file, channels):
    whole = np.stack([picture(i, (32, 32)).transpose(2, 0, 1)[:channels] for i in range(4)])
    sides = {f"data{side}x{side}": whole[:, :, :side, :side] for side in (4, 8, 16, 32)}
    write(file, lambda archive: archive.update(sides))
    source = open_source(f"hdf5:{file}")
    assert (source.name, source.labels) == ("pets", None)
    assert list(map(min, source.sample_sizes())) == [32]
    expected = [picture(i, (32, 32)) for i in range(4)]
    assert_gives(source, expected if channels == 3 else [one[..., 0] for one in expected])
    assert open_source(file).identity == source.identity


def test_labels_are_in_the_archive_or_beside_it(file, tmp_path):
    write(file, lambda archive: archive.update(data8x8=PICTURES))
    vectors = np.arange(8, dtype=np.float32).reshape(4, 2)
    beside = tmp_path / "pets-labels.npy"
    for bad in (vectors[:3], vectors[:, :0], vectors[:, 0], [-1, 0, 1, 2], [0, 1, 2, 2**20]):
        np.save(beside, bad)
        assert_refused("labels for 4 pictures", file)
    np.save(beside, vectors + np.inf)
    assert_refused("finite", file)
    np.save(tmp_path / "pets.labels.npy", vectors)
    (tmp_path / "pets.labels.npy").rename(tmp_path / "pets.labels")
    beside.unlink()
    np.testing.assert_array_equal(open_source(file).labels, vectors)
    assert open_source(file, labels="none").labels is None
    write(file, lambda archive: archive.update(labels=[2, 0, 1, 0]), "a")
    assert open_source(file).labels.classes.tolist() == [2, 0, 1, 0]


@pytest.mark.parametrize("chunks", [(1, 3, 8, 8), (2, 1, 4, 8), (4, 3, 8, 8)])
def test_values_may_be_packed_in_blocks(file, chunks):
    options = {"compression": "gzip", "shuffle": True, "fletcher32": True, "chunks": chunks}
    write(file, lambda archive: archive.create_dataset("data8x8", data=PICTURES, **options))
    assert_gives(open_source(file), [picture(index, (8, 8)) for index in range(4)])


def test_blocks_that_unpack_to_more_than_they_say_are_refused(file):
    bomb = zlib.compress(bytes(2**25))

    def fill(archive):
        options = {"compression": "gzip", "chunks": (1, 3, 8, 8)}
        pictures = archive.create_dataset("data8x8", data=PICTURES, **options)
        pictures.id.write_direct_chunk((1, 0, 0, 0), bomb)

    def fill_labels(archive):
        labels = archive.create_dataset("labels", (4,), np.int64, compression="gzip", chunks=(4,))
        labels.id.write_direct_chunk((0,), bomb)

    write(file, fill)
    assert_refused("a block unpacks to more than", write(file, fill_labels, "a"))
    read = open_source(file, labels="none").open()
    np.testing.assert_array_equal(read(0), picture(0, (8, 8)))
    assert_user_error("picture 1 cannot be read: a block unpacks to more than", read, 1)


def test_values_of_other_files_are_refused(file, tmp_path):
    secret = write(tmp_path / "secret.h5", lambda archive: archive.update(data8x8=PICTURES))
    PICTURES.tofile(tmp_path / "secret.bin")
    external = h5py.ExternalLink(secret, "data8x8")
    raw = [(tmp_path / "secret.bin", 0, PICTURES.nbytes)]
    layout = h5py.VirtualLayout(PICTURES.shape, np.uint8)
    layout[:] = h5py.VirtualSource(secret, "data8x8", PICTURES.shape)
    for words, fill in {
        "8 in the file itself, it is a link": lambda a: a.update(data8x8=external),
        "labels in the file itself, it is": lambda a: a.update(data8x8=PICTURES, labels=external),
        "self, it is a link": lambda a: a.update(data8x8=h5py.SoftLink("/data8x8")),
        "8 in this file": lambda a: a.create_dataset("data8x8", (4, 3, 8, 8), "u1", external=raw),
        "they are in others": lambda a: a.create_virtual_dataset("data8x8", layout),
    }.items():
        assert_refused(f"{words}.*refused", write(file, fill))


@pytest.mark.parametrize(
    ("message", "shape", "options"),
    [
        ("unpack to", (2**45, 3, 8, 8), {"chunks": (1, 3, 8, 8)}),
        ("none were ever written", (4, 3, 8, 8), {}),
        ("in blocks like a file of 384", (2**21, 3, 8, 8), {"chunks": (2**21, 3, 8, 8)}),
        ("in few blocks, got 98,304", (4, 3, 512, 512), {"chunks": (1, 1, 1, 8)}),
        ("to be uint8", (4, 3, 8, 4), {"data": PICTURES[..., :4]}),
        ("numbers in data8x8, got .S1", (4, 3, 8, 8), {"dtype": "S1"}),
        ("found none", (0, 3, 8, 8), {"data": PICTURES[:0]}),
        ("packed in an unknown way", (4, 3, 8, 8), {"scaleoffset": 0, "data": PICTURES}),
    ],
)
def test_pictures_that_are_not_what_they_claim_are_refused(file, message, shape, options):
    options = {"dtype": np.uint8, "shape": shape, **options}
    name = f"data{shape[2]}x{shape[2]}"
    assert_refused(message, write(file, lambda archive: archive.create_dataset(name, **options)))


def test_what_is_no_such_archive_is_refused(file, monkeypatch):
    assert_refused("No such file", f"hdf5:{file}")
    write(file, lambda archive: archive.update(other=[0.0]))
    assert_refused("datasets data4x4, data8x8, …, found other", file)
    write(file, lambda archive: archive.create_group("data8x8"))
    assert_refused("to be a dataset, it is something else", file)
    monkeypatch.setitem(sys.modules, "h5py", None)
    assert_refused("is not installed: pip install h5py", file)
