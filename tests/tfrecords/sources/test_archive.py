"""Archives of pictures, and those that unpack to far more than they are."""

import copy
import io
import os
import struct
import subprocess
import sys
import tarfile
import zipfile

import pytest

from tests.helpers.places import ROOT
from tests.helpers.source_helpers import (
    assert_gives,
    assert_refused,
    assert_user_error,
    bounded,
    encoded,
    save,
    write_archive,
)
from tfrecords.common import limits
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
    source = open_source(file)
    assert (source.name, source.description) == ("pets", file)
    assert_gives(source, list(wanted.values()))
    assert source.picture_name(1) == f"{file}/cat/b.JPG"
    assert list(map(min, source.sample_sizes())) == [16, 17, 18, 19]
    assert (source.labels, source.rejected) == (None, ())
    assert open_source(file).identity == source.identity
    write_archive(file, contents | {"a.png": encoded(9)})
    assert open_source(file).identity != source.identity


@pytest.mark.parametrize("ending", ["tar", "tgz"])
def test_of_a_tar_only_files_and_hard_links_to_them_are_read(tmp_path, ending):
    file = tmp_path / f"a.{ending}"
    kinds = {"a.png": tarfile.REGTYPE, "hard.png": tarfile.LNKTYPE, "lost.png": tarfile.LNKTYPE}
    kinds |= {"soft.png": tarfile.SYMTYPE, "pipe.png": tarfile.FIFOTYPE, "b.png": tarfile.DIRTYPE}
    kinds["hole.png"] = tarfile.REGTYPE
    with tarfile.open(file, "w:gz" if ending == "tgz" else "w") as archive:
        for name, kind in kinds.items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "x.png" if name == "lost.png" else "a.png"
            info.size = len(PICTURE) if name == "a.png" else 0
            if name == "hole.png":  # it claims 8 TiB, all holes
                info.pax_headers = {"GNU.sparse.map": "0,0", "GNU.sparse.size": str(2**43)}
            archive.addfile(info, io.BytesIO(PICTURE))
    source = open_source(str(file))
    assert_gives(source, [PICTURE, PICTURE])
    reasons = {name.split("/")[-1]: why for name, why in source.rejected}
    links = dict.fromkeys(("lost.png", "soft.png"), "a link")
    assert reasons == links | dict.fromkeys(("pipe.png", "hole.png"), "no regular file")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_of_a_zip_links_are_rejected_and_the_last_of_a_name_counts(tmp_path):
    link = zipfile.ZipInfo("link.png")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name, data in (("a.png", encoded(1)), ("a.png", PICTURE), (link, b"a.png")):
            archive.writestr(name, data)
    source = open_source(str(tmp_path / "a.zip"))
    assert_gives(source, [PICTURE])
    assert source.rejected == ((f"{tmp_path}/a.zip/link.png", "a link"),)


@pytest.mark.parametrize("ending", ENDINGS)
def test_damaged_and_empty_archives_are_refused(tmp_path, ending):
    file = tmp_path / f"a.{ending}"
    write_archive(file, {f"{i}.png": encoded(i) for i in range(3)})
    data = file.read_bytes()
    damaged = [b"no archive" * 100, data[: min(2500, len(data) // 2)], b""]
    if ending == "tar":  # a damaged header is not taken for the end of the archive
        start = data.index(b"2.png")
        damaged += [data[:start] + b"\xff" * 512 + data[start + 512 :], data[: start + 100]]
    for contents in damaged:
        file.write_bytes(contents)
        assert_refused(r"cannot be read: .* is the archive comp", file)
    write_archive(file, {"a.txt": b"x"})
    assert_refused("found none in it", file)


def test_encrypted_and_broken_entries_of_a_zip_are_named(tmp_path):
    file = tmp_path / "a.zip"
    write_archive(file, {"a.png": b"x" * 1000, "b.png": b"y" * 1000})
    whole = file.read_bytes()
    flag = whole.index(b"PK\x01\x02") + 8  # in the directory at the end
    file.write_bytes(whole[:flag] + b"\x01" + whole[flag + 1 :])
    assert_refused(r"a\.png is encrypted: unpack", file)
    start = whole.index(b"a.png") + 5
    file.write_bytes(whole[:start] + b"\xff" * 8 + whole[start + 8 :])
    read = open_source(str(file)).open()
    assert_user_error(r"a\.zip/a\.png: cannot be read", read, 0)
    assert read(1) == b"y" * 1000


def test_the_copy_of_a_compressed_tar_is_removed_and_readers_do_without_tensorflow(tmp_path):
    write_archive(tmp_path / "a.tgz", {"a.png": PICTURE})
    save(tmp_path / "folder/a.png")
    (tmp_path / "tmp").mkdir()
    code = """
import os, pickle, sys
from tfrecords.sources.by_name import open_source
sources = [open_source(name) for name in ("a.tgz", "folder", "shapes")]
if not os.fork():  # a process that did not make the copy leaves it alone
    del sources
    sys.exit()
os.wait()
for source in sources:
    source.sample_sizes()
    assert len(pickle.loads(pickle.dumps(source.open))()(0)) > 9
assert "tensorflow" not in sys.modules
"""
    environment = {**os.environ, "TMPDIR": str(tmp_path / "tmp"), "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, cwd=tmp_path)
    assert os.listdir(tmp_path / "tmp") == []


# Archives that are a few kilobytes, or claim what they are not


@pytest.fixture
def small_limits(monkeypatch):
    """A hundredth of the real ones, so that the tests are quick."""
    monkeypatch.setattr(limits, "MOST_PICTURE_BYTES", 2 * MIB)
    monkeypatch.setattr(limits, "_MOST_MORE", 16 * MIB)


@pytest.mark.parametrize("ending", ["zip", "tar", "tar.gz"])
def test_a_member_that_is_too_large_is_rejected_by_its_header(tmp_path, ending, small_limits):
    path = tmp_path / f"a.{ending}"
    write_archive(path, {"a.png": PICTURE, "bomb.png": bytes(8 * MIB)})
    with bounded(3):
        source = open_source(str(path))
        assert_gives(source, [PICTURE])
    reason = "a file of 8 MiB, expected at most 2 MiB"
    assert source.rejected == ((f"{path}/bomb.png", reason),)


@pytest.mark.parametrize("kind", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_member_larger_than_its_header_says_is_not_unpacked(tmp_path, kind, small_limits):
    path, size = tmp_path / "a.zip", 100 * MIB
    write_archive(path, {"a.png": bytes(size)}, kind)
    data = path.read_bytes()
    path.write_bytes(data.replace(struct.pack("<I", size), struct.pack("<I", 1000)))
    read = open_source(str(path)).open()
    with bounded(80):
        assert_user_error(r"a\.png: cannot be read", read, 0)


def test_many_members_of_the_same_bytes_are_refused(tmp_path, small_limits):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0.png", bytes(MIB))
        for number in range(1, 200):  # the list at the end names the one stream 200 times
            entry = copy.copy(archive.filelist[0])
            entry.filename = f"{number}.png"
            archive.filelist.append(entry)
    with bounded(20):
        assert_refused(r"unpack to .* or more, expected pictures", path)


@pytest.mark.parametrize("ending", ["tar.gz", "tar.bz2", "tar.xz"])
def test_a_compressed_tar_without_end_is_refused(tmp_path, ending, small_limits):
    path = tmp_path / f"a.{ending}"
    write_archive(path, {"notes.txt": bytes(32 * MIB)})
    with bounded(20):
        assert_refused("unpack to", path)


@pytest.mark.parametrize("size", [2**18 + 1, -(2**40)])
@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
def test_a_header_of_an_absurd_size_is_refused(tmp_path, kind, size):
    """A negative size would lead back to where its header is, for ever."""
    info = tarfile.TarInfo("a.png")
    info.type = kind
    block = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    block[124:136] = bytes([0xFF if size < 0 else 0x80]) + (size % 2**88).to_bytes(11)
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block[:512])
    (tmp_path / "a.tar").write_bytes(bytes(block) + bytes(2**19))
    with bounded(20):
        assert_refused(f"a header of {size} bytes", tmp_path / "a.tar")
