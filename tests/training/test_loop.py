"""A whole small run: growth, the run folder, resuming, faults. Nothing is compiled."""

import dataclasses
import gc
import itertools
import json
import os
import pathlib
import re
import shutil
import signal
import weakref

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from pgan_tf.config.augmentation import AugmentConfig
from pgan_tf.config.per_resolution import PerResolution
from pgan_tf.config.schedule import make_stages
from pgan_tf.devices.strategy import make_strategy
from pgan_tf.runs import checkpoint
from pgan_tf.runs.folder import open_run
from pgan_tf.training import loop
from pgan_tf.training.loop import train
from pgan_tf.training.pretrained import read_init_from
from pgan_tf.training.run import Run
from pgan_tf.training.state import build_state
from tests.helpers.built_dataset import flip
from tests.helpers.interrupted_run import CONFIG
from tests.helpers.random_arrays import assert_same_arrays
from tests.helpers.small_run import rows_of
from tfrecords.common.errors import StoppedError, UserError
from tfrecords.format.dataset_info import read_dataset_info
from tfrecords.format.record_file import RecordFile

pytestmark = pytest.mark.usefixtures("eager")

TOTAL = 160
# A call is two iterations: 16 images at 4 px, which end with 80, and 8 at 8 px.
TICKS = [32, 64, 80, 112, 128, 160]


@pytest.fixture(scope="module")
def info(shapes_at):
    return shapes_at(8)


# It adapts within these few images. (Runs without augmentation: `devices/test_interruption.py`.)
ADA = AugmentConfig("ada", held_out=0.1, augment_target=0.0, augment_kimg=0.5)


def make_config(total_images, **schedule):
    schedule = {"total_kimg": total_images / 1000, **schedule}
    schedule = dataclasses.replace(CONFIG.schedule, **schedule)
    return dataclasses.replace(CONFIG, schedule=schedule, augmentation=ADA)


def run(config, info, folder, strategy=None, weights=None, **options):
    open_run(str(folder), config, "")
    strategy = strategy or make_strategy("one_device")
    return train(Run(config, info, str(folder), strategy, **options), weights)


def column(folder, name):
    return [row[name] for row in rows_of(folder)]


def saved_at(folder):
    return [int(path.name.split("-")[1]) for path in sorted((folder / "checkpoints").iterdir())]


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def finished(info, tmp_path_factory):
    """A run through all three stages, and how many outgrown networks were left at each tick."""
    outgrown, left = [], []
    original = loop.grow_state

    def grow_state(state, *others):
        outgrown.append(weakref.ref(state.generator))
        return original(state, *others)

    def count(path, images_shown, say, stop_asked):
        gc.collect()
        left.append(sum(one() is not None for one in outgrown))

    folder = tmp_path_factory.mktemp("runs") / "whole"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "grow_state", grow_state)
        assert run(make_config(TOTAL), info, folder, after_checkpoint=count) == TOTAL
    return folder, outgrown, left


def test_a_run_learns_through_every_stage_and_each_keeps_a_checkpoint(finished, one_device):
    folder, outgrown, left = finished
    rows = rows_of(folder)
    seen = [(row["images_shown"], row["resolution"], row["phase"]) for row in rows]
    phases = [(4, "stabilize")] * 3 + [(8, "fade_in")] * 2 + [(8, "stabilize")]
    assert seen == [(shown, *phase) for shown, phase in zip(TICKS, phases, strict=True)]
    assert {row["batch_size"] for row in rows if row["resolution"] == 8} == {4}
    assert all(0 < row["alpha"] < 1 for row in rows if row["phase"] == "fade_in")
    names = [path.stem.partition("-stage-")[2] for path in (folder / "checkpoints").iterdir()]
    assert {*names} == {"01-of-03", "02-of-03", "03-of-03"}
    assert (len(outgrown), left) == (2, [0] * len(TICKS))  # their memory is free
    config, saved = make_config(TOTAL), checkpoint.read_run(str(folder)).arrays
    initial = build_state(make_stages(config.schedule)[-1], config, one_device)
    for name, variable in initial.weights().items():
        assert not np.array_equal(saved[name], variable.numpy()), name


def test_the_strength_follows_overfitting_and_grows_with_the_networks(finished):
    """By 16 images of 500 up or down a call at 4 px, and 8 at 8 px, from where it was."""
    strengths = [0.0, *column(finished[0], "augment_strength")]
    images = [0, *column(finished[0], "images_shown")]
    assert max(strengths) > 0 and len(set(column(finished[0], "overfitting"))) == len(TICKS)
    for before, after, first, last in zip(
        strengths, strengths[1:], images, images[1:], strict=False
    ):
        assert 0 <= after <= 1 and abs(after - before) <= (last - first) / 500 + 1e-6


def test_the_run_folder_holds_what_it_promises(finished):
    folder = finished[0]
    names = {path.name for path in folder.iterdir()}
    assert {"flags.txt", "config.json", "metrics.jsonl", "checkpoints", "samples"} <= names
    sheets = {path.name for path in (folder / "samples").iterdir()}
    assert sheets == {"reals.png", *(f"fakes-{shown / 1000:09.3f}.png" for shown in TICKS)}
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0}).Reload()
    tags = set(events.Tags()["tensors"])
    # All numbers of a line of metrics.jsonl but those of the horizontal axis, and the sheets.
    line = json.loads((folder / "metrics.jsonl").read_text().splitlines()[0])
    numbers = {name for name, value in line.items() if isinstance(value, int | float)}
    assert len(tags) == len(numbers - {"images_shown", "kimg"}) + 2
    assert {tag.split("/")[0] for tag in tags} == {
        *("loss", "score", "augment", "schedule", "speed", "skipped", "samples")
    }
    assert events.Tensors("loss/generator")[-1].step == TOTAL


def test_a_finished_run_is_left_alone(finished, info, one_device):
    before = contents(finished[0])
    assert train(Run(make_config(TOTAL), info, str(finished[0]), one_device)) == TOTAL
    assert contents(finished[0]) == before


def test_a_run_resumes_from_the_newest_intact_checkpoint_as_if_never_cut(
    finished, info, tmp_path, capsys
):
    """Cut after a line of metrics, before its checkpoint; then the newest two are damaged."""
    folder = tmp_path / "run"
    run(make_config(TOTAL - 16), info, folder, keep_checkpoints=9)
    *_, third, second, newest = sorted((folder / "checkpoints").iterdir())
    newest.rename(f"{newest}.partial")
    for path in (third, second):
        path.write_bytes(path.read_bytes()[:1000])
    capsys.readouterr()
    # Just one is kept: not the damaged ones, in the place of what comes new.
    assert run(make_config(TOTAL), info, folder, keep_checkpoints=1) == TOTAL
    said = capsys.readouterr()
    assert "Resuming from 0.08 kimg" in said.out
    assert "Changed: schedule.total_kimg was 0.144 and is 0.16" in said.out
    fades_in = "Stage 2 fades in 4→8 px (batch size 4), new layers: discriminator/8x8_conv0, "
    assert fades_in in said.out and "Stage 3 stabilizes at 8 px (batch size 4)\n" in said.out
    for path in (third, second):
        assert re.search(f"{path} is damaged: .*{path}.damaged.* to .*images-0000000080", said.err)
        assert path.with_suffix(".npz.damaged").stat().st_size == 1000
    assert rows_of(folder) == rows_of(finished[0])
    assert_same_arrays(*(checkpoint.read_run(str(one)).arrays for one in (folder, finished[0])))


def test_a_run_whose_checkpoints_are_all_damaged_is_refused_and_left_alone(
    finished, info, one_device, tmp_path
):
    folder = shutil.copytree(finished[0], tmp_path / "run")
    for path in (folder / "checkpoints").iterdir():
        path.write_bytes(path.read_bytes()[:1000])
    before = contents(folder)
    with pytest.raises(UserError, match="a damaged file"):
        train(Run(make_config(TOTAL), info, str(folder), one_device))
    assert contents(folder) == before


@pytest.fixture
def poisoned(monkeypatch, info, tmp_path):
    """Trains at 4 px with real images of NaN in some calls, counted from 0: ticks of two calls."""
    original = loop.make_train_step

    def train(first, last, total, **options):
        calls = itertools.count()

        def make_train_step(*args):
            step = original(*args)

            def poisoned(batches, *others):
                if first <= next(calls) <= last:
                    batches = ((images * np.nan, labels) for images, labels in batches)
                return step(batches, *others)

            return poisoned

        monkeypatch.setattr(loop, "make_train_step", make_train_step)
        folder = tmp_path / "run"
        assert run(make_config(total, stabilize_kimg=9.0), info, folder, **options) == total
        return folder

    return train


@pytest.mark.parametrize(
    ("calls", "total", "options", "skipped", "saved"),
    [
        # No checkpoint while iterations are skipped: good ones would have to make room.
        ((3, 6), 128, {"max_bad_steps": 8, "keep_checkpoints": 9}, [0, 2, 4, 2], [32, 128]),
        # The last image shown has one, beside the good ones.
        ((2, 5), 96, {"max_bad_steps": 8, "keep_checkpoints": 1}, [0, 4, 4], [32, 96]),
        # Rows of them go on over ticks; the same images again are good.
        ((3, 6), 128, {"max_bad_steps": 7, "keep_checkpoints": 9}, [0] * 4, [32, 64, 96, 128]),
    ],
)
def test_iterations_of_nan_are_skipped_and_counted_until_the_run_rolls_back(
    poisoned, info, capsys, calls, total, options, skipped, saved
):
    folder = poisoned(*calls, total, **options)
    said = capsys.readouterr()
    assert (column(folder, "skipped_iterations"), saved_at(folder)) == (skipped, saved)
    assert "Skipped 4 iterations" in said.out
    rolled_back = "8 iterations in a row.*up to 128 images.*rolling back to .*images-0000000032"
    assert bool(re.search(rolled_back, said.err)) == (len(saved) == 4)
    arrays = checkpoint.read_run(str(folder)).arrays
    assert all(np.isfinite(array).all() for array in arrays.values())
    # Adam counts its steps: those that were skipped do not.
    for network in ("generator", "discriminator"):
        assert arrays[f"{network}_optimizer/iterations"] == total / 8 - sum(skipped)


def test_a_run_that_diverges_twice_or_at_once_ends_and_keeps_what_was_good(poisoned, tmp_path):
    with pytest.raises(UserError, match=r"diverged.*before the first checkpoint.*--learning_rate"):
        poisoned(0, 99, 64, max_bad_steps=3)
    with pytest.raises(UserError, match=r"diverged.*again after rolling back.*--learning_rate"):
        poisoned(2, 99, 64, max_bad_steps=3)
    assert checkpoint.read_run(str(tmp_path / "run")).images_shown == 32


def test_a_signal_while_a_checkpoint_is_scored_is_told_to_who_scores(info, tmp_path):
    """Who may break off then: the run is called with the same checkpoint when it resumes."""
    calls = []

    def after_checkpoint(path, images_shown, say, stop_asked):
        before = stop_asked()
        if not calls:
            os.kill(os.getpid(), signal.SIGTERM)
        calls.append((images_shown, before, stop_asked()))

    config, folder, options = make_config(64), tmp_path, {"after_checkpoint": after_checkpoint}
    words = "stopped by SIGTERM after 32 images; the same command resumes from .*images-0000000032"
    with pytest.raises(StoppedError, match=words) as caught:
        run(config, info, folder, **options)
    assert caught.value.status == 143
    assert calls == [(32, False, True)]
    assert run(config, info, folder, **options) == 64
    assert calls[1:] == [(32, False, False), (64, False, False)]


def test_a_run_starts_with_pretrained_weights_and_resumes_without(finished, info, tmp_path):
    """With a learning rate of next to nothing the weights stay what they were."""
    folder, tiny = tmp_path / "run", PerResolution(((4, 1e-9),))
    config = make_config(32, generator_learning_rate=tiny, discriminator_learning_rate=tiny)
    weights = read_init_from(str(finished[0]), str(folder))
    assert run(config, info, folder, weights=weights) == 32
    after = checkpoint.read_run(str(folder)).arrays
    for name in ("generator/4x4_conv/kernel", "discriminator/4x4_conv/kernel"):
        np.testing.assert_allclose(after[name], weights.arrays[name], atol=1e-6)
    assert "carried" in (folder / "init_from.txt").read_text()
    assert read_init_from("/missing", str(folder)) is None


def test_batch_size_and_devices_may_change_and_the_run_says_so(info, two_devices, tmp_path, capsys):
    run(make_config(48), info, tmp_path)
    config = make_config(64, batch_size=PerResolution(((4, 16), (8, 4))))
    assert run(config, info, tmp_path, two_devices) == 80  # a call takes two batches of 16
    assert column(tmp_path, "batch_size") == [8, 8, 16]
    said = capsys.readouterr().out
    assert "Changed: schedule.batch_size was 4:8,8:4 and is 4:16,8:4" in said
    assert "Changed: number of devices was 1 and is 2" in said
    assert checkpoint.read_run(str(tmp_path)).num_devices == 2


def test_damaged_records_are_skipped_and_counted_up_to_the_number_allowed(info, tmp_path):
    """The same picture's of each resolution; that of the sheet of reals, at 8 px, comes later."""
    damaged = read_dataset_info(shutil.copytree(info.folder, str(tmp_path / "data")))
    for (path,) in damaged.files.values():
        flip(pathlib.Path(path), RecordFile(path).offsets[1000] + 40)
    with pytest.raises(UserError, match="expected at most 0 damaged records, got 1"):
        run(make_config(64), damaged, tmp_path / "strict")
    folder = tmp_path / "run"
    for total in (80, 96):  # where the stage of 4 px ends
        run(make_config(total), damaged, folder, max_bad_records=2)
    assert column(folder, "resolution") == [4, 4, 4, 8]
    assert column(folder, "bad_records") == [1, 1, 1, 2]
    assert checkpoint.read_run(str(folder)).bad_records.tolist() == [[4, 1000], [8, 1000]]
