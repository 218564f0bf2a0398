"""The archives of Progressive GAN's first release, and others that reach for what is not theirs."""

import sys
import zlib

import h5py
import numpy as np
import pytest

from tests.helpers.source_helpers import assert_refused, open_elsewhere, picture
from tfrecords.common.errors import UserError
from tfrecords.sources.by_name import open_source

PICTURES = np.stack([picture(i, (8, 8)).transpose(2, 0, 1) for i in range(4)])
PACKED = {"compression": "gzip", "shuffle": True, "fletcher32": True}


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
    assert (source.name, source.num_pictures, source.labels) == ("pets", 4, None)
    assert list(source.sample_sides()) == [32]
    read = open_elsewhere(source)
    for index in (3, 0):
        expected = picture(index, (32, 32))
        np.testing.assert_array_equal(read(index), expected if channels == 3 else expected[..., 0])
    assert open_source(file).identity == source.identity


def test_labels_are_in_the_archive_or_beside_it(file, tmp_path):
    write(file, lambda archive: archive.update(data8x8=PICTURES))
    vectors = np.arange(8, dtype=np.float32).reshape(4, 2)
    beside = tmp_path / "pets-labels.npy"
    np.save(beside, vectors)
    np.testing.assert_array_equal(open_source(file).labels, vectors)
    assert open_source(file, labels="none").labels is None
    beside.rename(tmp_path / "pets.labels")
    np.testing.assert_array_equal(open_source(file).labels, vectors)
    for bad, message in (
        *((vectors[:3], "labels for 4 pictures"), (vectors[:, :0], "labels for 4 pictures")),
        *((vectors[:, 0], "labels for 4 pictures"), (np.array([0, 1, 2]), "labels for 4 pictures")),
        *((np.array([-1, 0, 1, 2]), "for 4 pictures"), (np.array([0, 1, 2, 2**20]), "pictures")),
        *((vectors + np.inf, "finite"), (np.array([object()] * 4), "NumPy file")),
    ):
        np.save(beside, bad)
        assert_refused(message, file)
    write(file, lambda archive: archive.update(labels=[2, 0, 1, 0]), "a")
    rows = [[0, 0, 1], [1, 0, 0], [0, 1, 0], [1, 0, 0]]
    np.testing.assert_array_equal(open_source(file).labels, rows)


@pytest.mark.parametrize("chunks", [(1, 3, 8, 8), (2, 1, 4, 8), (4, 3, 8, 8)])
def test_values_may_be_packed_in_blocks(file, chunks):
    def fill(archive):
        archive.create_dataset("data8x8", data=PICTURES, chunks=chunks, **PACKED)
        archive.create_dataset("labels", data=[0, 1, 2, 1], compression="gzip")

    source = open_source(write(file, fill))
    read = open_elsewhere(source)
    for index in (3, 0, 1):
        np.testing.assert_array_equal(read(index), picture(index, (8, 8)))
    assert source.labels.classes.tolist() == [0, 1, 2, 1]


def test_a_block_that_unpacks_to_more_than_it_says_is_refused(file):
    bomb = zlib.compress(bytes(2**25))

    def fill(archive):
        options = {"compression": "gzip", "chunks": (1, 3, 8, 8)}
        one = archive.create_dataset("data8x8", (2, 3, 8, 8), np.uint8, **options)
        one[:] = 7
        one.id.write_direct_chunk((1, 0, 0, 0), bomb)

    def fill_labels(archive):
        labels = archive.create_dataset("labels", (2,), np.int64, compression="gzip", chunks=(2,))
        labels.id.write_direct_chunk((0,), bomb)

    read = open_elsewhere(open_source(write(file, fill)))
    assert read(0).tolist() == np.full((8, 8, 3), 7).tolist()
    with pytest.raises(UserError, match="picture 1 cannot be read: a block unpacks to more than"):
        read(1)
    del read  # it keeps the file open
    assert_refused("a block unpacks to more than 20 bytes", write(file, fill_labels, "a"))


@pytest.fixture
def secret(tmp_path):
    write(tmp_path / "secret.h5", lambda archive: archive.update(data8x8=PICTURES))
    PICTURES.tofile(tmp_path / "secret.bin")
    return str(tmp_path / "secret")


def test_values_of_other_files_are_refused(file, secret):
    external = h5py.ExternalLink(f"{secret}.h5", "data8x8")
    raw = [(f"{secret}.bin", 0, PICTURES.nbytes)]
    layout = h5py.VirtualLayout(PICTURES.shape, np.uint8)
    layout[:] = h5py.VirtualSource(f"{secret}.h5", "data8x8", PICTURES.shape)
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
        (r"uint8 .* got float64 \(4, 3, 8, 8\)", (4, 3, 8, 8), {"dtype": "f8", "data": PICTURES}),
        ("numbers in data8x8, got .S1", (4, 3, 8, 8), {"dtype": "S1"}),
        ("found none", (0, 3, 8, 8), {"data": PICTURES[:0]}),
        ("packed in an unknown way", (4, 3, 8, 8), {"scaleoffset": 0, "data": PICTURES}),
    ],
)
def test_an_archive_of_something_else_or_less_than_it_claims_is_refused(
    file, message, shape, options
):
    options = {"dtype": np.uint8, "shape": shape, **options}
    name = f"data{shape[2]}x{shape[2]}"
    assert_refused(message, write(file, lambda archive: archive.create_dataset(name, **options)))


def test_labels_that_claim_more_than_there_is_are_refused(file):
    def fill(archive):
        archive["data8x8"] = PICTURES
        archive.create_dataset("labels", (4, 2**40), np.float32, chunks=(1, 2**10))

    assert_refused(r"labels: .* unpack to", write(file, fill))


def test_what_is_no_such_archive_is_one_line(file, tmp_path, monkeypatch):
    assert_refused("No such file", f"hdf5:{file}")
    assert_refused(
        "datasets data4x4, data8x8, …, found other",
        write(file, lambda archive: archive.update(other=[0.0])),
    )
    assert_refused(
        "to be a dataset, it is something else",
        write(file, lambda archive: archive.create_group("data8x8")),
    )
    (tmp_path / "pets.h5").write_bytes(b"no such thing" * 99)
    assert_refused("cannot be read as an HDF5 file", file)
    monkeypatch.setitem(sys.modules, "h5py", None)
    assert_refused("is not installed: pip install h5py", file)
