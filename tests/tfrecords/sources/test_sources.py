import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tests.helpers.places import ROOT
from tests.helpers.source_helpers import open_elsewhere, save
from tfrecords.common.errors import UserError
from tfrecords.format.identity import compute_fingerprint
from tfrecords.pictures.defaults import choose_resolution
from tfrecords.pictures.source import PictureOptions, SourceFile, one_hot
from tfrecords.sources import shapes
from tfrecords.sources.by_name import SOURCES_HELP, open_source
from tfrecords.sources.folder import list_folder

ROOT = str(ROOT)


def test_shapes_gives_its_pictures_and_labels():
    source = open_source("shapes", resolution=16)
    assert (source.name, source.num_pictures) == ("shapes", 3888)
    assert list(source.sample_sides()) == [16]
    np.testing.assert_array_equal(open_elsewhere(source)(5), shapes.draw(5, 16))
    assert source.label_names == shapes.LABEL_NAMES
    assert source.labels.shape == (3888, 6)
    assert source.labels.dtype == np.float32
    assert source.labels[5].argmax() == shapes.label(5)
    assert (source.labels.classes >= 0).all()


def test_shapes_without_labels():
    source = open_source("shapes", labels="none")
    assert open_elsewhere(source)(0).shape == (32, 32, 3)
    assert source.labels is None
    assert source.label_names == ()
    with pytest.raises(UserError, match=r"shapes takes its own labels or 'none', got 'folders'"):
        open_source("shapes", labels="folders")


def test_shapes_above_1024_px_is_an_error():
    with pytest.raises(UserError, match="from 4 to 1024, got 2048"):
        open_source("shapes", resolution=2048)


def test_a_folder_is_walked_in_order_without_hidden_and_other_files(tmp_path):
    wanted = ["a.png", "b/a.JPG", "b/c/z.webp", "c.bmp", "d.jpeg", "e.gif", "f.tif", "g.TIFF"]
    written = [save(tmp_path / name, seed=seed) for seed, name in enumerate(wanted)]
    for name in (".hidden.png", ".git/x.png", "b/.thumbs/y.png"):
        save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("not a picture")
    assert list_folder(str(tmp_path)).paths == wanted
    source = open_source(f"{tmp_path}/")
    assert source.num_pictures == 8
    assert source.name == tmp_path.name
    read = open_elsewhere(source)
    assert [read(index) for index in range(8)] == written
    assert source.picture_name(1) == f"{tmp_path}/b/a.JPG"
    assert source.labels is None
    assert source.rejected == ()
    status = (tmp_path / "a.png").stat()
    first = SourceFile(f"{tmp_path}/a.png", status.st_size, status.st_mtime_ns)
    assert source.identity[0] == first


def test_what_is_named_like_a_picture_and_is_none_is_rejected(tmp_path):
    save(tmp_path / "a.png")
    save(tmp_path / "album.png" / "b.png")
    (tmp_path / "empty.png").mkdir()
    (tmp_path / "dangling.jpg").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe.gif")
    (tmp_path / "link.png").symlink_to("a.png")
    (tmp_path / "album.png" / "loop").symlink_to(tmp_path)
    (tmp_path / "dangling").symlink_to("nowhere")
    assert list_folder(str(tmp_path)).paths == ["a.png", "album.png/b.png", "link.png"]
    source = open_source(str(tmp_path))
    assert source.rejected == (
        (f"{tmp_path}/dangling.jpg", "a link that leads nowhere"),
        (f"{tmp_path}/empty.png", "a folder, and no picture in it"),
        (f"{tmp_path}/pipe.gif", "no regular file"),
    )


def test_names_that_are_no_utf8_are_read_and_shown(tmp_path):
    path = os.fsencode(tmp_path) + b"/\xff\n.png"
    with open(path, "wb") as file:
        file.write(save(tmp_path / "a.png"))
    source = open_source(str(tmp_path))
    read = open_elsewhere(source)
    assert read(0) == read(1)
    assert source.picture_name(1) == rf"{tmp_path}/\xff\n.png"


def test_a_linked_folder_is_walked(tmp_path):
    save(tmp_path / "elsewhere" / "a.png")
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "more").symlink_to(tmp_path / "elsewhere")
    assert list_folder(str(tmp_path / "pictures")).paths == ["more/a.png"]


def test_sub_folders_are_classes_when_asked(tmp_path):
    for name in ("cat/1.png", "dog/1.png", "cat/deep/2.png"):
        save(tmp_path / name)
    source = open_source(str(tmp_path), labels="folders")
    assert source.label_names == ("cat", "dog")
    np.testing.assert_array_equal(source.labels, [[1, 0], [1, 0], [0, 1]])
    assert open_source(str(tmp_path), labels="none").labels is None
    only = tmp_path / ".only"
    save(only / "cat" / "1.png")
    with pytest.raises(UserError, match=r"two sub-folders or more, .* got cat only"):
        open_source(str(only), labels="folders")
    save(tmp_path / "loose.png")
    with pytest.raises(UserError, match=r"loose\.png is in none"):
        open_source(str(tmp_path), labels="folders")


@pytest.mark.parametrize(
    ("sides", "expected"),
    [
        ([64], 64),
        ([63], 32),
        ([64, 100, 256, 300], 256),
        ([64, 100, 255, 300], 128),
        ([3000] * 3, 1024),
        ([2], 4),
        ([16, 16, 8], 16),
        ([16, 8, 8], 8),
    ],
)
def test_the_resolution_is_what_half_of_the_pictures_reach(sides, expected):
    assert choose_resolution(sides) == expected


def test_one_hot_leaves_what_is_not_known_zero():
    np.testing.assert_array_equal(one_hot([1, -1], 2), [[0, 1], [0, 0]])


def test_the_fingerprint_changes_with_pictures_options_and_labels_only(tmp_path):
    save(tmp_path / "x" / "a.png")
    save(tmp_path / "y" / "a.png")
    folder = str(tmp_path)
    options = PictureOptions(16, 3, allow_upscaling=False)

    def fingerprint(source=folder, **kwargs):
        return compute_fingerprint(open_source(source, **kwargs), options)

    first = fingerprint()
    assert len(first) == 16
    assert int(first, 16) >= 0
    assert fingerprint(tfds_data_dir="/x", labels="none") == first
    others = [fingerprint(labels="folders"), fingerprint("shapes")]
    others.append(fingerprint("shapes", labels="none"))
    save(tmp_path / "b.png")
    others.append(fingerprint())
    assert len({first, *others}) == 5


def test_missing_empty_and_unknown_sources_are_errors(tmp_path):
    for missing in ("flickr:cat", str(tmp_path / "absent"), "", "mnist:"):
        with pytest.raises(UserError, match="no such folder") as caught:
            open_source(missing)
        assert SOURCES_HELP in str(caught.value)
        assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match=r"expected pictures .* found none"):
        open_source(str(tmp_path))
    with pytest.raises(UserError, match="power of two"):
        open_source("shapes", resolution=48)
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(UserError, match="a file of another kind"):
        open_source(str(tmp_path / "notes.txt"))


def test_the_size_is_found_behind_large_metadata_and_in_every_format(tmp_path):
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (400, 600, 3), np.uint8))
    image.save(tmp_path / "profile.png", icc_profile=np.random.default_rng(1).bytes(300_000))
    for ending in ("png", "jpg", "webp", "bmp", "gif", "tif"):
        image.save(tmp_path / f"a.{ending}")
    assert list(open_source(str(tmp_path)).sample_sides()) == [400] * 7


def test_a_thousand_pictures_spread_over_all_are_sampled(tmp_path):
    small, large = save(tmp_path / "0.png", (8, 9)), save(tmp_path / "1.png", (20, 30))
    for index in range(2, 1501):
        (tmp_path / f"{index}.png").write_bytes(large if index % 2 else small)
    sides = open_source(str(tmp_path)).sample_sides()
    assert len(sides) == 751
    assert set(sides) == {8, 20}


def test_broken_pictures_are_not_sampled_and_one_that_is_gone_names_its_file(tmp_path):
    (tmp_path / "broken.png").write_bytes(b"not a picture")
    source = open_source(str(tmp_path))
    with pytest.raises(UserError, match=r"no picture can be read; the first: .*broken\.png"):
        source.sample_sides()
    save(tmp_path / "good.png", (20, 30))
    source = open_source(str(tmp_path))
    assert list(source.sample_sides()) == [20]
    read = open_elsewhere(source)
    assert read(0) == b"not a picture"
    (tmp_path / "broken.png").unlink()
    with pytest.raises(UserError, match=r"broken\.png: cannot be read: No such file"):
        read(0)


def test_readers_of_local_files_do_without_tensorflow(tmp_path):
    save(tmp_path / "a.png")
    code = f"""
import pickle, sys
from tfrecords.sources.by_name import open_source
for name in ("shapes", {str(tmp_path)!r}):
    source = open_source(name)
    source.sample_sides()
    pickle.loads(pickle.dumps(source.open))()(0)
assert "tensorflow" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_a_remote_folder(tmp_path):
    wanted = [save(tmp_path / "a.png", (16, 20)), save(tmp_path / "b" / "c.jpg", (18, 20))]
    save(tmp_path / ".git" / "x.png")
    source = open_source(f"file://{tmp_path}", labels="none")
    read = open_elsewhere(source)
    assert [read(0), read(1)] == wanted
    assert list(source.sample_sides()) == [16, 18]
    with pytest.raises(UserError, match="no such folder"):
        open_source(f"file://{tmp_path}/absent")


def test_home_folders_are_found_wherever_they_stand(tmp_path, monkeypatch):
    """The shell expands ~ only where a word begins, which it does not in --labels=~/x."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "pictures").mkdir()
    for name in ("a", "b"):
        Image.new("RGB", (4, 4)).save(tmp_path / "pictures" / f"{name}.png")
    (tmp_path / "classes.csv").write_text("a.png,cat\nb.png,dog\n")
    source = open_source(str(tmp_path / "pictures"), labels="~/classes.csv")
    assert source.label_names == ("cat", "dog")
    assert open_source("celeba:~/pictures").num_pictures == 2
