"""A run's data is what its bytes are: not names, places or times."""

import dataclasses
import os
import pathlib
import shutil

import numpy as np
import pytest
from PIL import Image

from pgan_tf.config.training import NetworkConfig, ScheduleConfig, TrainingConfig, data_differences
from pgan_tf.runs.folder import check_same_run, open_run
from tests.helpers.source_helpers import save
from tfrecords.cache import prepare
from tfrecords.common.errors import UserError
from tfrecords.format import identity as content
from tfrecords.format.dataset_info import read_dataset_info
from tfrecords.format.identity import DataIdentity, digest_files, identify, in_words
from tfrecords.pictures.source import PictureOptions

OLD = 10**9  # seconds: a time of files that tests do not wait for


@pytest.fixture
def pictures(tmp_path):
    """Six pictures of two classes."""
    for number in range(6):
        save(tmp_path / "photos" / ("cats", "dogs")[number % 2] / f"{number}.png", (8, 8), number)
    return tmp_path / "photos"


def begin(data, cache, *, labels=None):
    """The configuration of a run on some pictures or TFRecords."""
    info = prepare(str(data), str(cache), PictureOptions(8), labels=labels)
    label_size = info.label_size if labels else 0
    return TrainingConfig(
        dataset=in_words(info),
        data=identify(info, 8, str(cache), with_labels=labels is not None),
        network=NetworkConfig(resolution=8, fmap_base=16, latent_size=4, label_size=label_size),
        schedule=ScheduleConfig(resolution=8),
    )


def differences(before, after, cache, **options):
    return data_differences(begin(before, cache, **options), begin(after, cache, **options))


def test_pictures_that_were_copied_touched_or_moved_are_the_same(pictures, tmp_path):
    begun = begin(pictures, tmp_path / "cache")
    shutil.copytree(pictures, tmp_path / "elsewhere" / "holiday")
    pictures.rename(tmp_path / "renamed")
    for folder in (tmp_path / "elsewhere" / "holiday", tmp_path / "renamed"):
        for number, path in enumerate(sorted(folder.rglob("*.png"))):
            os.utime(path, (OLD + number, OLD + number))
        assert data_differences(begun, begin(folder, tmp_path / "cache")) == {}


@pytest.mark.parametrize("labels", [None, "folders"])
def test_picture_files_with_other_names_are_the_same_pictures_in_another_order(
    pictures, tmp_path, labels
):
    other = tmp_path / "other" / "photos"
    for path in pictures.rglob("*.png"):
        (other / path.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, other / path.parent.name / f"{9 - int(path.stem)}.png")
    found = differences(pictures, other, tmp_path / "cache", labels=labels)
    assert found.keys() == {"order of the pictures"}


def test_pictures_that_changed_class_are_other_data_where_classes_count(pictures, tmp_path):
    other = tmp_path / "other" / "photos"
    shutil.copytree(pictures, other)
    for name in ("0.png", "1.png"):
        here, there = (other / one / name for one in ("cats", "dogs"))
        here, there = (here, there) if here.exists() else (there, here)
        here.rename(there)
    cache = tmp_path / "cache"
    assert "dataset" in differences(pictures, other, cache, labels="folders")
    assert differences(pictures, other, cache).keys() == {"order of the pictures"}


def test_other_labels_of_the_same_pictures_are_said_to_be_that(pictures, tmp_path):
    rows = [f"{path.relative_to(pictures)}" for path in sorted(pictures.rglob("*.png"))]
    for name, count in (("one", 3), ("two", 4)):
        lines = [f"{row},{'cat' if i < count else 'dog'}" for i, row in enumerate(rows)]
        (tmp_path / f"{name}.csv").write_text("\n".join(lines) + "\n")
    cache = tmp_path / "cache"
    first, second = (
        begin(pictures, cache, labels=str(tmp_path / f"{name}.csv")) for name in ("one", "two")
    )
    assert data_differences(first, second).keys() == {"labels of the data"}


def replace_unnoticed(path, seed):
    """Puts another picture in a file's place, of the same size and time, as `cp -p` could."""
    before = path.stat()
    Image.fromarray(np.full((8, 8, 3), seed, np.uint8)).save(path, compress_level=0)
    assert path.stat().st_size == before.st_size
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_other_pictures_of_the_same_name_size_and_time_are_noticed(tmp_path, monkeypatch):
    """Also when what the files held is remembered from the last start."""
    monkeypatch.setattr(content, "_SETTLED_NANOSECONDS", 0)
    folder, cache = tmp_path / "photos", tmp_path / "cache"
    folder.mkdir()
    for number in range(3):
        path = folder / f"{number}.png"
        Image.fromarray(np.full((8, 8, 3), number, np.uint8)).save(path, compress_level=0)
        os.utime(path, (OLD, OLD))
    begun = begin(folder, cache)
    assert data_differences(begun, begin(folder, cache)) == {}
    replace_unnoticed(folder / "1.png", 99)
    assert data_differences(begun, begin(folder, cache)).keys() == {"dataset"}


def test_files_are_read_once_and_again_when_anything_touched_them(tmp_path, monkeypatch):
    path, memory = tmp_path / "file", str(tmp_path / "memory")
    path.write_bytes(b"one")
    monkeypatch.setattr(content, "_SETTLED_NANOSECONDS", 0)
    first = digest_files([str(path)], memory)
    monkeypatch.setattr(content, "_read_all", lambda *_: pytest.fail("read again"))
    assert digest_files([str(path)], memory) == first
    path.rename(tmp_path / "renamed")
    monkeypatch.undo()
    assert digest_files([str(tmp_path / "renamed")], memory) == first
    (tmp_path / "renamed").write_bytes(b"two")
    os.utime(tmp_path / "renamed", (OLD, OLD))
    assert digest_files([str(tmp_path / "renamed")], memory) != first


def test_what_changed_a_moment_ago_is_not_remembered(tmp_path):
    """Another change in the same moment would have the same time."""
    path = tmp_path / "file"
    path.write_bytes(b"one")
    digest_files([str(path)], str(tmp_path / "memory"))
    assert not (tmp_path / "memory").exists()


@pytest.fixture
def dataset(pictures, tmp_path):
    """A finished folder of TFRecords."""
    info = prepare(str(pictures), str(tmp_path / "made"), PictureOptions(8))
    shutil.copytree(info.folder, tmp_path / "cats")
    return tmp_path / "cats"


def test_tfrecords_are_the_same_under_another_name_and_others_under_the_same(dataset, tmp_path):
    begun = begin(dataset, tmp_path / "cache")
    dataset.rename(tmp_path / "cats2")
    assert data_differences(begun, begin(tmp_path / "cats2", tmp_path / "cache")) == {}
    for number in range(6):
        save(tmp_path / "new" / f"{number}.png", (8, 8), 100 + number)
    others = prepare(str(tmp_path / "new"), str(tmp_path / "made"), PictureOptions(8))
    shutil.copytree(others.folder, dataset)
    found = data_differences(begun, begin(dataset, tmp_path / "cache"))
    assert [words.split(" (")[0] for words in found["dataset"]] == ["cats, 6 pictures"] * 2


def test_tfrecords_that_tell_nothing_of_themselves_are_read(dataset, tmp_path):
    """As those of the published form are; the bytes are the same as where dataset.json tells."""
    told = begin(dataset, tmp_path / "cache").data
    (dataset / "dataset.json").unlink()
    found = begin(dataset, tmp_path / "cache").data
    assert (found.files, found.pictures) == (told.files, "")
    path = pathlib.Path(read_dataset_info(str(dataset)).files[8][0])
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert begin(dataset, tmp_path / "cache").data.files != told.files


def test_a_dataset_json_of_before_is_enough(dataset, tmp_path):
    """The first version told nothing of the files, the second nothing of the content."""
    told = begin(dataset, tmp_path / "cache").data
    text = (dataset / "dataset.json").read_text()
    (dataset / "dataset.json").write_text(text.replace('"content"', '"unknown"'))
    assert begin(dataset, tmp_path / "cache").data == dataclasses.replace(told, pictures="")
    (dataset / "dataset.json").write_text('{"version": 1}')
    assert begin(dataset, tmp_path / "cache").data == dataclasses.replace(told, pictures="")


def test_larger_pictures_that_a_run_does_not_see_make_no_difference(pictures, tmp_path):
    info = prepare(str(pictures), str(tmp_path), PictureOptions(16, allow_upscaling=True))
    first = identify(info, 8, str(tmp_path), with_labels=False).files
    assert first != identify(info, 16, str(tmp_path), with_labels=False).files
    for name in ("dataset.json", info.files[16][0]):
        (pathlib.Path(info.folder) / name).unlink()
    smaller = read_dataset_info(info.folder)
    assert identify(smaller, 8, str(tmp_path), with_labels=False).files == first


# Run folders


def test_a_run_of_before_goes_on_by_name_and_number_and_is_known_by_content_then(
    pictures, tmp_path
):
    now = begin(pictures, tmp_path / "cache")
    run_dir = str(tmp_path / "run")
    old = dataclasses.replace(now, dataset="photos-8px-0123abcd, 6 pictures", data=DataIdentity())
    open_run(run_dir, old, "")
    for other in ("photos, 7 pictures", "faces, 6 pictures"):
        with pytest.raises(UserError, match=f"dataset was photos, 6 pictures and is {other}"):
            open_run(run_dir, dataclasses.replace(now, dataset=other), "")
    open_run(run_dir, now, "")
    other = dataclasses.replace(now, data=DataIdentity(files="0" * 64))
    with pytest.raises(UserError, match=r"dataset was .*SHA-256"):
        open_run(run_dir, other, "")
    assert check_same_run(now, dataclasses.replace(now, dataset="renamed"), run_dir) == ()


def test_a_configuration_keeps_what_it_knows_of_its_data(pictures, tmp_path):
    config = begin(pictures, tmp_path / "cache")
    assert TrainingConfig.from_json(config.to_json()) == config
    damaged = config.to_json().replace(config.data.files, "../../x")
    with pytest.raises(UserError, match=r"config\.json: .*64 hexadecimal digits"):
        TrainingConfig.from_json(damaged)


def test_another_resolution_is_not_called_other_data(pictures, tmp_path):
    config = begin(pictures, tmp_path / "cache")
    other = dataclasses.replace(
        config,
        data=DataIdentity(files="0" * 64),
        network=dataclasses.replace(config.network, resolution=16),
        schedule=ScheduleConfig(resolution=16),
    )
    assert data_differences(config, other) == {}
