"""A whole small run: growth, the run folder, going on after an interruption."""

import dataclasses
import itertools
import json
import os
import pathlib
import re
import shutil
import signal

import numpy as np
import pytest
import tensorflow as tf

from pgan_tf.config.per_resolution import PerResolution
from pgan_tf.config.training import NetworkConfig, ScheduleConfig, TrainingConfig
from pgan_tf.runs import checkpoint
from pgan_tf.runs import folder as run_folder
from pgan_tf.training import loop as training_loop
from pgan_tf.training import optimizer
from pgan_tf.training.loop import train
from pgan_tf.training.run import Run
from tests.helpers.tests_data import prepare_shapes
from tfrecords.common.errors import StoppedError, UserError
from tfrecords.format.dataset_info import read_dataset_info
from tfrecords.format.record_file import RecordFile

STAGE_IMAGES = 64


@pytest.fixture(scope="module")
def info(tmp_path_factory):
    return prepare_shapes(tmp_path_factory.mktemp("cache"), 16)


def make_config(total_images, **changes):
    return TrainingConfig(
        dataset="shapes",
        network=NetworkConfig(resolution=16, fmap_base=64, fmap_max=8, latent_size=8, label_size=6),
        schedule=ScheduleConfig(
            resolution=16,
            stabilize_kimg=STAGE_IMAGES / 1000,
            fade_in_kimg=STAGE_IMAGES / 1000,
            total_kimg=total_images / 1000,
            batch_size=PerResolution(((4, 8), (16, 4))),
            tick_kimg=PerResolution(((4, 0.032),)),
        ),
        minibatch_repeats=2,
        mirror_augment=True,
        **changes,
    )


def run(config, info, folder, strategy):
    run_folder.open_run(str(folder), config, "")
    return train(Run(config, info, str(folder), strategy))


def read_metrics(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def finished(info, tmp_path_factory):
    """A run through all five stages, on one device."""
    from pgan_tf.devices.strategy import make_strategy

    folder = tmp_path_factory.mktemp("runs") / "whole"
    images_shown = run(make_config(5 * STAGE_IMAGES), info, folder, make_strategy("one_device"))
    return folder, images_shown


def test_run_passes_through_every_stage_in_order(finished):
    folder, images_shown = finished
    metrics = read_metrics(folder)
    seen = list(dict.fromkeys((row["resolution"], row["phase"]) for row in metrics))
    assert seen == [
        (4, "stabilize"),
        (8, "fade_in"),
        (8, "stabilize"),
        (16, "fade_in"),
        (16, "stabilize"),
    ]
    assert metrics[-1]["images_shown"] == images_shown >= 5 * STAGE_IMAGES
    assert {row["batch_size"] for row in metrics if row["resolution"] == 16} == {4}
    assert all(0 < row["alpha"] < 1 for row in metrics if row["phase"] == "fade_in")
    assert all(np.isfinite(row["discriminator_loss"]) for row in metrics)


def test_run_folder_holds_what_the_contract_says(finished):
    folder, images_shown = finished
    names = {path.name for path in folder.iterdir()}
    assert {"flags.txt", "config.json", "metrics.jsonl", "checkpoints", "samples"} <= names
    assert any(name.startswith("events.out.tfevents") for name in names)
    assert (folder / "samples/reals.png").is_file()
    assert (folder / f"samples/fakes-{images_shown / 1000:09.3f}.png").is_file()
    assert TrainingConfig.from_json((folder / "config.json").read_text()) == make_config(
        5 * STAGE_IMAGES
    )


def test_tensorboard_gets_scalars_and_pictures(finished):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder, images_shown = finished
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0}).Reload()
    tags = set(events.Tags()["tensors"])
    assert {"discriminator_loss", "generator_loss", "real_score", "fake_score"} <= tags
    assert {"gradient_norm", "images_per_second", "fakes", "reals"} <= tags
    assert events.Tensors("generator_loss")[-1].step == images_shown


def test_all_networks_learn_through_growth(finished):
    """Every variable of the last stage differs from its initial value, the average's too."""
    from pgan_tf.config.schedule import make_stages
    from pgan_tf.devices.strategy import make_strategy
    from pgan_tf.training.state import build_state

    folder, _ = finished
    config = make_config(5 * STAGE_IMAGES)
    saved = checkpoint.read_run(str(folder))
    initial = build_state(make_stages(config.schedule)[-1], config, make_strategy("one_device"))
    for name, variable in initial.weights().items():
        assert not np.array_equal(saved.arrays[name], variable.numpy()), name


def test_every_stage_keeps_a_checkpoint(finished):
    folder, _ = finished
    stages = {path.stem.partition("-stage-")[2] for path in (folder / "checkpoints").iterdir()}
    assert stages == {f"0{number}-of-05" for number in range(1, 6)}


def test_interrupted_run_goes_on_like_an_uninterrupted_one(finished, info, one_device, tmp_path):
    """In a fade-in; tests/devices/test_interruption.py cuts everywhere, and compares bits."""
    folder, images_shown = finished
    run(make_config(int(1.5 * STAGE_IMAGES)), info, tmp_path / "cut", one_device)
    assert run(make_config(5 * STAGE_IMAGES), info, tmp_path / "cut", one_device) == images_shown
    whole = checkpoint.read_run(str(folder)).arrays
    for name, value in checkpoint.read_run(str(tmp_path / "cut")).arrays.items():
        np.testing.assert_allclose(value, whole[name], rtol=1e-3, atol=1e-4, err_msg=name)


def test_killed_between_metrics_and_checkpoint_loses_and_doubles_nothing(
    info, one_device, tmp_path
):
    folder = tmp_path / "run"
    run(make_config(96), info, folder, one_device)
    before = read_metrics(folder)
    newest = pathlib.Path(checkpoint.latest(str(folder / "checkpoints")))
    newest.rename(newest.with_suffix(".npz.partial"))
    run(make_config(96), info, folder, one_device)
    after = read_metrics(folder)
    assert [row["images_shown"] for row in after] == [row["images_shown"] for row in before]
    assert checkpoint.latest(str(folder / "checkpoints")) == str(newest)


def test_a_run_whose_newest_checkpoints_are_damaged_goes_on_from_one_before(
    info, one_device, tmp_path, capsys
):
    folder, config = tmp_path / "run", make_config(128)
    run_folder.open_run(str(folder), config, "")
    train(Run(config, info, str(folder), one_device, keep_checkpoints=4))
    rows, paths = read_metrics(folder), sorted((folder / "checkpoints").iterdir())
    ticks = [32, 64, 80, 112, 128]  # 4 px ends with 80
    assert [row["images_shown"] for row in rows] == ticks
    for path in paths[-2:]:
        path.write_bytes(path.read_bytes()[:1000])

    # Just one is kept: not the damaged ones, in the place of what comes new.
    shown = train(Run(config, info, str(folder), one_device, keep_checkpoints=1))
    said = capsys.readouterr()
    assert "Resuming from 0.08 kimg" in said.out
    for path in paths[-2:]:
        assert f"{path} is damaged: kept as {path}.damaged; going back to {paths[-3]}" in said.err
        assert path.with_suffix(".npz.damaged").stat().st_size == 1000
    assert checkpoint.read_run(str(folder)).images_shown == shown == 128
    assert [row["images_shown"] for row in read_metrics(folder)] == ticks


def test_a_run_whose_checkpoints_are_all_damaged_is_refused_and_left_alone(
    info, one_device, tmp_path
):
    folder, config = tmp_path / "run", make_config(64)
    run(config, info, folder, one_device)
    for path in (folder / "checkpoints").iterdir():
        path.write_bytes(path.read_bytes()[:1000])
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    newest = max((folder / "checkpoints").iterdir())
    with pytest.raises(UserError, match=f"{newest}: expected a checkpoint.*a damaged file"):
        train(Run(config, info, str(folder), one_device))
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_finished_run_is_left_alone(finished, info, one_device):
    folder, images_shown = finished
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.*") if path.is_file()}
    assert train(Run(make_config(5 * STAGE_IMAGES), info, str(folder), one_device)) == images_shown
    assert before == {path: path.stat().st_mtime_ns for path in before}


@pytest.mark.slow
def test_two_devices_go_the_same_way(info, two_devices, finished, tmp_path):
    _, images_shown = finished
    folder = tmp_path / "run"
    assert run(make_config(5 * STAGE_IMAGES), info, folder, two_devices) == images_shown
    assert len(read_metrics(folder)) >= 5


@pytest.fixture
def poison(monkeypatch):
    """Makes the real images of some calls NaN: poison(first, last), counted from 0."""

    def poison(first, last):
        original = training_loop.make_train_step
        calls = itertools.count()

        def make_train_step(*args):
            step = original(*args)

            def poisoned(batches, *others):
                if first <= next(calls) <= last:
                    batches = ((images * np.nan, labels) for images, labels in batches)
                    batches = iter(tf.data.Dataset.from_tensors(next(batches)).repeat())
                return step(batches, *others)

            return poisoned

        monkeypatch.setattr(training_loop, "make_train_step", make_train_step)

    return poison


def test_iterations_of_nan_are_skipped_counted_and_said(info, one_device, tmp_path, poison, capsys):
    """A call is two iterations of 8 images, a tick two calls."""
    poison(1, 1)
    run(make_config(64), info, tmp_path / "run", one_device)
    rows = read_metrics(tmp_path / "run")
    assert [row["skipped_iterations"] for row in rows] == [2, 0]
    assert all(np.isfinite(row["discriminator_loss"]) for row in rows)
    assert "Skipped 2 iterations" in capsys.readouterr().out
    arrays = checkpoint.read_run(str(tmp_path / "run")).arrays
    assert all(np.isfinite(array).all() for array in arrays.values())
    # Adam counts its steps: eight iterations less the two.
    assert arrays["discriminator_optimizer/iterations"] == 6
    assert arrays["generator_optimizer/iterations"] == 6


def test_no_checkpoint_is_written_while_iterations_are_skipped(info, one_device, tmp_path, poison):
    """Else good ones would have to make room. A call is 16 images, ticks end as told here."""
    poison(3, 6)
    folder, config = tmp_path / "run", make_config(128)
    run_folder.open_run(str(folder), config, "")
    train(Run(config, info, str(folder), one_device, max_bad_steps=8, keep_checkpoints=9))
    rows = {row["images_shown"]: row["skipped_iterations"] for row in read_metrics(folder)}
    assert rows == {32: 0, 64: 2, 80: 2, 112: 4, 128: 0}
    saved = {int(path.name.split("-")[1]) for path in (folder / "checkpoints").iterdir()}
    assert saved == {32, 128}


def test_the_last_image_shown_has_a_checkpoint_also_where_the_end_was_skipped(
    info, one_device, tmp_path, poison
):
    """Going on then trains nothing twice, and the good checkpoints are all there still."""
    poison(4, 9)
    folder, config = tmp_path / "run", make_config(96)
    run_folder.open_run(str(folder), config, "")
    options = {"max_bad_steps": 9, "keep_checkpoints": 1}
    assert train(Run(config, info, str(folder), one_device, **options)) == 96
    last = checkpoint.read_run(str(folder))
    assert last.images_shown == 96
    assert (folder / "samples" / "fakes-00000.096.png").exists()
    before = checkpoint.list_checkpoints(f"{folder}/checkpoints")[0]
    assert checkpoint.read(before).images_shown < 96
    files = {path: path.stat().st_mtime_ns for path in folder.rglob("*.npz")}
    assert train(Run(config, info, str(folder), one_device, **options)) == 96
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.npz")} == files


def test_rows_of_skipped_iterations_go_on_over_ticks(info, one_device, tmp_path, poison, capsys):
    poison(3, 6)  # the same, which is one more than allowed
    folder, config = tmp_path / "run", make_config(128)
    run_folder.open_run(str(folder), config, "")
    assert train(Run(config, info, str(folder), one_device, max_bad_steps=7)) == 128
    errors = capsys.readouterr().err
    assert re.search("8 iterations in a row.*rolling back to .*images-0000000032", errors)
    assert [row["skipped_iterations"] for row in read_metrics(folder)] == [0] * 5


def test_a_run_goes_back_once_and_goes_on(info, one_device, tmp_path, poison, capsys):
    poison(2, 3)  # the second tick; the same images again are good
    folder = tmp_path / "run"
    config = make_config(64)
    run_folder.open_run(str(folder), config, "")
    assert train(Run(config, info, str(folder), one_device, max_bad_steps=3)) == 64
    assert "4 iterations in a row" in capsys.readouterr().err
    assert [row["skipped_iterations"] for row in read_metrics(folder)] == [0, 0]


def test_a_run_that_diverges_twice_ends_and_keeps_what_was_good(info, one_device, tmp_path, poison):
    poison(2, 99)
    folder = tmp_path / "run"
    config = make_config(64)
    run_folder.open_run(str(folder), config, "")
    with pytest.raises(UserError, match=r"diverged.*again after rolling back.*--learning_rate"):
        train(Run(config, info, str(folder), one_device, max_bad_steps=3))
    assert checkpoint.read_run(str(folder)).images_shown == 32


def test_a_signal_while_a_checkpoint_is_scored_is_told_to_who_scores(info, one_device, tmp_path):
    """Who may break off then: the run is called with the same checkpoint when it goes on."""
    calls = []

    def after_checkpoint(path, images_shown, say, stop_asked):
        calls.append(images_shown)
        before = stop_asked()
        if len(calls) == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        calls.append((before, stop_asked()))

    folder, config = tmp_path / "run", make_config(64)
    run_folder.open_run(str(folder), config, "")
    options = {"after_checkpoint": after_checkpoint}
    with pytest.raises(StoppedError, match="stopped by SIGTERM after 32 images") as caught:
        train(Run(config, info, str(folder), one_device, **options))
    assert caught.value.status == 143
    assert calls == [32, (False, True)]
    assert train(Run(config, info, str(folder), one_device, **options)) == 64
    assert calls[2:] == [32, (False, False), 64, (False, False)]


def test_float16_tells_its_loss_scales(info, one_device, tmp_path, finished, monkeypatch):
    """One of 2^24 is too high for the first iterations, which are skipped and not called bad."""
    monkeypatch.setattr(optimizer, "INITIAL_SCALE", 2.0**24)
    run(make_config(STAGE_IMAGES, precision="mixed_float16"), info, tmp_path, one_device)
    rows = read_metrics(tmp_path)
    overflowed = sum(row["overflowed_iterations"] for row in rows)
    assert overflowed > 0 == sum(row["skipped_iterations"] for row in rows)
    scales = [rows[-1][f"{name}_loss_scale"] for name in ("generator", "discriminator")]
    # An iteration overflows in one network or in both: each halves its own scale.
    halvings = [24 - np.log2(scale) for scale in scales]
    assert max(halvings) <= overflowed <= sum(halvings)
    assert not any("loss_scale" in name for name in read_metrics(finished[0])[0])


def test_batch_size_and_devices_may_change_and_the_run_says_so(
    info, one_device, two_devices, tmp_path, capsys
):
    folder = tmp_path / "run"
    run(make_config(48), info, folder, one_device)
    config = make_config(64)
    larger = PerResolution(((4, 16), (16, 4)))
    config = dataclasses.replace(
        config, schedule=dataclasses.replace(config.schedule, batch_size=larger)
    )
    assert run(config, info, folder, two_devices) == 80  # a call takes two batches of 16
    assert [row["batch_size"] for row in read_metrics(folder)] == [8, 8, 16]
    said = capsys.readouterr().out
    assert "Changed: schedule.batch_size was 4:8,16:4 and is 4:16,16:4" in said
    assert "Changed: schedule.total_kimg was 0.048 and is 0.064" in said
    assert "Changed: number of devices was 1 and is 2" in said
    assert checkpoint.read_run(str(folder)).num_devices == 2


@pytest.fixture
def damaged(info, tmp_path):
    """The data with a flipped bit in one record of 4 px, and one of 16 px: of the sheet's."""
    folder = tmp_path / "data"
    shutil.copytree(info.folder, folder)
    for resolution in (4, 16):
        path = pathlib.Path(read_dataset_info(str(folder)).files[resolution][0])
        contents = bytearray(path.read_bytes())
        contents[RecordFile(str(path)).offsets[1000] + 40] ^= 1
        path.write_bytes(contents)
    return read_dataset_info(str(folder))


def test_damaged_records_are_left_out_and_counted(damaged, one_device, tmp_path):
    """At 4 px; the run then goes on at 8 px, where it does not meet it again."""
    folder = tmp_path / "run"
    for total in (80, 96):  # where the stage of 4 px ends
        config = make_config(total)
        run_folder.open_run(str(folder), config, "")
        train(Run(config, damaged, str(folder), one_device, max_bad_records=1))
    rows = read_metrics(folder)
    assert (rows[0]["resolution"], rows[-1]["resolution"]) == (4, 8)
    assert all(row["bad_records"] == 1 for row in rows)
    assert checkpoint.read_run(str(folder)).bad_records.tolist() == [[4, 1000]]


def test_more_damaged_records_than_allowed_end_the_run(damaged, one_device, tmp_path):
    with pytest.raises(UserError, match="expected at most 0 damaged records, got 1"):
        run(make_config(64), damaged, tmp_path / "run", one_device)


def test_checkpoint_of_another_configuration_is_refused(finished, info, one_device):
    folder, _ = finished
    with pytest.raises(UserError, match="seed"):
        train(Run(make_config(5 * STAGE_IMAGES, seed=7), info, str(folder), one_device))
