"""Checkpoints: everything comes back bit for bit, and only into the networks that wrote it."""

import dataclasses
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
from tests.helpers.random_arrays import assert_same_arrays
from tests.helpers.small_run import save_state
from tests.runs.conftest import CONFIG, FADING, FINISHED, LOWEST, make_state, values, with_network
from tfrecords.common.errors import UserError


def test_every_variable_comes_back_bit_for_bit_and_one_network_can_be_read_alone(saved):
    state, path = saved
    arrays, expected = checkpoint.read(path).arrays, values(state)
    assert_same_arrays(arrays, expected)
    models = state.generator, state.discriminator, state.average_generator
    weights = [sum(v.numpy().size for v in model.trainable_variables) for model in models]
    # Two slots for each trained weight, and two counters of iterations.
    stored = sum(array.size for array in arrays.values())
    assert stored == sum(weights) + 2 * (weights[0] + weights[1]) + 2
    of_one = {name: one for name, one in expected.items() if name.startswith("generator/")}
    assert_same_arrays(checkpoint.read(path, ["generator"]).arrays, of_one)
    with np.load(path, allow_pickle=False) as archive:  # without this project
        assert_same_arrays({name: archive[name] for name in expected}, expected)
        assert TrainingConfig.from_json(str(archive["config"])) == CONFIG
    other = make_state(config=dataclasses.replace(CONFIG, seed=99), seed=2)
    checkpoint.restore(checkpoint.read(path), other.variables())
    assert_same_arrays(values(other), expected)


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


def test_a_checkpoint_knows_where_training_stood_and_what_the_tick_had_measured(saved, tmp_path):
    metrics = np.arange(10, dtype=np.float32).reshape(2, 5)
    bad_records = np.array([[3, 4]], np.int64)
    path = save_state(str(tmp_path), saved[0], 1250, CONFIG, metrics, 1200, bad_records, 7)
    assert pathlib.Path(path).name == "images-0000001250-stage-02-of-03.npz"
    read = checkpoint.read(path)
    assert (read.path, read.images_shown, read.stage, read.alpha) == (path, 1250, FADING, 0.25)
    assert (read.config, read.tick_first_image, read.num_devices) == (CONFIG, 1200, 7)
    np.testing.assert_array_equal(read.tick_metrics, metrics)
    np.testing.assert_array_equal(read.bad_records, bad_records)
    # A call of the step may lead beyond a stage's border.
    alphas = [dataclasses.replace(read, images_shown=shown).alpha for shown in (0, 2016)]
    assert alphas == [0.0, 1.0]


@pytest.mark.parametrize(
    ("stage", "changes"), [(FADING, {"fmap_max": 3}), (FADING, {"label_size": 0}), (LOWEST, {})]
)
def test_another_networks_checkpoint_is_an_error_and_changes_nothing(saved, stage, changes):
    state = make_state(stage, with_network(**changes), seed=5)
    before = values(state)
    with pytest.raises(UserError, match=r"/checkpoints/.*other networks"):
        checkpoint.restore(checkpoint.read(saved[1]), state.variables())
    assert_same_arrays(values(state), before)


@pytest.mark.parametrize(
    ("stage", "images_shown", "alpha"), [(FADING, 1250, 0.25), (FINISHED, 2500, 1)]
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


def touch(folder, *names):
    paths = [folder / f"images-{name}.npz" for name in names]
    for path in paths:
        path.write_bytes(b"")
    return [str(path) for path in paths]


def test_the_latest_is_the_one_of_the_most_images_and_other_files_are_never_taken(tmp_path):
    assert checkpoint.latest(str(tmp_path / "absent")) is None
    with pytest.raises(UserError, match=r"^--run_dir: expected a run folder with checkpoints"):
        checkpoint.read_run(str(tmp_path))
    paths = touch(tmp_path, "0000010000-stage-01-of-03", "0000009000-stage-01-of-03")
    touch(tmp_path, "99-stage-01-of-03", "0000020000-stage-1-of-03", "0000020000")
    (tmp_path / "images-0000020000-stage-02-of-03.npz.partial").write_bytes(b"")
    assert checkpoint.list_checkpoints(str(tmp_path)) == paths[::-1]
    assert checkpoint.latest(str(tmp_path)) == paths[0]
    # The first versions counted from 0: `stage-01` was the second stage.
    paths += touch(tmp_path, "0000000100-stage-00", "0000020100-stage-01")
    assert checkpoint.last_of_stages(str(tmp_path)) == [paths[0], paths[3]]


def test_pruning_keeps_the_last_ones_and_one_of_each_stage(tmp_path):
    (tmp_path / "notes.txt").write_bytes(b"")
    stages = {1: (100, 200, 1000), 2: (1100, 2000), 3: (2100, 2200, 2300)}
    for stage, shown in stages.items():
        touch(tmp_path, *(f"{images:010d}-stage-{stage:02d}-of-03" for images in shown))
    for keep, expected in (
        (4, [1000, 2000, 2100, 2200, 2300]),
        (2, [1000, 2000, 2200, 2300]),
        (1, [1000, 2000, 2300]),
    ):
        checkpoint.prune(str(tmp_path), keep)
        left = [pathlib.Path(path).name for path in checkpoint.list_checkpoints(str(tmp_path))]
        assert [int(name.split("-")[1]) for name in left] == expected
    assert (tmp_path / "notes.txt").exists()
