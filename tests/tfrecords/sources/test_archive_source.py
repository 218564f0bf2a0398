import io
import os
import subprocess
import sys
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

from tests.helpers.places import ROOT
from tests.helpers.source_helpers import open_elsewhere, picture
from tfrecords.common.errors import UserError
from tfrecords.sources.by_name import open_source

ENDINGS = ("zip", "tar", "tar.gz", "tgz", "tar.bz2", "tar.xz")
PATHS = ("a.png", "cat/b.JPG", "cat/deep/c.webp", "dog/d.bmp")


def encode(seed, path):
    file = io.BytesIO()
    kind = {"jpg": "jpeg"}.get(path[-3:].lower(), path.split(".")[-1])
    Image.fromarray(picture(seed, (16 + seed, 20))).save(file, kind)
    return file.getvalue()


def write_archive(file, contents):
    """Writes {path: bytes} in their order."""
    if str(file).endswith("zip"):
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for path, data in contents.items():
                archive.writestr(path, data)
        return
    kind = {"gz": "gz", "bz2": "bz2", "xz": "xz"}.get(str(file).replace("tgz", "gz").split(".")[-1])
    with tarfile.open(file, f"w:{kind or ''}") as archive:
        for path, data in contents.items():
            info = tarfile.TarInfo(path)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_archive_is_read_in_order_without_hidden_and_other_files(tmp_path, ending):
    wanted = {path: encode(seed, path) for seed, path in enumerate(PATHS)}
    contents = dict(reversed(wanted.items()))
    contents |= {"notes.txt": b"x", ".h/x.png": b"x", "cat/.x.png": b"x", "__MACOSX/a.png": b"x"}
    write_archive(tmp_path / f"pets.{ending}", contents)
    file = str(tmp_path / f"pets.{ending}")
    source = open_source(file)
    assert (source.name, source.description, source.num_pictures) == ("pets", file, 4)
    read = open_elsewhere(source)
    for index in (3, 0, 2, 1, 1):
        assert read(index) == wanted[PATHS[index]]
    assert source.picture_name(1) == f"{file}/cat/b.JPG"
    assert list(source.sample_sides()) == [16, 17, 18, 19]
    assert (source.labels, source.rejected) == (None, ())


@pytest.mark.parametrize("ending", ENDINGS[:3])
def test_labels_of_an_archive(tmp_path, ending):
    file = tmp_path / f"pets.{ending}"
    data = encode(0, "a.png")
    write_archive(file, dict.fromkeys(("cat/1.png", "dog/1.png", "cat/2/3.png"), data))
    source = open_source(str(file), labels="folders")
    assert source.label_names == ("cat", "dog")
    np.testing.assert_array_equal(source.labels, [[1, 0], [1, 0], [0, 1]])
    (tmp_path / "labels.csv").write_text("cat/1.png,x\ncat/2/3.png,y\ndog/1.png,x\n")
    source = open_source(str(file), labels=str(tmp_path / "labels.csv"))
    np.testing.assert_array_equal(source.labels, [[1, 0], [0, 1], [1, 0]])
    # A folder that holds everything is no class.
    write_archive(file, dict.fromkeys(("./pets/cat/1.png", "./pets/dog/1.png"), data))
    assert open_source(str(file), labels="folders").label_names == ("cat", "dog")
    write_archive(file, dict.fromkeys(("1.png", "dog/1.png"), data))
    with pytest.raises(UserError, match=r"1\.png is in none"):
        open_source(str(file), labels="folders")


@pytest.mark.parametrize("ending", ["tar", "tgz"])
def test_links_in_a_tar(tmp_path, ending):
    file = tmp_path / f"a.{ending}"
    data = encode(0, "a.png")
    with tarfile.open(file, "w:gz" if ending == "tgz" else "w") as archive:
        for name, kind, target in (
            ("a.png", tarfile.REGTYPE, ""),
            ("hard.png", tarfile.LNKTYPE, "a.png"),
            ("lost.png", tarfile.LNKTYPE, "nowhere.png"),
            ("soft.png", tarfile.SYMTYPE, "a.png"),
            ("pipe.png", tarfile.FIFOTYPE, ""),
            ("folder.png", tarfile.DIRTYPE, ""),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            info.size = len(data) if kind == tarfile.REGTYPE else 0
            archive.addfile(info, io.BytesIO(data))
    source = open_source(str(file))
    read = open_elsewhere(source)
    assert [read(index) for index in range(source.num_pictures)] == [data, data]
    assert [name.split("/")[-1] for name, _ in source.rejected] == [
        "lost.png",
        "pipe.png",
        "soft.png",
    ]


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_identity_changes_with_the_pictures(tmp_path, ending):
    file = tmp_path / f"a.{ending}"
    write_archive(file, {"a.png": encode(0, "a.png")})
    os.utime(file, (1, 1))
    first = open_source(str(file)).identity
    assert open_source(str(file)).identity == first
    write_archive(file, {"a.png": encode(1, "a.png")})
    assert open_source(str(file)).identity != first


@pytest.mark.parametrize("ending", ENDINGS)
def test_damaged_and_empty_archives_are_errors(tmp_path, ending):
    file = tmp_path / f"a.{ending}"
    file.write_bytes(b"no archive" * 100)
    with pytest.raises(UserError, match=r"cannot be read: .* is the archive complete") as caught:
        open_source(str(file))
    assert "\n" not in str(caught.value)
    write_archive(file, {f"{i}.png": encode(i, "a.png") for i in range(3)})
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 2])
    with pytest.raises(UserError, match=r"cannot be read: .* is the archive complete"):
        open_source(str(file))
    file.write_bytes(b"")
    with pytest.raises(UserError, match="cannot be read"):
        open_source(str(file))
    write_archive(file, {"a.txt": b"x"})
    with pytest.raises(UserError, match="found none in it"):
        open_source(str(file))


def test_encrypted_and_broken_entries_of_a_zip(tmp_path):
    file = tmp_path / "a.zip"
    write_archive(file, {"a.png": b"x" * 1000, "b.png": b"y" * 1000})
    whole = file.read_bytes()
    flag = whole.index(b"PK\x01\x02") + 8  # in the directory at the end
    file.write_bytes(whole[:flag] + b"\x01" + whole[flag + 1 :])
    with pytest.raises(UserError, match=r"a\.png is encrypted: unpack"):
        open_source(str(file))
    start = whole.index(b"a.png") + 5
    file.write_bytes(whole[:start] + b"\xff" * 8 + whole[start + 8 :])
    read = open_elsewhere(open_source(str(file)))
    with pytest.raises(UserError, match=r"a\.zip/a\.png: cannot be read"):
        read(0)
    assert read(1) == b"y" * 1000


def test_the_copy_of_a_compressed_tar_is_removed_and_no_tensorflow_is_loaded(tmp_path):
    write_archive(tmp_path / "a.tgz", {"a.png": encode(0, "a.png")})
    (tmp_path / "tmp").mkdir()
    code = f"""
import os, pickle, sys
from tfrecords.sources.by_name import open_source
source = open_source({str(tmp_path / "a.tgz")!r})
assert len(os.listdir({str(tmp_path / "tmp")!r})) == 1
if not os.fork():  # a process that did not make the copy leaves it alone
    del source
    sys.exit()
os.wait()
read = pickle.loads(pickle.dumps(source.open))()
assert len(read(0)) > 99 and "tensorflow" not in sys.modules
"""
    root = str(ROOT)
    environment = {**os.environ, "TMPDIR": str(tmp_path / "tmp")}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, cwd=root)
    assert os.listdir(tmp_path / "tmp") == []
