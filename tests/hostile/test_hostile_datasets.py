"""Copies of known data sets that reach for other files, or claim to be larger than they are."""

import gzip
import os
import struct
import tracemalloc
import zlib

import h5py
import lmdb
import numpy as np
import pytest

from tests.helpers.source_helpers import open_elsewhere
from tests.tfrecords.common.test_paths import make_no_files
from tfrecords.common import limits
from tfrecords.common.errors import UserError
from tfrecords.sources.by_name import open_source

MIB = 2**20
PICTURES = np.random.default_rng(1).integers(0, 256, (4, 3, 8, 8), np.uint8)


@pytest.fixture
def archive_with(tmp_path):
    """Returns a function that writes an HDF5 file by a function, and its path."""

    def write(fill):
        path = str(tmp_path / "a.h5")
        with h5py.File(path, "w") as archive:
            fill(archive)
        return path

    return write


@pytest.fixture
def secret(tmp_path):
    with h5py.File(tmp_path / "secret.h5", "w") as archive:
        archive["data8x8"] = PICTURES
    PICTURES.tofile(tmp_path / "secret.bin")
    return str(tmp_path / "secret")


def virtual(secret):
    layout = h5py.VirtualLayout(PICTURES.shape, np.uint8)
    layout[:] = h5py.VirtualSource(f"{secret}.h5", "data8x8", PICTURES.shape)
    return layout


def test_values_of_other_files_are_refused(archive_with, secret):
    raw = [(f"{secret}.bin", 0, PICTURES.nbytes)]

    def labelled(archive):
        archive["data8x8"] = PICTURES
        archive["labels"] = h5py.ExternalLink(f"{secret}.h5", "data8x8")

    for words, fill in {
        "it is a link": lambda archive: archive.update(
            data8x8=h5py.ExternalLink(f"{secret}.h5", "data8x8")
        ),
        "labels in the file itself, it is a link": labelled,
        "8 in the file itself, it is a link": lambda archive: archive.update(
            data8x8=h5py.SoftLink("/data8x8")
        ),
        "they are in others": lambda archive: archive.create_dataset(
            "data8x8", PICTURES.shape, np.uint8, external=raw
        ),
        "of data8x8 in this file, they are in others": lambda archive: (
            archive.create_virtual_dataset("data8x8", virtual(secret))
        ),
    }.items():
        with pytest.raises(UserError, match=words) as caught:
            open_source(archive_with(fill))
        assert "\n" not in str(caught.value)
        assert "refused" in str(caught.value)


def test_an_archive_that_claims_more_than_it_holds_is_refused(archive_with):
    huge = (2**45, 3, 8, 8)

    def chunked(archive):
        archive.create_dataset("data8x8", huge, np.uint8, chunks=(1, 3, 8, 8))

    def unwritten(archive):
        archive.create_dataset("data8x8", (4, 3, 8, 8), np.uint8)

    def large_chunk(archive):
        options = {"chunks": (2**21, 3, 8, 8), "compression": "gzip"}
        archive.create_dataset("data8x8", (2**21, 3, 8, 8), np.uint8, **options)

    def labels(archive):
        archive["data8x8"] = PICTURES
        archive.create_dataset("labels", (4, 2**40), np.float32, chunks=(1, 2**10))

    def no_square(archive):
        archive["data8x8"] = PICTURES[:, :, :4]

    for words, fill in (
        ("unpack to", chunked),
        ("none were ever written", unwritten),
        ("in blocks like a file of 384 MiB", large_chunk),
        ("labels: .* unpack to", labels),
        ("to be uint8", no_square),
    ):
        with pytest.raises(UserError, match=words):
            open_source(archive_with(fill))


def mat_part(kind, data):
    return struct.pack("<II", kind, len(data)) + data + bytes(-len(data) % 8)


def test_a_matlab_file_does_not_unpack_without_end(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "_MOST_MORE", 4 * MIB)
    size = 64 * MIB
    shape = mat_part(5, struct.pack("<4i", 32, 32, 3, size // 3072))
    matrix = mat_part(6, struct.pack("<II", 9, 0)) + shape + mat_part(1, b"X")
    matrix += struct.pack("<II", 2, size) + bytes(size)
    packed = zlib.compress(struct.pack("<II", 14, len(matrix)) + matrix)
    header = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x100) + b"IM"
    path = tmp_path / "train_32x32.mat"
    path.write_bytes(header + struct.pack("<II", 15, len(packed)) + packed)
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match="unpack to"):
            open_source(f"svhn:{path}")
        assert tracemalloc.get_traced_memory()[1] < 8 * MIB
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("count", [2**31, 2**32 - 1])
def test_an_idx_file_holds_what_its_header_says(tmp_path, count):
    """2^32 times 2^16 times 2^16 pixels are none, in the numbers of a machine."""
    for shape in ((count, 28, 28), (count, 2**16, 2**16), (2, 28, 28)):
        header = struct.pack(">4I", 2051, *shape)
        path = tmp_path / "train-images-idx3-ubyte"
        path.write_bytes(header + bytes(100))
        with pytest.raises(UserError, match="is it damaged"):
            open_source(f"mnist:{tmp_path}")
        path.unlink()
        path = tmp_path / "train-images-idx3-ubyte.gz"
        path.write_bytes(gzip.compress(header + bytes(20 * MIB), 1))
        with pytest.raises(UserError, match=r"unpack to|is it damaged"):
            open_source(f"mnist:{tmp_path}")
        path.unlink()


@pytest.mark.parametrize("count", [1, 30, 3000])
def test_lmdb_is_read_as_its_library_reads_it(tmp_path, count):
    """Values in leaves and in pages of their own, branches, and places that were used before."""
    folder = str(tmp_path / "lmdb")
    random = np.random.default_rng(count)
    with lmdb.open(folder, map_size=2**26) as database:
        for part in range(3):
            with database.begin(write=True) as rows:
                for number in range(count):
                    size = int(random.choice([0, 1, 500, 2000, 5000, 20_000]))
                    if number % 3 != part:
                        rows.put(b"key %07d" % random.integers(count), random.bytes(size))
                    else:
                        rows.delete(b"key %07d" % number)
        with database.begin() as rows:
            expected = [value for _, value in rows.cursor()]
    if not expected:
        with pytest.raises(UserError, match="found none"):
            open_source(f"lsun:{folder}")
        return
    source = open_source(f"lsun:{folder}")
    read = open_elsewhere(source)
    assert [read(index) for index in range(source.num_pictures)] == expected


def test_a_damaged_lmdb_file_is_one_line(tmp_path):
    """The library would map it, and end the process."""
    folder = str(tmp_path / "lmdb")
    with lmdb.open(folder, map_size=2**22) as database, database.begin(write=True) as rows:
        for number in range(100):
            rows.put(b"%d" % number, bytes(9000))
    path = os.path.join(folder, "data.mdb")
    with open(path, "rb") as file:
        whole = file.read()
    for size in (0, 100, 4096, 8192, 3 * 4096, len(whole) // 2):
        with open(path, "wb") as file:
            file.write(whole[:size])
        with pytest.raises(UserError, match="cannot be read as an LMDB database") as caught:
            open_source(f"lsun:{folder}")
        assert "\n" not in str(caught.value)


def test_pipes_and_devices_are_refused_for_every_kind_of_source(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in make_no_files(tmp_path):
        for name in ("train-images-idx3-ubyte", "data.mdb"):
            (tmp_path / name).unlink(missing_ok=True)
            os.symlink(path, name)
        for source in (f"svhn:{path}", f"hdf5:{path}", f"mnist:{tmp_path}", f"lsun:{tmp_path}"):
            with pytest.raises(UserError) as caught:
                open_source(source)
            assert "\n" not in str(caught.value)
    for ending in ("zip", "tar", "tar.gz", "mat", "h5"):
        os.mkfifo(f"a.{ending}")
        with pytest.raises(UserError, match="expected a file, got a pipe"):
            open_source(str(tmp_path / f"a.{ending}"))
