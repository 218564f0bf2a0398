"""Checkpoints: everything comes back bit for bit, and what is damaged or foreign is one line."""

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
from pgan_tf.runs.trained import load_generator
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


def with_network(**changes):
    return dataclasses.replace(CONFIG, network=dataclasses.replace(CONFIG.network, **changes))


def make_state(stage=FADING, config=CONFIG, seed=1):
    """A state in which every variable, optimizer slots included, has values of its own."""
    state = build_state(stage, config, make_strategy("one_device"))
    random = np.random.default_rng(seed)
    for name, variable in {**state.weights(), **state.optimizer_state()}.items():
        if name.endswith("/iterations"):
            variable.assign(int(random.integers(1, 1000)))
        else:
            variable.assign(random.standard_normal(variable.shape).astype(np.float32))
    return state


def values(state):
    variables = {**state.weights(), **state.optimizer_state()}
    return {name: variable.numpy().copy() for name, variable in variables.items()}


def assert_equal(got, expected):
    assert got.keys() == expected.keys()
    for name in expected:
        assert got[name].dtype == expected[name].dtype
        np.testing.assert_array_equal(got[name], expected[name], err_msg=name)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A state, which is not to be changed, and the path of its checkpoint."""
    state = make_state()
    folder = str(tmp_path_factory.mktemp("run") / "checkpoints")
    return state, save_state(folder, state, 1250, CONFIG)


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


# Damage


def assert_damaged(path):
    with pytest.raises(UserError) as caught:
        checkpoint.read(str(path))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_truncated_checkpoint_is_an_error(saved, tmp_path):
    data = pathlib.Path(saved[1]).read_bytes()
    sizes = (0, len(data) // 1000, len(data) // 3, len(data) // 2, len(data) - 1)
    # An array's header whose brackets do not close, and whose line does not end as it should.
    for damaged in (*(data[:size] for size in sizes), data.replace(b"), }", b"(, }")):
        (tmp_path / "damaged.npz").write_bytes(damaged)
        assert_damaged(tmp_path / "damaged.npz")
    assert_damaged(tmp_path / "absent.npz")
    assert_damaged(tmp_path)


def test_a_changed_byte_is_an_error_or_changes_no_value(saved, tmp_path):
    state, path = saved
    data = pathlib.Path(path).read_bytes()
    damaged = tmp_path / "damaged.npz"
    directory = zipfile.ZipFile(path).start_dir
    positions = np.random.default_rng(0).integers(0, len(data), 50).tolist()
    # Headers byte by byte: of the first array, of the directory's first entry, of its end.
    positions += [*range(40), *range(directory, directory + 60)]
    positions += range(len(data) - 30, len(data))
    expected = values(state)
    errors = 0
    for position in positions:
        changed = bytearray(data)
        changed[position] ^= 0x55
        damaged.write_bytes(changed)
        try:
            read = checkpoint.read(str(damaged))
        except UserError:
            errors += 1
        else:
            assert_equal(read.arrays, expected)
    assert errors > 90


def npz(**arrays):
    file = io.BytesIO()
    np.savez(file, **{"images_shown": 5, "stage_index": 0, "config": CONFIG.to_json(), **arrays})
    return file.getvalue()


@pytest.mark.parametrize(
    "contents",
    [
        *(b"", b"Not a checkpoint.\n", b"PK\x03\x04", b"\x93NUMPY", npz(), npz(config="{}")),
        *(npz(stage_index=3), npz(images_shown="many"), npz(images_shown=-1)),
        *(npz(images_shown=1.5), npz(images_shown=np.zeros(3)), npz(num_devices=2**32)),
        npz(images_shown=np.array([{}], object)),  # a pickle, which is never run
        *(npz(tick_first_image=-1), npz(tick_metrics=np.zeros((2, 4), np.float32))),
        *(npz(tick_metrics=np.zeros((2, 5))), npz(bad_records=np.zeros((1, 2), np.int32))),
    ],
    ids=range(17),
)
def test_a_file_of_something_else_is_an_error(tmp_path, contents):
    path = tmp_path / "images-0000000005-stage-00.npz"
    path.write_bytes(contents)
    assert_damaged(path)


def test_weights_that_the_configuration_does_not_describe_are_an_error(saved, tmp_path):
    with np.load(saved[1]) as archive:
        arrays = dict(archive)
    kernel, slot = "generator/4x4_conv/kernel", "optimizer/g/velocity"
    path = tmp_path / "images-0000001250-stage-02-of-03.npz"

    def read(**changes):
        path.write_bytes(npz(**{k: v for k, v in (arrays | changes).items() if v is not None}))
        return checkpoint.read(str(path))

    slot = next(name for name in arrays if name.endswith("/velocity"))
    assert_equal(read().arrays, checkpoint.read(saved[1]).arrays)
    endless = {slot: np.full_like(arrays[slot], np.inf)}  # squares may overflow
    assert np.isinf(read(**endless).arrays[slot]).all()
    for changes in (
        {kernel: None},
        {kernel: arrays[kernel][..., :1]},
        {kernel: arrays[kernel].astype(np.float64)},
        {kernel: np.full_like(arrays[kernel], np.inf)},
        {slot: np.full_like(arrays[slot], np.nan)},
        {slot: np.full(arrays[slot].shape, "x")},
        {"generator/16x16_conv0/kernel": np.zeros(3, np.float32)},
    ):
        with pytest.raises(checkpoint.DamagedError):
            read(**changes)


def test_a_checkpoint_of_a_later_version_is_refused_and_not_called_damaged(tmp_path):
    later = json.loads(CONFIG.to_json()) | {"a_setting_of_tomorrow": 1}
    path = tmp_path / "images-0000000005-stage-00.npz"
    path.write_bytes(npz(config=json.dumps(later)))
    with pytest.raises(UserError, match=r"this version.*a_setting_of_tomorrow") as caught:
        checkpoint.read_newest(str(tmp_path))
    assert not isinstance(caught.value, checkpoint.DamagedError)
    assert str(path) in str(caught.value)


def test_the_newest_intact_checkpoint_is_read_and_damaged_ones_are_set_aside(
    saved, tmp_path, capsys
):
    assert checkpoint.read_newest(str(tmp_path)) == (None, [])
    path = save_state(str(tmp_path), saved[0], 1250, CONFIG)
    cut = [tmp_path / f"images-000000{count}-stage-02-of-03.npz" for count in (1900, 1300)]
    for one in cut:
        one.write_bytes(b"cut")
    newest, damaged = checkpoint.read_newest(str(tmp_path))
    assert (newest.path, damaged) == (path, [str(one) for one in cut])
    checkpoint.set_aside(damaged, path)
    assert checkpoint.list_checkpoints(str(tmp_path)) == [path]
    assert (tmp_path / f"{cut[0].name}.damaged").read_bytes() == b"cut"
    assert f"going back to {path}" in capsys.readouterr().err
    pathlib.Path(path).write_bytes(b"cut")
    with pytest.raises(checkpoint.DamagedError):
        checkpoint.read_newest(str(tmp_path))


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
    [(LOWEST, 500, 1), (FADING, 1250, 0.25), (FINISHED, 2500, 1)],
)
def test_a_loaded_generator_draws_as_the_states(tmp_path, stage, images_shown, alpha):
    latents = np.random.default_rng(8).standard_normal((3, 5)).astype(np.float32)
    inputs = [latents, np.eye(2, dtype=np.float32)[[0, 1, 1]]]
    state = make_state(stage)
    read = checkpoint.read(save_state(str(tmp_path), state, images_shown, CONFIG))
    drawn = []
    for name in ("average_generator", "generator"):
        set_alpha(getattr(state, name), alpha)
        drawn.append(getattr(state, name)(inputs).numpy())
        np.testing.assert_array_equal(load_generator(read, name)(inputs).numpy(), drawn[-1])
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
