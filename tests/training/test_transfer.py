"""A new run with pretrained weights: what is carried, what is new, what is refused."""

import dataclasses
import re

import numpy as np
import pytest
import tensorflow as tf

from pgan_tf.config.schedule import Stage
from pgan_tf.config.training import NetworkConfig, ScheduleConfig, TrainingConfig
from pgan_tf.networks import official
from pgan_tf.runs.folder import open_run
from pgan_tf.training.pretrained import Weights, first_resolution, read_init_from, read_weights
from pgan_tf.training.state import build_state
from pgan_tf.training.transfer import check_weights, describe_transfer, transfer
from tests.helpers.golden_cases import GOLDEN
from tests.helpers.random_arrays import normal
from tests.helpers.small_run import save_state
from tfrecords.common.errors import UserError

NETWORK = NetworkConfig(resolution=8, fmap_base=16, fmap_max=8, latent_size=6)
SCHEDULE = ScheduleConfig(resolution=8, stabilize_kimg=1, fade_in_kimg=1, total_kimg=9)
CONFIG = TrainingConfig(dataset="shapes", network=NETWORK, schedule=SCHEDULE)
EIGHT = Stage(2, 8, "stabilize", 2000, 9000)
ALL = ("generator", "average_generator", "discriminator")


def config_of(resolution=8, names="", **changes):
    """A run that starts at 8 px, with classes of these names."""
    names = tuple(names.split())
    changes = {"resolution": resolution, "label_size": len(names), **changes}
    return TrainingConfig(
        dataset="shapes",
        network=dataclasses.replace(NETWORK, **changes),
        schedule=dataclasses.replace(SCHEDULE, resolution=resolution, initial_resolution=8),
        label_names=names,
        seed=5,
    )


def values(state):
    return {name: variable.numpy() for name, variable in state.weights().items()}


def build_source(config):
    """Networks of 8 px with numbers of their own in every variable, and these as weights."""
    state = build_state(EIGHT, config, tf.distribute.get_strategy())
    random = np.random.default_rng(1)
    for variable in state.weights().values():
        variable.assign(variable + 0.1 * random.standard_normal(variable.shape))
    return state, Weights("runs/a", config.network, 8, values(state), config.label_names)


@pytest.fixture(scope="module")
def source():
    return build_source(CONFIG)


def start(weights, config, stage=EIGHT):
    """The state that a run starts with, its values before, and the table of what was carried."""
    state = build_state(stage, config, tf.distribute.get_strategy())
    initial, origins = values(state), transfer(state, weights, config)
    lines = describe_transfer(origins, weights, config).splitlines()
    rows = {line.split()[0]: re.split("  +", line.strip())[1:] for line in lines[1:]}
    return state, initial, origins, lines, rows


def outputs(state, label_size=0, label=0):
    """What the networks make of the same inputs: pictures, scores and a class's logits."""
    latents, side = normal(4, state.generator.inputs[0].shape[1]), state.stage.resolution
    labels = np.tile(np.eye(max(1, label_size), dtype=np.float32)[label, :label_size], (4, 1))
    scores, logits = state.discriminator(normal(4, side, side, 3))
    pictures = [getattr(state, name)([latents, labels]).numpy() for name in ALL[:2]]
    return [*pictures, scores.numpy(), logits.numpy()[:, label : label + 1]]


def assert_close(ours, theirs, tolerance=1e-4):
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("resolution", [8, 16])
def test_a_run_starts_as_the_networks_that_it_takes_over(source, resolution):
    """The average as the average, which is another one."""
    state, _, origins, _, _ = start(source[1], config_of(resolution))
    assert {*origins.values()} == {"carried"}
    pictures, averages, *_ = outputs(state)
    assert np.abs(pictures - averages).max() > 0.1
    assert_close(outputs(state), outputs(source[0]), tolerance=0)


def test_layers_of_another_shape_are_new_and_say_so(source):
    """Twice the feature maps at 8 px; at 4 px as many."""
    state, initial, origins, _, _ = start(source[1], config_of(fmap_base=32))
    assert origins["generator", "4x4_conv"] == origins["discriminator", "4x4_conv"] == "carried"
    # Kernels for upscaling are laid out (height, width, out, in).
    assert origins["generator", "8x8_conv0"] == "new ((3, 3, 8, 8) here, (3, 3, 4, 8) there)"
    for name, value in values(state).items():
        carried = origins[tuple(name.split("/")[:2])] == "carried"
        expected = source[1].arrays if carried else initial
        np.testing.assert_array_equal(value, expected[name], err_msg=name)


def test_what_grows_on_top_is_new_and_what_is_not_needed_is_left(source):
    *_, lines, rows = start(source[1], config_of(16), Stage(1, 16, "fade_in", 0, 100))
    assert lines[0] == (
        "Weights from runs/a (8 px), into networks of 8 px: 8 layers carried, 4 new, 0 left"
    )
    assert rows["layer"] == ["generator", "discriminator", "average_generator"]
    assert rows["8x8_conv0"] == ["carried"] * 3
    assert rows["16x16_to_rgb"] == ["new", "-", "new"]
    # By resolution, 16 after 8.
    sizes = [int(name.split("x")[0]) for name in [*rows][1:]]
    assert sizes == sorted(sizes)
    *_, rows = start(source[1], config_of(), Stage(0, 4, "stabilize", 0, 100))
    assert rows["8x8_conv1"] == ["left"] * 3


def test_networks_that_do_not_fit_are_refused_before_any_is_built(source):
    for fitting in ({}, {"fmap_base": 32}, {"label_size": 3}, {"latent_size": 5}):
        check_weights(source[1], config_of(**fitting))
    for changes, words in (
        ({"fmap_max": 3, "latent_size": 3}, "no layer fits"),
        ({"equalized": False}, "equalized=False .* with True: give --equalized"),
        ({"tanh": True}, "tanh=True .* with False: give --notanh"),
    ):
        with pytest.raises(UserError, match=f"^--init_from: .*{words}"):
            check_weights(source[1], config_of(**changes))


@pytest.mark.parametrize("name", ["separate_scale", "base"])
@pytest.mark.parametrize("fused", [True, False])
def test_a_run_starts_as_a_published_pickle(name, fused):
    """Gs of `base` is fading in from 16 px: the run starts there."""
    path = str(GOLDEN / f"{name}.pkl")
    weights, saved = read_weights(path), official.read(path)
    assert weights.resolution == 16
    network = dataclasses.replace(weights.network, resolution=16, fused_scale=fused)
    config = TrainingConfig(network=network, schedule=ScheduleConfig(resolution=16))
    state, _, origins, _, _ = start(weights, config, Stage(4, 16, "stabilize", 0, 9))
    # RGB layers of lower resolutions are in a pickle, and not in networks that do not fade.
    assert {*origins.values()} == {"carried", "left"}
    lod = 0 if name == "separate_scale" else 1
    published = {network: official.build(getattr(saved, network), lod) for network in ALL}
    theirs = outputs(dataclasses.replace(state, **published))
    # Fused or not, a discriminator reduces after or before its ReLU.
    compared = 4 if fused == weights.network.fused_scale else 2
    assert_close(outputs(state)[:compared], theirs[:compared])


def test_where_a_run_starts(source, tmp_path, one_device):
    old, new = str(tmp_path / "old"), str(tmp_path / "new")
    for folder in (old, new):
        open_run(folder, CONFIG, "")
    save_state(f"{old}/checkpoints", source[0], 9000, CONFIG)
    weights = read_weights(old)
    assert weights.resolution == 8
    assert [first_resolution(weights, "none", last) for last in (64, 4)] == [8, 4]
    # What a run was opened with holds, also when its source is missing.
    assert first_resolution(None, old, 64) == 4
    with pytest.raises(UserError, match="another run"):
        read_init_from(f"{new}/", new)
    with pytest.raises(UserError, match=r"--init_from: .* got a checkpoint, .*folder of its run"):
        read_weights(f"{old}/checkpoints/images-0000009000-stage-03-of-03.npz")
    # One that fades in gives the resolution below.
    fading = build_state(Stage(1, 8, "fade_in", 1001, 1999), CONFIG, one_device)
    save_state(f"{new}/checkpoints", fading, 1500, CONFIG)
    assert read_weights(new).resolution == 4
    assert read_init_from(old, new) is None  # the run resumes
    (tmp_path / "new/config.json").unlink()
    with pytest.raises(UserError, match=r"expected config\.json with the checkp"):
        first_resolution(None, new, 8)


# Classes

CLASS_KERNELS = ("generator/4x4_dense/kernel", "average_generator/4x4_dense/kernel")
UNKNOWN = "all new, as their names are not known on both sides"


@pytest.mark.parametrize(
    ("there", "here", "known", "kept", "said"),
    [
        ("cat dog", "ant dog eel", True, {1: 1}, "carried dog; new ant, eel; left cat"),
        ("cat dog eel", "eel cat dog", True, {0: 2, 1: 0, 2: 1}, "carried eel, cat, dog"),
        ("", "cat dog", True, {}, "2 new"),
        ("cat dog", "", True, {}, "2 left"),
        ("cat dog", "cat dog", False, {}, UNKNOWN),
    ],
)
@pytest.mark.parametrize("changes", [{}, {"normalize_latents": False}, {"equalized": False}])
def test_a_class_is_what_it_was_under_its_name(there, here, known, kept, said, changes):
    original, weights = build_source(config_of(names=there, **changes))
    if not known:
        weights = dataclasses.replace(weights, label_names=())
    there, config = there.split(), config_of(names=here, **changes)
    state, initial, _, lines, rows = start(weights, config)
    for index, before in kept.items():
        theirs = outputs(original, len(there), before)
        assert_close(outputs(state, len(config.label_names), index), theirs)
    ours = values(state)
    new = [index for index in range(len(config.label_names)) if index not in kept]
    for name in CLASS_KERNELS:  # rows, below those of six latents
        np.testing.assert_array_equal(ours[name][6:][new], initial[name][6:][new])
    for name in ("discriminator/4x4_dense1/kernel", "discriminator/4x4_dense1/bias"):
        ours_new, initial_new = (one[name].T[1:][new] for one in (ours, initial))
        np.testing.assert_array_equal(ours_new, initial_new)
    assert lines[1].startswith("Classes") and lines[1].endswith(f": {said}")
    words = "carried but for classes" if new else "carried"
    assert rows["4x4_dense"] == [words, "-", words]
    assert rows["4x4_dense1"] == ["-", words, "-"]


def test_latents_never_become_classes():
    """5 latents and 3 classes make a kernel as large as 6 and 2."""
    _, weights = build_source(config_of(names="a b c", latent_size=5))
    state, initial, *_ = start(weights, config_of(names="a b"))
    np.testing.assert_array_equal(values(state)[CLASS_KERNELS[0]], initial[CLASS_KERNELS[0]])
