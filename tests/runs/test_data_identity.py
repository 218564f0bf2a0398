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
from tfrecords.format.identity import DataIdentity, identify, in_words
from tfrecords.pictures.source import PictureOptions

OLD = 10**9  # seconds: a time of files that tests do not wait for


@pytest.fixture
def pictures(tmp_path):
    """Six pictures of two classes."""
    for number in range(6):
        save(tmp_path / "photos" / ("cats", "dogs")[number % 2] / f"{number}.png", (8, 8), number)
    return tmp_path / "photos"


@pytest.fixture
def config_of(tmp_path):
    """Returns the configuration of a run on some pictures or TFRecords."""

    def config_of(data, labels=None):
        cache = str(tmp_path / "cache")
        info = prepare(str(data), cache, PictureOptions(8), labels=labels)
        label_size = info.label_size if labels else 0
        return TrainingConfig(
            dataset=in_words(info),
            data=identify(info, 8, cache, with_labels=labels is not None),
            network=NetworkConfig(resolution=8, fmap_base=16, latent_size=4, label_size=label_size),
            schedule=ScheduleConfig(resolution=8),
        )

    return config_of


def touch(folder):
    for number, path in enumerate(sorted(folder.rglob("*.png"))):
        os.utime(path, (OLD + number, OLD + number))


def renumber(folder):
    for path in sorted(folder.rglob("*.png")):
        path.rename(path.parent / f"{9 - int(path.stem)}.png")


def swap_classes(folder):
    (folder / "cats/0.png").rename(folder / "dogs/0.png")
    (folder / "dogs/1.png").rename(folder / "cats/1.png")


@pytest.mark.parametrize(
    ("change", "labels", "expected"),
    [
        (touch, None, []),
        (touch, "folders", []),
        (renumber, None, ["order of the pictures"]),
        (renumber, "folders", ["order of the pictures"]),
        (swap_classes, None, ["order of the pictures"]),
        (swap_classes, "folders", ["dataset"]),
    ],
)
def test_a_copy_elsewhere_is_the_same_data_if_pictures_and_classes_are(
    pictures, config_of, tmp_path, change, labels, expected
):
    copy = tmp_path / "elsewhere/holiday"
    shutil.copytree(pictures, copy)
    change(copy)
    found = data_differences(config_of(pictures, labels), config_of(copy, labels))
    assert list(found) == expected


def test_other_labels_of_the_same_files_are_said_to_be_that(pictures, config_of, tmp_path):
    rows = [str(path.relative_to(pictures)) for path in sorted(pictures.rglob("*.png"))]
    for count in (3, 4):
        lines = [f"{row},{'cat' if i < count else 'dog'}\n" for i, row in enumerate(rows)]
        (tmp_path / f"{count}.csv").write_text("".join(lines))
    one, two = (config_of(pictures, str(tmp_path / f"{count}.csv")) for count in (3, 4))
    assert data_differences(one, two).keys() == {"labels of the data"}


def test_other_pictures_of_the_same_name_size_and_time_are_noticed(
    config_of, tmp_path, monkeypatch
):
    """Also when what the files held is remembered from the last start."""
    monkeypatch.setattr(content, "_SETTLED_NANOSECONDS", 0)
    (tmp_path / "photos").mkdir()

    def write(number, seed):
        path = tmp_path / f"photos/{number}.png"
        Image.fromarray(np.full((8, 8, 3), seed, np.uint8)).save(path, compress_level=0)
        os.utime(path, (OLD, OLD))
        return path.stat().st_size

    sizes = [write(number, number) for number in range(3)]
    config = config_of(tmp_path / "photos")
    assert data_differences(config, config_of(tmp_path / "photos")) == {}
    assert write(1, 99) == sizes[1]
    assert data_differences(config, config_of(tmp_path / "photos")).keys() == {"dataset"}


@pytest.fixture
def dataset(pictures, tmp_path):
    """A finished folder of TFRecords."""
    info = prepare(str(pictures), str(tmp_path / "made"), PictureOptions(8))
    return pathlib.Path(shutil.copytree(info.folder, tmp_path / "cats"))


def test_tfrecords_are_the_same_under_another_name_and_others_under_the_same(
    dataset, config_of, tmp_path
):
    config = config_of(dataset)
    dataset.rename(tmp_path / "cats2")
    assert data_differences(config, config_of(tmp_path / "cats2")) == {}
    for number in range(6):
        save(tmp_path / "new" / f"{number}.png", (8, 8), 100 + number)
    others = prepare(str(tmp_path / "new"), str(tmp_path / "made"), PictureOptions(8))
    shutil.copytree(others.folder, dataset)
    found = data_differences(config, config_of(dataset))
    assert [words.split(" (")[0] for words in found["dataset"]] == ["cats, 6 pictures"] * 2


def test_tfrecords_that_tell_little_or_nothing_of_themselves_are_read(dataset, config_of):
    """As those of the published form and of the first versions; the bytes are what they were."""
    known = dataclasses.replace(config_of(dataset).data, pictures="")
    text = (dataset / "dataset.json").read_text()
    for less in (text.replace('"content"', '"unknown"'), '{"version": 1}'):
        (dataset / "dataset.json").write_text(less)
        assert config_of(dataset).data == known
    (dataset / "dataset.json").unlink()
    assert (config_of(dataset).data.files, config_of(dataset).data.pictures) == (known.files, "")
    path = pathlib.Path(read_dataset_info(str(dataset)).files[8][0])
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert config_of(dataset).data.files != known.files


def test_an_older_run_resumes_by_name_and_number_and_is_known_by_content_then(
    pictures, config_of, tmp_path
):
    now, run_dir = config_of(pictures), str(tmp_path / "run")
    assert TrainingConfig.from_json(now.to_json()) == now
    old = dataclasses.replace(now, dataset="photos-8px-0123abcd, 6 pictures", data=DataIdentity())
    open_run(run_dir, old, "")
    for other in ("photos, 7 pictures", "faces, 6 pictures"):
        with pytest.raises(UserError, match=f"dataset was photos, 6 pictures and is {other}"):
            open_run(run_dir, dataclasses.replace(now, dataset=other), "")
    open_run(run_dir, now, "")
    with pytest.raises(UserError, match=r"dataset was .*SHA-256"):
        open_run(run_dir, dataclasses.replace(now, data=DataIdentity(files="0" * 64)), "")
    assert check_same_run(now, dataclasses.replace(now, dataset="renamed"), run_dir) == ()
