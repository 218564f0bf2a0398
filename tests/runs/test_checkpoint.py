"""Checkpoints: everything comes back bit for bit, and what is damaged or foreign is one line."""

import dataclasses
import errno
import os
import pathlib
import tracemalloc

import numpy as np
import pytest

from pgan_tf.config.training import TrainingConfig
from pgan_tf.devices.strategy import make_strategy
from pgan_tf.networks.growth import set_alpha
from pgan_tf.runs import checkpoint
from pgan_tf.runs.trained import from_checkpoint
from pgan_tf.training.optimizer import INITIAL_SCALE
from pgan_tf.training.state import build_state, grow_state
from tests.helpers.small_run import save_state
from tests.runs.conftest import (
    CONFIG,
    FADING,
    FINISHED,
    LOWEST,
    assert_equal,
    make_state,
    values,
    with_network,
)
from tfrecords.common.errors import UserError

# Saving and restoring


def test_every_variable_is_saved_bit_for_bit_and_one_network_can_be_read_alone(saved):
    state, path = saved
    arrays, expected = checkpoint.read(path).arrays, values(state)
    assert_equal(arrays, expected)
    models = state.generator, state.discriminator, state.average_generator
    weights = [sum(v.numpy().size for v in model.trainable_variables) for model in models]
    # Two slots for each trained weight, and two counters of iterations.
    stored = sum(array.size for array in arrays.values())
    assert stored == sum(weights) + 2 * (weights[0] + weights[1]) + 2
    of_one = {name: one for name, one in expected.items() if name.startswith("generator/")}
    assert_equal(checkpoint.read(path, ["generator"]).arrays, of_one)


def test_in_float16_the_loss_scales_are_saved_and_carried_through_growth(tmp_path):
    config = dataclasses.replace(CONFIG, precision="mixed_float16")
    state = build_state(FADING, config, make_strategy("one_device"))
    state.generator_loss_scale.scale.assign(4.0)
    state.discriminator_loss_scale.good_steps.assign(17)
    path = save_state(str(tmp_path), state, 1250, config)
    again = build_state(FADING, config, make_strategy("one_device"))
    checkpoint.restore(checkpoint.read(path), again.variables())
    grown, _ = grow_state(again, FINISHED, config, make_strategy("one_device"))
    for one in (again, grown):
        assert one.generator_loss_scale.scale.numpy() == 4.0
        assert one.generator_loss_scale.good_steps.numpy() == 0
        assert one.discriminator_loss_scale.scale.numpy() == INITIAL_SCALE
        assert one.discriminator_loss_scale.good_steps.numpy() == 17


def test_a_checkpoint_knows_where_training_stood_and_numpy_reads_it_alone(saved):
    state, path = saved
    assert pathlib.Path(path).name == "images-0000001250-stage-02-of-03.npz"
    read = checkpoint.read(path)
    assert (read.path, read.images_shown, read.stage, read.alpha) == (path, 1250, FADING, 0.25)
    assert (read.config, read.tick_first_image, read.tick_metrics.size) == (CONFIG, 1250, 0)
    assert read.num_devices == 0  # unknown
    at_its_end = dataclasses.replace(read, images_shown=2016)
    assert at_its_end.alpha == 1.0  # a call of the step may lead beyond the border
    assert dataclasses.replace(read, images_shown=0).alpha == 0.0
    with np.load(path, allow_pickle=False) as archive:
        expected = state.generator.get_layer("4x4_conv").kernel.numpy()
        np.testing.assert_array_equal(archive["generator/4x4_conv/kernel"], expected)
        assert archive["images_shown"] == 1250
        assert TrainingConfig.from_json(str(archive["config"])) == CONFIG


def test_what_was_measured_between_two_ticks_is_kept(saved, tmp_path):
    metrics = np.arange(10, dtype=np.float32).reshape(2, 5)
    bad = np.array([[3, 4]], np.int64)
    path = save_state(str(tmp_path), saved[0], 48, CONFIG, metrics, 32, bad, 7)
    read = checkpoint.read(path)
    np.testing.assert_array_equal(read.tick_metrics, metrics)
    np.testing.assert_array_equal(read.bad_records, bad)
    assert (read.tick_first_image, read.images_shown, read.num_devices) == (32, 48, 7)


def test_saving_again_replaces_the_file_and_leaves_no_other(saved, tmp_path):
    state = make_state(config=dataclasses.replace(CONFIG, seed=99), seed=2)
    save_state(str(tmp_path), state, 1250, CONFIG)
    path = save_state(str(tmp_path), saved[0], 1250, CONFIG)
    assert [str(file) for file in tmp_path.iterdir()] == [path]
    assert pathlib.Path(path).read_bytes() == pathlib.Path(saved[1]).read_bytes()
    checkpoint.restore(checkpoint.read(path), state.variables())
    assert_equal(values(state), values(saved[0]))


# Other networks


@pytest.mark.parametrize(
    ("stage", "changes"),
    [(FADING, {"fmap_max": 3}), (FADING, {"label_size": 0}), (LOWEST, {}), (FINISHED, {})],
    ids=str,
)
def test_another_networks_checkpoint_is_an_error_and_changes_nothing(saved, stage, changes):
    state = make_state(stage, with_network(**changes), seed=5)
    before = values(state)
    with pytest.raises(UserError, match=r"/checkpoints/.*other networks"):
        checkpoint.restore(checkpoint.read(saved[1]), state.variables())
    assert_equal(values(state), before)


@pytest.mark.parametrize(
    ("stage", "images_shown", "alpha"),
    [(LOWEST, 500, 1), (FADING, 1250, 0.25), (FADING, 2016, 1), (FINISHED, 2500, 1)],
)
def test_a_loaded_generator_draws_as_the_states(tmp_path, stage, images_shown, alpha):
    latents = np.random.default_rng(8).standard_normal((3, 5)).astype(np.float32)
    inputs = [latents, np.eye(2, dtype=np.float32)[[0, 1, 1]]]
    state = make_state(stage)
    path = save_state(str(tmp_path), state, images_shown, CONFIG)
    drawn = []
    for name in ("average_generator", "generator"):
        set_alpha(getattr(state, name), alpha)
        drawn.append(getattr(state, name)(inputs).numpy())
        found = from_checkpoint(path, name)
        np.testing.assert_array_equal(found.generator(inputs).numpy(), drawn[-1])
        assert (found.kimg, found.alpha, found.weights) == (images_shown / 1000, alpha, name)
        assert (found.source, found.fading_in) == (path, alpha < 1)
    assert np.abs(drawn[0] - drawn[1]).max() > 0.1


# Disk and memory


def test_a_full_disk_is_one_line_and_leaves_what_was_there(saved, tmp_path, monkeypatch):
    path = pathlib.Path(save_state(str(tmp_path), saved[0], 100, CONFIG))
    before = path.read_bytes()

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match=r"No space left on device.*resumes from") as caught:
        save_state(str(tmp_path), saved[0], 200, CONFIG)
    assert "\n" not in str(caught.value)
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == before


def test_a_place_that_cannot_be_written_is_no_full_disk(saved, tmp_path):
    (tmp_path / "images-0000000200-stage-02-of-03.npz").mkdir()
    for folder in (tmp_path, tmp_path / ("a" * 300)):
        with pytest.raises(UserError, match=r"^(?!.*make room).*: expected [^\n]*$"):
            save_state(str(folder), saved[0], 200, CONFIG)


def peak_of(work, *args):
    """Returns a result, and the bytes of memory that NumPy and Python took meanwhile."""
    tracemalloc.start()
    try:
        return work(*args), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_checkpoint_is_never_in_memory_twice(tmp_path):
    wide = with_network(fmap_base=1024, fmap_max=256)
    state = build_state(LOWEST, wide, make_strategy("one_device"))
    path, written = peak_of(save_state, str(tmp_path), state, 500, wide)
    size = pathlib.Path(path).stat().st_size
    assert size > 2**24
    assert written < size / 3
    assert peak_of(checkpoint.read, path, ["average_generator"])[1] < size / 3
    assert peak_of(checkpoint.read, path, [])[1] < size / 100
    assert peak_of(checkpoint.read, path)[1] < 1.2 * size
