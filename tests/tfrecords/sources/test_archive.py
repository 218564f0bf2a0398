"""Archives of pictures, and those that unpack to far more than they are."""

import contextlib
import importlib
import io
import os
import struct
import subprocess
import sys
import tarfile
import time
import tracemalloc
import zipfile

import pytest

from tests.helpers.places import ROOT
from tests.helpers.source_helpers import (
    assert_refused,
    encoded,
    open_elsewhere,
    save,
    write_archive,
)
from tfrecords.common import limits
from tfrecords.common.errors import UserError
from tfrecords.sources import single_file
from tfrecords.sources.by_name import open_source

ENDINGS = ("zip", "tar", "tar.gz", "tgz", "tar.bz2", "tar.xz")
KINDS = {"a.png": "PNG", "cat/b.JPG": "JPEG", "cat/deep/c.webp": "WEBP", "dog/d.bmp": "BMP"}
PICTURE = encoded(0)
MIB = 2**20


@pytest.mark.parametrize("ending", ENDINGS)
def test_pictures_are_read_in_order_without_hidden_and_other_files(tmp_path, ending):
    wanted = {path: encoded(i, (20, 16 + i), kind) for i, (path, kind) in enumerate(KINDS.items())}
    contents = dict(reversed(wanted.items()))
    contents |= {"notes.txt": b"x", ".h/x.png": b"x", "cat/.x.png": b"x", "__MACOSX/a.png": b"x"}
    file = str(tmp_path / f"pets.{ending}")
    write_archive(file, contents)
    os.utime(file, (1, 1))
    source = open_source(file)
    assert (source.name, source.description, source.num_pictures) == ("pets", file, 4)
    read = open_elsewhere(source)
    for index in (3, 0, 2, 1, 1):
        assert read(index) == list(wanted.values())[index]
    assert source.picture_name(1) == f"{file}/cat/b.JPG"
    assert list(source.sample_sides()) == [16, 17, 18, 19]
    assert (source.labels, source.rejected) == (None, ())
    assert open_source(file).identity == source.identity
    write_archive(file, contents | {"a.png": encoded(9)})
    assert open_source(file).identity != source.identity


@pytest.mark.parametrize("ending", ["tar", "tgz"])
def test_of_links_in_a_tar_only_those_to_pictures_before_are_read(tmp_path, ending):
    file = tmp_path / f"a.{ending}"
    kinds = {"a.png": tarfile.REGTYPE, "hard.png": tarfile.LNKTYPE, "lost.png": tarfile.LNKTYPE}
    kinds |= {"soft.png": tarfile.SYMTYPE, "pipe.png": tarfile.FIFOTYPE, "b.png": tarfile.DIRTYPE}
    with tarfile.open(file, "w:gz" if ending == "tgz" else "w") as archive:
        for name, kind in kinds.items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "x.png" if name == "lost.png" else "a.png"
            info.size = len(PICTURE) if kind == tarfile.REGTYPE else 0
            archive.addfile(info, io.BytesIO(PICTURE))
    source = open_source(str(file))
    read = open_elsewhere(source)
    assert [read(index) for index in range(source.num_pictures)] == [PICTURE, PICTURE]
    reasons = {name.split("/")[-1]: why for name, why in source.rejected}
    links = dict.fromkeys(("lost.png", "soft.png"), "a link")
    assert reasons == links | {"pipe.png": "no regular file"}


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_of_a_zip_links_are_rejected_and_the_last_of_a_name_counts(tmp_path):
    link = zipfile.ZipInfo("link.png")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name, data in (("a.png", encoded(1)), ("a.png", PICTURE), (link, b"a.png")):
            archive.writestr(name, data)
    source = open_source(str(tmp_path / "a.zip"))
    assert (source.num_pictures, source.open()(0)) == (1, PICTURE)
    assert source.rejected == ((f"{tmp_path}/a.zip/link.png", "a link"),)


@pytest.mark.parametrize("ending", ENDINGS)
def test_damaged_and_empty_archives_are_one_line(tmp_path, ending):
    file = tmp_path / f"a.{ending}"
    write_archive(file, {f"{i}.png": encoded(i) for i in range(3)})
    data = file.read_bytes()
    for damaged in (b"no archive" * 100, data[: min(2500, len(data) // 2)], b""):
        file.write_bytes(damaged)
        assert_refused(r"cannot be read: .* is the archive comp", file)
    write_archive(file, {"a.txt": b"x"})
    assert_refused("found none in it", file)


@pytest.mark.parametrize(
    "header", [b"\xff" * 512, b"2.png".ljust(100, b"\0")], ids=["bad", "cut off"]
)
def test_a_tar_whose_later_header_is_damaged_is_not_read_as_complete(tmp_path, header):
    file = tmp_path / "a.tar"
    write_archive(file, {"1.png": encoded(1), "2.png": encoded(2)})
    data = file.read_bytes()
    start = data.index(b"2.png")
    rest = data[start + 512 :] if len(header) == 512 else b""
    file.write_bytes(data[:start] + header + rest)
    assert_refused(r"cannot be read: .* is the archive comp", file)


def test_encrypted_and_broken_entries_of_a_zip_are_named(tmp_path):
    file = tmp_path / "a.zip"
    write_archive(file, {"a.png": b"x" * 1000, "b.png": b"y" * 1000})
    whole = file.read_bytes()
    flag = whole.index(b"PK\x01\x02") + 8  # in the directory at the end
    file.write_bytes(whole[:flag] + b"\x01" + whole[flag + 1 :])
    assert_refused(r"a\.png is encrypted: unpack", file)
    start = whole.index(b"a.png") + 5
    file.write_bytes(whole[:start] + b"\xff" * 8 + whole[start + 8 :])
    read = open_elsewhere(open_source(str(file)))
    with pytest.raises(UserError, match=r"a\.zip/a\.png: cannot be read"):
        read(0)
    assert read(1) == b"y" * 1000


@pytest.mark.parametrize("kind", [zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_pictures_without_an_ending_are_known_by_their_first_bytes(tmp_path, kind):
    write_archive(tmp_path / "a.zip", {"a": PICTURE, "b": b"text"}, kind)
    source = open_source(str(tmp_path / "a.zip"))
    assert (source.num_pictures, source.open()(0)) == (1, PICTURE)


def test_the_copy_of_a_compressed_tar_is_removed_and_readers_do_without_tensorflow(tmp_path):
    write_archive(tmp_path / "a.tgz", {"a.png": PICTURE})
    save(tmp_path / "folder/a.png")
    (tmp_path / "tmp").mkdir()
    code = """
import os, pickle, sys
from tfrecords.sources.by_name import open_source
sources = [open_source(name) for name in ("a.tgz", "folder", "shapes")]
assert len(os.listdir("tmp")) == 1
if not os.fork():  # a process that did not make the copy leaves it alone
    del sources
    sys.exit()
os.wait()
for source in sources:
    source.sample_sides()
    assert len(pickle.loads(pickle.dumps(source.open))()(0)) > 9
assert "tensorflow" not in sys.modules
"""
    environment = {**os.environ, "TMPDIR": str(tmp_path / "tmp"), "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, cwd=tmp_path)
    assert os.listdir(tmp_path / "tmp") == []


def test_a_full_disk_is_told_with_what_to_do(tmp_path, monkeypatch):
    write_archive(tmp_path / "a.tgz", {"a.png": PICTURE})
    monkeypatch.setattr(single_file.TemporaryPath, "__fspath__", lambda self: "/dev/full")
    assert_refused(r"copy of the pictures in .*No space left.*set TMPDIR", tmp_path / "a.tgz")


# Archives that are a few kilobytes, or claim what they are not


@contextlib.contextmanager
def bounded(mebibytes):
    """Fails where Python takes more memory than that, or many seconds."""
    tracemalloc.start()
    started = time.monotonic()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < mebibytes * MIB
    assert time.monotonic() - started < 20


@pytest.fixture
def small_limits(monkeypatch):
    """A hundredth of the real ones, so that the tests are quick."""
    assert (limits.MOST_PICTURE_BYTES, limits._MOST_MORE) == (256 * MIB, 2**30)  # docs/security.md
    monkeypatch.setattr(limits, "MOST_PICTURE_BYTES", 2 * MIB)
    monkeypatch.setattr(limits, "_MOST_MORE", 16 * MIB)


@pytest.mark.parametrize("ending", ["zip", "tar", "tar.gz"])
def test_a_member_that_is_too_large_is_rejected_by_its_header(tmp_path, ending, small_limits):
    path = tmp_path / f"a.{ending}"
    write_archive(path, {"a.png": PICTURE, "bomb.png": bytes(8 * MIB)})
    with bounded(3):
        source = open_source(str(path))
        assert source.open()(0) == PICTURE
    assert source.num_pictures == 1
    reason = "a file of 8 MiB, expected at most 2 MiB"
    assert source.rejected == ((f"{path}/bomb.png", reason),)


@pytest.mark.parametrize("kind", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_member_larger_than_its_header_says_is_not_unpacked(tmp_path, kind, small_limits):
    path = tmp_path / "a.zip"
    size = 100 * MIB
    write_archive(path, {"a.png": bytes(size)}, kind)
    data = path.read_bytes()
    path.write_bytes(data.replace(struct.pack("<I", size), struct.pack("<I", 1000)))
    source = open_source(str(path))
    with bounded(80), pytest.raises(UserError, match=r"a\.png: cannot be read"):
        source.open()(0)


def test_many_members_of_the_same_bytes_are_refused(tmp_path, small_limits):
    """Each entry of the list at the end tells of the one stream there is."""
    path = tmp_path / "a.zip"
    write_archive(path, {"0000.png": bytes(MIB)})
    data = path.read_bytes()
    start, end = data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06")
    entry = data[start:end]
    entries = b"".join(entry.replace(b"0000.png", b"%04d.png" % i) for i in range(200))
    tail = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 200, 200, len(entries), start, 0)
    path.write_bytes(data[:start] + entries + tail)
    with bounded(20), pytest.raises(UserError, match=r"unpack to .* or more, expected pictures"):
        open_source(str(path))


@pytest.mark.parametrize(
    ("ending", "what"),
    [("gz", "a.png"), ("bz2", "notes.txt"), ("xz", "long name"), ("gz", "attributes")],
)
def test_a_compressed_tar_without_end_is_refused(tmp_path, ending, what, small_limits):
    """Of pictures, of other files, and of the headers that stand before a member."""
    path = tmp_path / f"a.tar.{ending}"
    info = tarfile.TarInfo(what)
    info.size = 32 * MIB
    kinds = {"long name": tarfile.GNUTYPE_LONGNAME, "attributes": tarfile.XHDTYPE}
    info.type = kinds.get(what, tarfile.REGTYPE)
    opener = {"gz": "gzip", "bz2": "bz2", "xz": "lzma"}[ending]
    with importlib.import_module(opener).open(path, "wb") as file:
        file.write(info.tobuf())
        for _ in range(32):
            file.write(bytes(MIB))
    assert path.stat().st_size < 100_000
    with bounded(20), pytest.raises(UserError, match=r"unpack to|is the archive complete"):
        open_source(str(path))


def test_long_headers_are_refused_before_they_are_read(tmp_path):
    info = tarfile.TarInfo("a.png")
    for kind in (tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE):
        info.type, info.size = kind, 2**18 + 1
        (tmp_path / "a.tar").write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(2**19))
        assert_refused("a header of 262145 bytes", tmp_path / "a.tar")


def test_a_sparse_member_is_no_picture(tmp_path):
    """It claims 8 TiB, all holes."""
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("a.png")
        info.size = len(PICTURE)
        archive.addfile(info, io.BytesIO(PICTURE))
        info = tarfile.TarInfo("hole.png")
        info.pax_headers = {"GNU.sparse.map": "0,0", "GNU.sparse.size": str(2**43)}
        archive.addfile(info, io.BytesIO(b""))
    with bounded(20):
        source = open_source(str(path))
    assert (source.num_pictures, len(source.rejected)) == (1, 1)


@pytest.mark.parametrize("size", [-512, -(2**40), 2**62])
@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.XHDTYPE, tarfile.GNUTYPE_SPARSE])
def test_a_member_of_an_absurd_size_is_one_line(tmp_path, size, kind):
    """A negative size would lead back to where its header is, for ever."""
    info = tarfile.TarInfo("a.png")
    info.type = kind
    block = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    block[124:136] = bytes([0xFF if size < 0 else 0x80]) + (size % 2**88).to_bytes(11)
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block[:512])
    (tmp_path / "a.tar").write_bytes(bytes(block) + bytes(10240))
    with bounded(20), pytest.raises(UserError, match=r"a\.tar: "):
        open_source(str(tmp_path / "a.tar"))
