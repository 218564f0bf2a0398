"""What becomes of a run whose data are lost or damaged while it trains."""

import functools
import pathlib
import re
import shutil

import pytest
import tensorflow as tf

from pgan_tf.config.per_resolution import PerResolution
from pgan_tf.config.training import NetworkConfig, ScheduleConfig, TrainingConfig
from pgan_tf.data.dataset import distribute
from pgan_tf.runs import checkpoint
from pgan_tf.runs import folder as run_folder
from pgan_tf.training import loop as training_loop
from pgan_tf.training import run as run_module
from pgan_tf.training.run import Run
from tests.helpers.tests_data import prepare_shapes
from tfrecords.common.errors import UserError
from tfrecords.format.dataset_info import read_dataset_info
from tfrecords.format.record_file import FRAME_BYTES, RecordFile, frame


def make_config(stage_images, total_images):
    return TrainingConfig(
        dataset="shapes",
        network=NetworkConfig(resolution=8, fmap_base=16, fmap_max=4, latent_size=4),
        schedule=ScheduleConfig(
            resolution=8,
            stabilize_kimg=stage_images / 1000,
            fade_in_kimg=stage_images / 1000,
            total_kimg=total_images / 1000,
            batch_size=PerResolution(((4, 4),)),
            tick_kimg=PerResolution(((4, 0.032),)),
        ),
        minibatch_repeats=1,
    )


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    return prepare_shapes(tmp_path_factory.mktemp("cache"), 8)


@pytest.fixture
def info(shapes, tmp_path):
    """A copy that may be damaged."""
    shutil.copytree(shapes.folder, tmp_path / "data")
    return read_dataset_info(str(tmp_path / "data"))


def call_after_first_checkpoint(monkeypatch, function):
    original = checkpoint.save

    def save(*args, **kwargs):
        path = original(*args, **kwargs)
        if not calls:
            calls.append(path)
            function()
        return path

    calls = []
    monkeypatch.setattr(checkpoint, "save", save)


def run(config, info, folder, strategy, **options):
    run_folder.open_run(str(folder), config, "")
    return training_loop.train(Run(config, info, str(folder), strategy, **options))


def run_to_its_end(config, info, folder, strategy, **options):
    with pytest.raises(UserError) as caught:
        run(config, info, folder, strategy, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def remove(path):
    path.unlink()


def cut(path):
    path.write_bytes(path.read_bytes()[:100])


def overwrite(path):
    path.write_bytes(bytes(path.stat().st_size))


def replace(path):
    """Whole records, of something that is no picture, as long as those that were there."""
    offsets = RecordFile(str(path)).offsets
    sizes = [int(size) - FRAME_BYTES for size in offsets[1:] - offsets[:-1]]
    path.write_bytes(b"".join(frame(text_record(size)) for size in sizes))


def text_record(size):
    """An example whose `data` are text."""
    shape = tf.train.Feature(int64_list=tf.train.Int64List(value=[3, 4, 4]))
    for length in range(size):
        data = tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"x" * length]))
        features = tf.train.Features(feature={"shape": shape, "data": data})
        record = tf.train.Example(features=features).SerializeToString(deterministic=True)
        if len(record) == size:
            return record
    raise AssertionError(size)


@pytest.mark.parametrize(
    ("happens", "words"),
    [
        (remove, r"shapes-r02.*No such file.*put it back or make the dataset again"),
        (cut, r"at most 5 damaged records, got more in a row: make the dataset again"),
        (replace, r"a record cannot be decoded \(.*\): make the dataset again"),
        (overwrite, r"at most 5 damaged records, got more in a row: make the dataset again"),
    ],
)
def test_a_file_that_is_being_read(info, one_device, tmp_path, monkeypatch, happens, words):
    """Read from files, as data sets that memory does not hold are."""
    from_files = functools.partial(distribute, memory_bytes=0)
    monkeypatch.setattr(run_module, "distribute", from_files)
    path = pathlib.Path(info.files[4][0])
    whole = path.read_bytes()
    call_after_first_checkpoint(monkeypatch, lambda: happens(path))
    config, folder = make_config(2000, 2000), tmp_path / "run"
    error = run_to_its_end(config, info, folder, one_device, max_bad_records=5)
    assert re.search(words, error), error
    saved = checkpoint.read_run(str(folder))
    assert 32 <= saved.images_shown < 2000
    assert not list(folder.rglob("*.partial"))

    path.write_bytes(whole)
    goes_on = make_config(2000, saved.images_shown + 4)
    assert run(goes_on, info, folder, one_device) == saved.images_shown + 4


@pytest.mark.parametrize("happens", [remove, cut])
def test_a_file_of_the_next_resolution(info, one_device, tmp_path, monkeypatch, happens):
    path = pathlib.Path(info.files[8][0])
    whole = path.read_bytes()
    call_after_first_checkpoint(monkeypatch, lambda: happens(path))
    config, folder = make_config(64, 84), tmp_path / "run"
    error = run_to_its_end(config, info, folder, one_device)
    assert re.search(r"shapes-r03.*(No such file|cut or damaged)", error), error
    assert checkpoint.read_run(str(folder)).images_shown == 68  # the whole first stage
    if happens is remove:
        path.write_bytes(whole)
        assert run(config, info, folder, one_device) == 84
