"""Archives that unpack to far more than they are, or claim it, take bounded memory and time."""

import contextlib
import importlib
import io
import struct
import tarfile
import time
import tracemalloc
import zipfile

import numpy as np
import pytest
from PIL import Image

from tfrecords.common import limits
from tfrecords.common.errors import UserError
from tfrecords.sources.by_name import open_source

MIB = 2**20


@contextlib.contextmanager
def bounded(mebibytes, seconds=20):
    """Fails where Python takes more memory or time than that."""
    tracemalloc.start()
    started = time.monotonic()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < mebibytes * MIB
    assert time.monotonic() - started < seconds


@pytest.fixture(autouse=True)
def small_limits(monkeypatch):
    """A hundredth of the real ones, so that the tests are quick."""
    monkeypatch.setattr(limits, "MOST_PICTURE_BYTES", 2 * MIB)
    monkeypatch.setattr(limits, "_MOST_MORE", 16 * MIB)


def png():
    file = io.BytesIO()
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(file, "png")
    return file.getvalue()


def write_zip(path, members, kind=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", kind) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def test_the_real_limits_are_those_of_the_documentation(monkeypatch):
    monkeypatch.undo()
    assert limits.MOST_PICTURE_BYTES == 256 * MIB
    assert limits._MOST_MORE == 2**30


@pytest.mark.parametrize("ending", ["zip", "tar", "tar.gz"])
def test_a_member_that_is_too_large_is_rejected_by_its_header(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    members = {"a.png": png(), "bomb.png": bytes(8 * MIB)}
    if ending == "zip":
        write_zip(path, members)
    else:
        with tarfile.open(path, "w:gz" if ending == "tar.gz" else "w") as archive:
            for name, data in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    with bounded(3):
        source = open_source(str(path))
        assert source.open()(0) == png()
    assert source.num_pictures == 1
    [(name, reason)] = source.rejected
    assert name.endswith("bomb.png")
    assert reason == "a file of 8 MiB, expected at most 2 MiB"


@pytest.mark.parametrize("kind", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_member_larger_than_its_header_says_is_not_unpacked(tmp_path, kind):
    path = tmp_path / "a.zip"
    # The header then says 1000 bytes.
    write_zip(path, {"a.png": bytes(100 * MIB)}, kind)
    data = path.read_bytes()
    path.write_bytes(data.replace(struct.pack("<I", 100 * MIB), struct.pack("<I", 1000)))
    source = open_source(str(path))
    with bounded(80), pytest.raises(UserError, match=r"a\.png: cannot be read"):
        source.open()(0)


def test_many_members_of_the_same_bytes_are_refused(tmp_path):
    """Each entry of the list at the end tells of the one stream there is."""
    path = tmp_path / "a.zip"
    write_zip(path, {"0000.png": bytes(MIB)})
    data = path.read_bytes()
    start = data.index(b"PK\x01\x02")
    end = data.index(b"PK\x05\x06")
    entry = data[start:end]
    entries = b"".join(entry.replace(b"0000.png", b"%04d.png" % i) for i in range(2000))
    tail = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 2000, 2000, len(entries), start, 0)
    path.write_bytes(data[:start] + entries + tail)
    with bounded(20), pytest.raises(UserError, match=r"unpack to .* or more, expected pictures"):
        open_source(str(path))


@pytest.mark.parametrize("ending", ["tar.gz", "tar.bz2", "tar.xz"])
@pytest.mark.parametrize("what", ["notes.txt", "a.png", "long name", "attributes"])
def test_a_compressed_tar_without_end_is_refused(tmp_path, ending, what):
    """Of pictures, of other files, and of the headers that stand before a member."""
    path = tmp_path / f"a.{ending}"
    size = 32 * MIB
    info = tarfile.TarInfo(what)
    info.size = size
    kinds = {"long name": tarfile.GNUTYPE_LONGNAME, "attributes": tarfile.XHDTYPE}
    info.type = kinds.get(what, tarfile.REGTYPE)
    opener = {"gz": "gzip", "bz2": "bz2", "xz": "lzma"}[ending[4:]]
    with importlib.import_module(opener).open(path, "wb") as file:
        file.write(info.tobuf())
        for _ in range(size // MIB):
            file.write(bytes(MIB))
    assert path.stat().st_size < 100_000
    with bounded(20), pytest.raises(UserError, match=r"unpack to|is the archive complete"):
        open_source(str(path))


def test_a_sparse_member_is_no_picture(tmp_path):
    """It claims 8 TiB, all holes."""
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("a.png")
        info.size = len(png())
        archive.addfile(info, io.BytesIO(png()))
        info = tarfile.TarInfo("hole.png")
        sparse = {"GNU.sparse.map": "0,0", "GNU.sparse.size": str(2**43)}
        info.pax_headers = sparse
        archive.addfile(info, io.BytesIO(b""))
    with bounded(20):
        source = open_source(str(path))
    assert (source.num_pictures, len(source.rejected)) == (1, 1)


@pytest.mark.parametrize("size", [-512, -(2**40), 2**62])
def test_a_member_of_an_absurd_size_is_one_line(tmp_path, size):
    """A negative size would lead back to where its header is, for ever."""
    for type_ in (tarfile.REGTYPE, tarfile.XHDTYPE, tarfile.GNUTYPE_SPARSE):
        info = tarfile.TarInfo("a.png")
        info.type = type_
        block = bytearray(info.tobuf(tarfile.GNU_FORMAT))
        sign = 0xFF if size < 0 else 0x80
        block[124:136] = bytes([sign]) + (size % 2**88).to_bytes(11)
        block[148:156] = b" " * 8
        block[148:156] = b"%06o\0 " % sum(block[:512])
        path = tmp_path / "a.tar"
        path.write_bytes(bytes(block) + bytes(10240))
        with bounded(20), pytest.raises(UserError, match=r"a\.tar: "):
            open_source(str(path))
