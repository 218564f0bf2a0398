import os

import numpy as np
import pytest
from PIL import Image

from tests.helpers.source_helpers import (
    assert_gives,
    assert_refused,
    assert_user_error,
    open_elsewhere,
    save,
)
from tfrecords.common.errors import UserError
from tfrecords.pictures.source import SourceFile
from tfrecords.sources.by_name import open_source
from tfrecords.sources.folder import list_folder


def test_a_folder_is_walked_in_order_without_hidden_and_other_files(tmp_path):
    wanted = ["a.png", "b/a.JPG", "b/c/z.webp", "c.bmp", "d.jpeg", "e.gif", "f.tif", "g.TIFF"]
    written = [save(tmp_path / name, seed=seed) for seed, name in enumerate(wanted)]
    for name in (".hidden.png", ".git/x.png", "b/.thumbs/y.png"):
        save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("not a picture")
    (tmp_path / "h").write_bytes(written[0])  # begins like a picture
    source = open_source(f"{tmp_path}/")
    assert (source.name, source.labels, source.rejected) == (tmp_path.name, None, ())
    assert_gives(source, [*written, written[0]])
    assert source.picture_name(1) == f"{tmp_path}/b/a.JPG"
    status = (tmp_path / "a.png").stat()
    first = SourceFile(f"{tmp_path}/a.png", status.st_size, status.st_mtime_ns)
    assert source.identity[0] == first


def test_what_is_named_like_a_picture_and_is_none_is_rejected(tmp_path):
    for name in ("a.png", "album.png/b.png", "elsewhere/.x/c.png"):
        save(tmp_path / name)
    (tmp_path / "empty.png").mkdir()
    links = {"dangling.jpg": "nowhere", "dangling": "nowhere", "link.png": "a.png"}
    links |= {"more": tmp_path / "elsewhere/.x", "album.png/loop": tmp_path}
    for name, target in links.items():
        (tmp_path / name).symlink_to(target)
    for name in ("pipe.gif", "pipe"):
        os.mkfifo(tmp_path / name)
    wanted = ["a.png", "album.png/b.png", "link.png", "more/c.png"]
    assert list_folder(str(tmp_path)).paths == wanted
    assert open_source(str(tmp_path)).rejected == (
        (f"{tmp_path}/dangling.jpg", "a link that leads nowhere"),
        (f"{tmp_path}/empty.png", "a folder, and no picture in it"),
        (f"{tmp_path}/pipe.gif", "no regular file"),
    )


def test_the_size_is_found_behind_large_metadata_and_in_every_format(tmp_path):
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8))
    image.save(tmp_path / "profile.png", icc_profile=np.random.default_rng(1).bytes(300_000))
    for ending in ("png", "jpg", "webp", "bmp", "gif", "tif"):
        image.save(tmp_path / f"a.{ending}")
    for folder in (str(tmp_path), f"file://{tmp_path}"):
        assert list(map(min, open_source(folder).sample_sizes())) == [40] * 7


def test_a_thousand_pictures_spread_over_all_are_sampled(tmp_path):
    small, large = save(tmp_path / "0.png", (8, 9)), save(tmp_path / "1.png", (20, 30))
    for index in range(2, 1501):
        (tmp_path / f"{index}.png").write_bytes(large if index % 2 else small)
    sides = [*map(min, open_source(str(tmp_path)).sample_sizes())]
    assert len(sides) == 751
    assert set(sides) == {8, 20}


def test_broken_pictures_are_not_sampled_and_one_that_is_missing_names_its_file(tmp_path):
    (tmp_path / "broken.png").write_bytes(b"not a picture")
    with pytest.raises(UserError, match=r"no picture can be read; the first: .*broken\.png"):
        open_source(str(tmp_path)).sample_sizes()
    save(tmp_path / "good.png", (20, 30))
    source = open_source(str(tmp_path))
    assert list(map(min, source.sample_sizes())) == [20]
    (tmp_path / "broken.png").unlink()
    assert_user_error(r"broken\.png: cannot be read: No such file", open_elsewhere(source), 0)


def test_a_remote_folder_is_read_like_a_local_one(tmp_path):
    wanted = [save(tmp_path / "a.png", (16, 20)), save(tmp_path / "b" / "c.jpg", (18, 20))]
    (tmp_path / "dataset.json").write_text('{"labels": [["a.png", 0], ["b/c.jpg", 1]]}')
    folder = f"file://{tmp_path}"
    source = open_source(folder)
    assert_gives(source, wanted)
    assert (source.name, list(map(min, source.sample_sizes()))) == (tmp_path.name, [16, 18])
    assert source.labels.classes.tolist() == [0, 1]
    assert (source.identity[1].path, source.identity[1].size) == (
        f"{folder}/b/c.jpg",
        len(wanted[1]),
    )
    assert_refused("no such folder", f"{folder}/absent")
