import dataclasses
import errno
import io
import json
import os
import pathlib
import tracemalloc
import zipfile

import numpy as np
import pytest

from pgan_tf.config.schedule import make_stages
from pgan_tf.config.training import NetworkConfig, ScheduleConfig, TrainingConfig
from pgan_tf.devices.strategy import make_strategy
from pgan_tf.networks.growth import set_alpha
from pgan_tf.runs import checkpoint
from pgan_tf.runs.checkpoint import read_newest
from pgan_tf.training.optimizer import INITIAL_SCALE
from pgan_tf.training.state import build_state, grow_state
from tests.helpers.small_run import save_state
from tfrecords.common.errors import UserError

CONFIG = TrainingConfig(
    dataset="noise",
    network=NetworkConfig(resolution=8, latent_size=5, label_size=2, fmap_base=16, fmap_max=4),
    schedule=ScheduleConfig(resolution=8, stabilize_kimg=1, fade_in_kimg=1, total_kimg=5),
    seed=3,
)
LOWEST, FADING, FINISHED = make_stages(CONFIG.schedule)


def make_state(stage=FADING, config=CONFIG, seed=None):
    state = build_state(stage, config, make_strategy("one_device"))
    if seed is not None:
        scramble(state, seed)
    return state


def scramble(state, seed):
    """Gives every variable, optimizer slots included, values of its own."""
    generator = np.random.default_rng(seed)
    for name, variable in all_variables(state).items():
        if name.endswith("/iterations"):
            variable.assign(int(generator.integers(1, 1000)))
        else:
            variable.assign(generator.standard_normal(variable.shape).astype(np.float32))


def all_variables(state):
    return {**state.weights(), **state.optimizer_state()}


def values(state):
    return {name: variable.numpy().copy() for name, variable in all_variables(state).items()}


def assert_equal(got, expected):
    assert got.keys() == expected.keys()
    for name in expected:
        assert got[name].dtype == expected[name].dtype
        np.testing.assert_array_equal(got[name], expected[name], err_msg=name)


@pytest.fixture
def saved(tmp_path):
    """A state and the path of its checkpoint."""
    state = make_state(seed=1)
    return state, checkpoint.save(
        str(tmp_path / "checkpoints"), state.stage, state.variables(), 1250, CONFIG
    )


# Saving and restoring


def test_a_restored_state_is_equal_bit_for_bit(saved):
    state, path = saved
    other = make_state(config=dataclasses.replace(CONFIG, seed=99), seed=2)
    checkpoint.restore(checkpoint.read(path), other.variables())
    assert_equal(values(other), values(state))
    names = values(other)
    for part in ("generator/", "discriminator/", "average_generator/"):
        assert any(name.startswith(part) for name in names)
    for slot in ("/momentum", "/velocity", "/iterations"):
        assert sum(name.endswith(slot) for name in names) >= 2


def test_every_variable_of_the_state_is_in_the_checkpoint(saved):
    state, path = saved
    stored = sum(array.size for array in checkpoint.read(path).arrays.values())
    models = state.generator, state.discriminator, state.average_generator
    weights = [sum(v.numpy().size for v in model.trainable_variables) for model in models]
    # Two slots for each trained weight, and two counters of iterations.
    assert stored == sum(weights) + 2 * (weights[0] + weights[1]) + 2


def test_in_float16_the_loss_scales_are_saved_and_carried_through_growth(tmp_path):
    config = dataclasses.replace(CONFIG, precision="mixed_float16")
    state = make_state(config=config)
    state.generator_loss_scale.scale.assign(4.0)
    state.discriminator_loss_scale.good_steps.assign(17)
    path = save_state(str(tmp_path), state, 1250, config)
    again = make_state(config=config)
    checkpoint.restore(checkpoint.read(path), again.variables())
    grown, _ = grow_state(again, FINISHED, config, make_strategy("one_device"))
    for one in (again, grown):
        assert one.generator_loss_scale.scale.numpy() == 4.0
        assert one.generator_loss_scale.good_steps.numpy() == 0
        assert one.discriminator_loss_scale.scale.numpy() == INITIAL_SCALE
        assert one.discriminator_loss_scale.good_steps.numpy() == 17


def test_a_checkpoint_knows_where_training_stood(saved):
    _, path = saved
    read = checkpoint.read(path)
    assert read.path == path
    assert read.images_shown == 1250
    assert read.stage == FADING
    assert read.config == CONFIG
    assert read.alpha == 0.25


def test_alpha_is_1_at_the_border_where_a_fade_in_has_ended(tmp_path):
    state = make_state()
    path = save_state(str(tmp_path), state, 2016, CONFIG)
    read = checkpoint.read(path)
    assert (read.stage, read.alpha) == (FADING, 1.0)


def test_a_checkpoint_is_an_archive_that_numpy_reads_alone(saved):
    state, path = saved
    with np.load(path, allow_pickle=False) as archive:
        expected = state.generator.get_layer("4x4_conv").kernel.numpy()
        np.testing.assert_array_equal(archive["generator/4x4_conv/kernel"], expected)
        assert archive["images_shown"] == 1250
        assert TrainingConfig.from_json(str(archive["config"])) == CONFIG


def test_saving_again_replaces_the_file_and_leaves_no_other(tmp_path):
    folder = tmp_path / "checkpoints"
    first = make_state(seed=1)
    save_state(str(folder), first, 1250, CONFIG)
    state = make_state(seed=2)
    path = save_state(str(folder), state, 1250, CONFIG)
    assert [str(file) for file in folder.iterdir()] == [path]
    other = make_state(seed=3)
    checkpoint.restore(checkpoint.read(path), other.variables())
    assert_equal(values(other), values(state))


# Damage


def assert_damaged(path):
    with pytest.raises(UserError) as caught:
        checkpoint.read(str(path))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("share", [0, 0.001, 0.3, 0.5, 0.9, 0.999])
def test_a_truncated_checkpoint_is_an_error(saved, tmp_path, share):
    _, path = saved
    data = pathlib.Path(path).read_bytes()
    damaged = tmp_path / "damaged.npz"
    damaged.write_bytes(data[: int(share * len(data))])
    assert_damaged(damaged)
    damaged.write_bytes(data[:-1])
    assert_damaged(damaged)


def test_a_changed_byte_is_an_error_or_changes_no_value(saved, tmp_path):
    state, path = saved
    data = pathlib.Path(path).read_bytes()
    expected = values(state)
    damaged = tmp_path / "damaged.npz"
    directory = zipfile.ZipFile(path).start_dir
    positions = np.random.default_rng(0).integers(0, len(data), 50).tolist()
    # Headers byte by byte: of the first array, of the directory's first entry, of its end.
    positions += [*range(40), *range(directory, directory + 60)]
    positions += range(len(data) - 30, len(data))
    other = make_state(seed=2)
    errors = 0
    for position in positions:
        changed = bytearray(data)
        changed[position] ^= 0x55
        damaged.write_bytes(changed)
        try:
            checkpoint.restore(checkpoint.read(str(damaged)), other.variables())
        except UserError:
            errors += 1
        else:
            assert_equal(values(other), expected)
    assert errors > 90


def test_an_arrays_header_that_ends_early_is_an_error(saved, tmp_path):
    # Its brackets open, and its lines do not end as they should.
    _, path = saved
    damaged = tmp_path / "damaged.npz"
    data = pathlib.Path(path).read_bytes()
    assert data.count(b"'shape': (") > 10
    damaged.write_bytes(data.replace(b"), }", b"(, }"))
    assert_damaged(damaged)


def npz(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@pytest.mark.parametrize(
    "contents",
    [
        b"",
        b"Not a checkpoint.\n",
        b"PK\x03\x04",
        npy(np.zeros(3)),
        npz(a=np.zeros(3)),
        npz(images_shown=5, stage_index=0, config="{}"),
        npz(images_shown=5, stage_index=99, config=CONFIG.to_json()),
        npz(images_shown="many", stage_index=0, config=CONFIG.to_json()),
        npz(images_shown=np.zeros(3), stage_index=0, config=CONFIG.to_json()),
    ],
    ids=[
        *("empty", "text", "zip's first bytes", "npy", "other npz", "empty configuration"),
        *("unknown stage", "text for a number", "numbers for a number"),
    ],
)
def test_a_file_of_something_else_is_an_error(tmp_path, contents):
    path = tmp_path / "images-0000000005-stage-00.npz"
    path.write_bytes(contents)
    assert_damaged(path)


def test_a_checkpoint_of_a_later_version_is_refused_and_not_called_damaged(tmp_path):
    """A damaged one a run sets aside, and goes on from the one before."""
    later = json.loads(CONFIG.to_json()) | {"a_setting_of_tomorrow": 1}
    path = tmp_path / "images-0000000005-stage-00.npz"
    path.write_bytes(npz(images_shown=5, stage_index=0, config=json.dumps(later)))
    with pytest.raises(UserError, match=r"this version.*a_setting_of_tomorrow") as caught:
        read_newest(str(tmp_path))
    assert not isinstance(caught.value, checkpoint.DamagedError)
    assert str(path) in str(caught.value)


def test_a_checkpoint_never_runs_a_pickle(tmp_path):
    path = tmp_path / "pickle.npz"
    path.write_bytes(npz(images_shown=np.array([{}], object)))
    assert_damaged(path)


def test_a_missing_file_and_a_folder_are_errors(tmp_path):
    assert_damaged(tmp_path / "absent.npz")
    assert_damaged(tmp_path)


# Other networks


@pytest.mark.parametrize(
    ("stage", "change"),
    [
        (FADING, {"fmap_max": 3}),
        (FADING, {"latent_size": 6}),
        (FADING, {"num_channels": 1}),
        (FADING, {"label_size": 0}),
        (LOWEST, {}),
        (FINISHED, {}),
    ],
    ids=str,
)
def test_another_networks_checkpoint_is_an_error_and_changes_nothing(saved, stage, change):
    _, path = saved
    config = dataclasses.replace(CONFIG, network=dataclasses.replace(CONFIG.network, **change))
    state = make_state(stage, config, seed=5)
    before = values(state)
    with pytest.raises(UserError, match="other networks") as caught:
        checkpoint.restore(checkpoint.read(path), state.variables())
    assert str(caught.value).startswith(path)
    assert "\n" not in str(caught.value)
    assert_equal(values(state), before)


# Which there are


def save_at(folder, *images, stage):
    state = make_state(stage)
    return [save_state(str(folder), state, count, CONFIG) for count in images]


def test_the_latest_is_the_one_of_the_most_images(tmp_path):
    assert checkpoint.latest(str(tmp_path / "absent")) is None
    assert checkpoint.latest(str(tmp_path)) is None
    later, _ = save_at(tmp_path, 10_000, 9_000, stage=LOWEST)
    assert checkpoint.latest(str(tmp_path)) == later
    (latest,) = save_at(tmp_path, 10_016, stage=FADING)
    assert checkpoint.latest(str(tmp_path)) == latest


def test_names_count_stages_from_1_and_tell_how_many_there_are(tmp_path):
    paths = [save_at(tmp_path, 100 + one.index, stage=one)[0] for one in (LOWEST, FADING, FINISHED)]
    assert [pathlib.Path(path).name for path in paths] == [
        "images-0000000100-stage-01-of-03.npz",
        "images-0000000101-stage-02-of-03.npz",
        "images-0000000102-stage-03-of-03.npz",
    ]


def test_checkpoints_of_the_first_versions_whose_names_counted_from_0_are_read(tmp_path):
    """One run may hold both: `stage-01` was the second stage, `stage-01-of-03` is the first."""
    first, second = save_at(tmp_path, 100, 200, stage=LOWEST)
    (third,) = save_at(tmp_path, 1100, stage=FADING)
    old_first = tmp_path / "images-0000000100-stage-00.npz"
    old_third = tmp_path / "images-0000001100-stage-01.npz"
    pathlib.Path(first).rename(old_first)
    pathlib.Path(third).rename(old_third)
    assert checkpoint.list_checkpoints(str(tmp_path)) == [str(old_first), second, str(old_third)]
    assert checkpoint.last_of_stages(str(tmp_path)) == [second, str(old_third)]
    assert checkpoint.read(str(old_first)).stage == LOWEST
    (fourth,) = save_at(tmp_path, 1200, stage=FADING)
    checkpoint.prune(str(tmp_path), keep=1)
    assert checkpoint.list_checkpoints(str(tmp_path)) == [second, fourth]


def test_pruning_keeps_the_last_ones_and_one_of_each_stage(tmp_path):
    first = save_at(tmp_path, 100, 200, 1000, stage=LOWEST)
    second = save_at(tmp_path, 1100, 2000, stage=FADING)
    third = save_at(tmp_path, 2100, 2200, 2300, stage=FINISHED)

    def left():
        return sorted(str(file) for file in tmp_path.iterdir())

    checkpoint.prune(str(tmp_path), keep=100)
    assert left() == [*first, *second, *third]
    checkpoint.prune(str(tmp_path), keep=4)
    assert left() == [first[-1], second[-1], *third]
    checkpoint.prune(str(tmp_path), keep=2)
    assert left() == [first[-1], second[-1], *third[-2:]]
    checkpoint.prune(str(tmp_path), keep=1)
    assert left() == [first[-1], second[-1], third[-1]]


def test_leftovers_are_never_taken_and_go_and_other_files_stay(tmp_path):
    first, second = save_at(tmp_path, 100, 200, stage=LOWEST)
    leftover = tmp_path / "images-0000009999-stage-00.npz.partial"
    other = tmp_path / "notes.txt"
    for file in (leftover, other):
        file.write_bytes(b"half")
    assert checkpoint.latest(str(tmp_path)) == second
    checkpoint.prune(str(tmp_path), keep=1)
    left = {str(file) for file in tmp_path.iterdir()}
    assert left == {second, str(other)}
    assert first not in left


def test_metrics_between_two_ticks_are_kept(tmp_path):
    """A run that is asked to stop between two lines of metrics.jsonl goes on to write the same."""
    metrics = np.arange(10, dtype=np.float32).reshape(2, 5)
    state = make_state(LOWEST)
    path = save_state(str(tmp_path), state, 48, CONFIG, metrics, 32)
    saved = checkpoint.read(path)
    np.testing.assert_array_equal(saved.tick_metrics, metrics)
    assert (saved.tick_first_image, saved.images_shown) == (32, 48)
    at_tick = checkpoint.read(save_state(str(tmp_path), state, 64, CONFIG))
    assert (at_tick.tick_first_image, at_tick.tick_metrics.size) == (64, 0)


def test_a_full_disk_is_one_line_and_leaves_what_was_there(tmp_path, monkeypatch):
    (first,) = save_at(tmp_path, 100, stage=LOWEST)
    before = pathlib.Path(first).read_bytes()

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match=r"No space left on device.*resumes from") as caught:
        save_at(tmp_path, 200, stage=LOWEST)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == [pathlib.Path(first).name]
    assert pathlib.Path(first).read_bytes() == before


def test_a_place_that_cannot_be_written_is_no_full_disk(tmp_path):
    """The file system's own words, of a folder in the file's place and a name that is too long."""
    (tmp_path / "images-0000000200-stage-01-of-03.npz").mkdir()
    for folder in (tmp_path, tmp_path / ("a" * 300)):
        with pytest.raises(UserError) as caught:
            save_at(folder, 200, stage=LOWEST)
        assert "make room" not in str(caught.value)
        assert "\n" not in str(caught.value)


# Memory


WIDE = dataclasses.replace(
    CONFIG, network=dataclasses.replace(CONFIG.network, fmap_base=1024, fmap_max=256)
)


def peak_of(work, *args):
    """Bytes of memory that NumPy and Python took meanwhile."""
    tracemalloc.start()
    try:
        work(*args)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_checkpoint_is_never_in_memory_as_a_whole(tmp_path):
    """It was there three times when it was written, and once more when somebody drew with it."""
    state = make_state(LOWEST, WIDE)
    paths = []
    written = peak_of(lambda: paths.append(save_state(str(tmp_path), state, 500, WIDE)))
    size = pathlib.Path(paths[0]).stat().st_size
    assert size > 2**24
    assert written < size / 3
    assert peak_of(checkpoint.read, paths[0], ["average_generator"]) < size / 3
    assert peak_of(checkpoint.read, paths[0], []) < size / 100
    assert peak_of(checkpoint.read, paths[0]) < 1.2 * size


def test_one_networks_weights_are_read_and_nothing_else(saved):
    _, path = saved
    arrays = checkpoint.read(path, ["generator"]).arrays
    expected = checkpoint.read(path).arrays
    assert arrays
    assert arrays.keys() == {name for name in expected if name.startswith("generator/")}
    assert all(np.array_equal(array, expected[name]) for name, array in arrays.items())


# Generators


def generator_inputs():
    latents = np.random.default_rng(8).standard_normal((3, 5)).astype(np.float32)
    return [latents, np.eye(2, dtype=np.float32)[[0, 1, 1]]]


@pytest.mark.parametrize(
    ("stage", "images_shown", "alpha"),
    [(LOWEST, 500, 1), (FADING, 1250, 0.25), (FINISHED, 2500, 1)],
)
def test_a_loaded_generator_draws_as_the_states_average_generator(
    tmp_path, stage, images_shown, alpha
):
    state = make_state(stage, seed=1)
    for model in (state.generator, state.average_generator):
        set_alpha(model, alpha)
    save_state(str(tmp_path), state, images_shown, CONFIG)
    read = checkpoint.read(checkpoint.latest(str(tmp_path)))
    average = state.average_generator(generator_inputs()).numpy()
    np.testing.assert_array_equal(
        checkpoint.load_generator(read)(generator_inputs()).numpy(), average
    )
    current = state.generator(generator_inputs()).numpy()
    np.testing.assert_array_equal(
        checkpoint.load_generator(read, "generator")(generator_inputs()).numpy(), current
    )
    assert np.abs(average - current).max() > 0.1


def test_a_loaded_generator_can_compute_in_half_precision(saved):
    read = checkpoint.read(saved[1])
    full = checkpoint.load_generator(read)(generator_inputs()).numpy()
    half = checkpoint.load_generator(read, precision="mixed_bfloat16")(generator_inputs()).numpy()
    error = np.sqrt(np.mean((half - full) ** 2))
    assert 0 < error < 0.03 * np.sqrt(np.mean(full**2))


def test_a_generator_of_another_configuration_is_an_error(saved):
    read = checkpoint.read(saved[1])
    network = dataclasses.replace(CONFIG.network, fmap_max=3)
    other = dataclasses.replace(read, config=dataclasses.replace(CONFIG, network=network))
    with pytest.raises(UserError, match="other networks"):
        checkpoint.load_generator(other)


def test_a_runs_last_checkpoint_is_read(tmp_path):
    save_at(tmp_path / "checkpoints", 100, 300, 200, stage=LOWEST)
    assert checkpoint.read_run(str(tmp_path)).images_shown == 300


def test_a_folder_that_is_no_run_is_an_error(tmp_path):
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(UserError, match=r"^--run_dir: expected a run folder with checkpoints"):
            checkpoint.read_run(str(folder))
