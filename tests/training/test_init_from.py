"""A new run with another run's weights: what is carried, what is new, what is refused."""

import dataclasses
import re

import numpy as np
import pytest

from pgan_tf.config.per_resolution import PerResolution
from pgan_tf.config.schedule import Stage
from pgan_tf.config.training import NetworkConfig, ScheduleConfig, TrainingConfig
from pgan_tf.networks import official
from pgan_tf.networks.growth import set_alpha
from pgan_tf.runs import checkpoint
from pgan_tf.runs.folder import open_run
from pgan_tf.training.loop import train
from pgan_tf.training.pretrained import Weights, first_resolution, read_init_from, read_weights
from pgan_tf.training.run import Run
from pgan_tf.training.state import build_state
from pgan_tf.training.transfer import check_weights, describe_transfer, map_classes, transfer
from tests.helpers.golden_cases import GOLDEN
from tests.helpers.small_run import save_state
from tests.helpers.tests_data import prepare_shapes
from tfrecords.common.errors import UserError

NETWORK = NetworkConfig(resolution=8, fmap_base=16, fmap_max=8, latent_size=6)
SCHEDULE = ScheduleConfig(resolution=8, stabilize_kimg=1, fade_in_kimg=1, total_kimg=9)
CONFIG = TrainingConfig(dataset="shapes", network=NETWORK, schedule=SCHEDULE)
EIGHT = Stage(2, 8, "stabilize", 2000, 9000)
MODELS = ("generator", "discriminator", "average_generator")


def with_network(resolution=8, **changes):
    return dataclasses.replace(
        CONFIG,
        network=dataclasses.replace(NETWORK, resolution=resolution, **changes),
        schedule=dataclasses.replace(SCHEDULE, resolution=resolution, initial_resolution=8),
        seed=5,
    )


@pytest.fixture
def source(one_device):
    """Networks of 8 px with numbers of their own in every variable."""
    state = build_state(EIGHT, CONFIG, one_device)
    generator = np.random.default_rng(1)
    for variable in state.weights().values():
        variable.assign(generator.standard_normal(variable.shape).astype(np.float32))
    return state


def weights_of(state, network=NETWORK):
    arrays = {name: variable.numpy() for name, variable in state.weights().items()}
    return Weights("runs/a", network, state.stage.resolution, arrays)


def outputs(state):
    """What the three networks make of the same inputs."""
    generator = np.random.default_rng(2)
    latents = generator.standard_normal((4, 6)).astype(np.float32)
    images = generator.uniform(-1, 1, (4, 8, 8, 3)).astype(np.float32)
    inputs = [latents, np.zeros((4, 0), np.float32)]
    return (
        state.generator(inputs).numpy(),
        state.average_generator(inputs).numpy(),
        state.discriminator(images)[0].numpy(),
    )


@pytest.mark.parametrize("resolution", [8, 16])
def test_a_run_begins_as_the_networks_that_it_takes_over(source, one_device, resolution):
    config = with_network(resolution)
    state = build_state(EIGHT, config, one_device)
    origins = transfer(state, weights_of(source), config)
    assert {*origins.values()} == {"carried"}
    for ours, theirs in zip(outputs(state), outputs(source), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_the_average_begins_as_the_average(source, one_device):
    state = build_state(EIGHT, CONFIG, one_device)
    transfer(state, weights_of(source), CONFIG)
    name = "4x4_conv/kernel"
    current, average = (
        state.weights()[f"{one}/{name}"].numpy() for one in ("generator", "average_generator")
    )
    assert np.abs(current - average).max() > 0.1


@pytest.mark.parametrize("fused", [True, False])
def test_fused_and_plain_scaling_understand_each_other(source, one_device, fused):
    """Their kernels are laid out differently, and compute the same (square, so shapes agree)."""
    there = with_network(fused_scale=not fused, fmap_base=32)
    here = with_network(fused_scale=fused, fmap_base=32)
    original = build_state(EIGHT, there, one_device)
    state = build_state(EIGHT, here, one_device)
    assert here.network.num_feature_maps(4) == here.network.num_feature_maps(8)
    for variable in original.weights().values():
        variable.assign(variable + 0.1 * np.random.default_rng(3).standard_normal(variable.shape))
    transfer(state, weights_of(original, there.network), here)
    # (The plain discriminator averages after the activation, the fused one before it.)
    for ours, theirs in zip(outputs(state)[:2], outputs(original)[:2], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_layers_of_another_shape_are_new_and_say_so(source, one_device):
    """Twice the feature maps at 8 px; at 4 px as many."""
    config = with_network(fmap_base=32)
    state = build_state(EIGHT, config, one_device)
    initial = {name: variable.numpy() for name, variable in state.weights().items()}
    words = transfer(state, weights_of(source), config)
    assert words["generator", "4x4_conv"] == words["discriminator", "4x4_conv"] == "carried"
    # Kernels for upscaling are laid out (height, width, out, in).
    assert words["generator", "8x8_conv0"] == "new ((3, 3, 8, 8) here, (3, 3, 4, 8) there)"
    theirs = weights_of(source).arrays
    for name, variable in state.weights().items():
        layer = tuple(name.split("/")[:2])
        expected = theirs if words[layer] == "carried" else initial
        np.testing.assert_array_equal(variable.numpy(), expected[name], err_msg=name)


def test_what_grows_on_top_is_new_and_what_is_not_needed_is_left(source, one_device):
    config = with_network(16)
    fading = Stage(1, 16, "fade_in", 0, 100)
    state = build_state(fading, config, one_device)
    origins = transfer(state, weights_of(source), config)
    table = describe_transfer(origins, weights_of(source), config)
    rows = {line.split()[0]: line.split()[1:] for line in table.splitlines()[1:]}
    assert rows["8x8_conv0"] == ["carried"] * 3
    assert rows["16x16_conv0"] == ["new"] * 3
    assert rows["16x16_to_rgb"] == ["new", "-", "new"]
    assert rows["8x8_from_rgb"] == ["-", "carried", "-"]
    lowest = build_state(Stage(0, 4, "stabilize", 0, 100), config, one_device)
    table = describe_transfer(
        transfer(lowest, weights_of(source), config), weights_of(source), config
    )
    rows = {line.split()[0]: line.split()[1:] for line in table.splitlines()[1:]}
    assert rows["8x8_conv1"] == ["left"] * 3
    assert rows["4x4_to_rgb"] == ["new", "-", "new"]
    # By resolution, 16 after 8.
    first, *layers = rows
    assert first == "layer"
    sizes = [int(name.split("x")[0]) for name in layers]
    assert sizes == sorted(sizes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"fmap_max": 3, "latent_size": 3}, "no layer fits"),
        ({"equalized": False}, "--noequalized|--equalized"),
        ({"pixel_norm": False}, "--pixel_norm"),
        ({"generator_leaky_relu": False}, "--generator_leaky_relu"),
    ],
    ids=str,
)
def test_networks_that_do_not_fit_are_refused_before_any_is_built(source, changes, words):
    with pytest.raises(UserError, match=words) as caught:
        check_weights(weights_of(source), with_network(**changes))
    assert str(caught.value).startswith("--init_from: ")


@pytest.mark.parametrize("changes", [{}, {"fmap_base": 32}, {"label_size": 3}, {"latent_size": 5}])
def test_networks_of_which_a_layer_fits_are_not_refused(source, changes):
    check_weights(weights_of(source), with_network(**changes))


@pytest.mark.parametrize("name", ["separate_scale", "base"])
@pytest.mark.parametrize("fused", [True, False])
def test_a_run_begins_as_a_published_pickle(name, fused, one_device):
    """Gs of `base` is fading in from 16 px: the run begins there."""
    weights = read_weights(str(GOLDEN / f"{name}.pkl"))
    assert weights.resolution == 16
    network = dataclasses.replace(weights.network, resolution=16, fused_scale=fused)
    config = TrainingConfig(network=network, schedule=ScheduleConfig(resolution=16))
    state = build_state(Stage(4, 16, "stabilize", 0, 9), config, one_device)
    origins = transfer(state, weights, config)
    assert {*origins.values()} == {"carried", "left"}
    saved = official.read(str(GOLDEN / f"{name}.pkl"))
    lod = 0 if name == "separate_scale" else 1
    random = np.random.default_rng(2)
    latents = random.standard_normal((4, 16)).astype(np.float32)
    inputs = [latents, np.zeros((4, 0), np.float32)]
    for ours, theirs in (
        (state.generator, saved.generator),
        (state.average_generator, saved.average_generator),
    ):
        expected = official.build(theirs, lod)(inputs).numpy()
        np.testing.assert_allclose(ours(inputs), expected, rtol=1e-4, atol=1e-4)
    # Fused or not, a discriminator reduces after or before its ReLU.
    if fused == weights.network.fused_scale:
        images = random.uniform(-1, 1, (4, 16, 16, 3)).astype(np.float32)
        expected, _ = official.build(saved.discriminator, lod)(images)
        np.testing.assert_array_equal(state.discriminator(images)[0], expected)
    # RGB layers of lower resolutions are in a pickle, and not in networks that do not fade.
    assert ("generator", "8x8_to_rgb") in origins


@pytest.fixture
def saved_run(source, tmp_path):
    folder = str(tmp_path / "a")
    open_run(folder, CONFIG, "")
    save_state(f"{folder}/checkpoints", source, 9000, CONFIG)
    return folder


def test_a_run_that_fades_in_gives_the_resolution_below(tmp_path, one_device):
    fading = Stage(1, 8, "fade_in", 1001, 1999)
    state = build_state(fading, CONFIG, one_device)
    set_alpha(state.generator, 0.5)
    save_state(str(tmp_path / "checkpoints"), state, 1500, CONFIG)
    assert read_weights(str(tmp_path)).resolution == 4


def test_where_a_run_begins(saved_run, tmp_path):
    weights = read_weights(saved_run)
    assert first_resolution(weights, str(tmp_path / "new"), 64) == 8
    assert first_resolution(weights, str(tmp_path / "new"), 4) == 4
    # What a run was opened with holds, also when its source is gone.
    assert first_resolution(None, saved_run, 64) == 4
    with pytest.raises(UserError, match="another run"):
        open_run(str(tmp_path / "new"), CONFIG, "")
        read_init_from(str(tmp_path / "new") + "/", str(tmp_path / "new"))


def test_checkpoints_without_a_configuration_are_one_line(tmp_path, one_device):
    run_dir = str(tmp_path / "run")
    state = build_state(EIGHT, CONFIG, one_device)
    save_state(f"{run_dir}/checkpoints", state, 9000, CONFIG)
    weights = read_init_from(str(tmp_path / "other"), run_dir)
    assert weights is None  # the run goes on
    with pytest.raises(UserError, match=r"expected config\.json beside the checkp"):
        first_resolution(weights, run_dir, 8)


def test_a_checkpoint_in_place_of_its_run_is_named(tmp_path):
    with pytest.raises(UserError, match=r"--init_from: .* got a checkpoint, .*folder of its run"):
        read_weights(str(tmp_path / "run/checkpoints/images-0000000512-stage-02.npz"))


def test_training_begins_with_the_weights_and_goes_on_without(
    saved_run, source, one_device, tmp_path
):
    """With a learning rate of next to nothing the weights stay what they were."""
    info = prepare_shapes(tmp_path / "data", 8)
    schedule = dataclasses.replace(
        SCHEDULE,
        initial_resolution=8,
        total_kimg=0.008,
        batch_size=PerResolution(((4, 8),)),
        generator_learning_rate=PerResolution(((4, 1e-9),)),
        discriminator_learning_rate=PerResolution(((4, 1e-9),)),
    )
    config = dataclasses.replace(CONFIG, schedule=schedule, minibatch_repeats=1)
    folder = str(tmp_path / "b")
    open_run(folder, config, "")
    weights = read_init_from(saved_run, folder)
    assert train(Run(config, info, folder, one_device), weights=weights) == 8
    after = checkpoint.read_run(folder).arrays
    for name, variable in source.weights().items():
        # The average moves towards the generator by a thousandth.
        bound = 1e-2 if name.startswith("average") else 1e-6
        np.testing.assert_allclose(after[name], variable.numpy(), atol=bound, err_msg=name)
    assert "carried" in (tmp_path / "b/init_from.txt").read_text()
    assert read_init_from(saved_run, folder) is None
    assert read_init_from("/no/longer/there", folder) is None


# Classes


def named(*names, **changes):
    return dataclasses.replace(
        CONFIG,
        network=dataclasses.replace(NETWORK, label_size=len(names), **changes),
        label_names=names,
        seed=9,
    )


def carried_from(there, here, device, known=True):
    """A state of the configuration `here` that began with one of `there`, and both of them."""
    original, state = build_state(EIGHT, there, device), build_state(EIGHT, here, device)
    random = np.random.default_rng(4)
    for variable in original.weights().values():
        variable.assign(random.standard_normal(variable.shape).astype(np.float32))
    weights = dataclasses.replace(
        weights_of(original, there.network), label_names=there.label_names if known else ()
    )
    initial = {name: variable.numpy() for name, variable in state.weights().items()}
    origins = transfer(state, weights, here)
    text = describe_transfer(origins, weights, here)
    arrays = {name: variable.numpy() for name, variable in state.weights().items()}
    return original, state, initial, arrays, text


def drawn(state, index, size, network="generator"):
    """What a state makes of a class: pictures, and how sure the discriminator is of it."""
    random = np.random.default_rng(2)
    latents = random.standard_normal((4, 6)).astype(np.float32)
    images = random.uniform(-1, 1, (4, 8, 8, 3)).astype(np.float32)
    labels = np.tile(np.eye(size, dtype=np.float32)[index], (4, 1))
    pictures = getattr(state, network)([latents, labels]).numpy()
    scores, logits = state.discriminator(images)
    return pictures, scores.numpy(), logits.numpy()[:, index]


@pytest.mark.parametrize("changes", [{}, {"normalize_latents": False}, {"equalized": False}])
def test_a_class_is_what_it_was_under_its_name(one_device, changes):
    there, here = named("cat", "dog", **changes), named("ant", "dog", "eel", **changes)
    original, state, initial, arrays, text = carried_from(there, here, one_device)
    for network in ("generator", "average_generator"):
        for ours, theirs in zip(
            drawn(state, 1, 3, network), drawn(original, 1, 2, network), strict=True
        ):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)
        kernel = f"{network}/4x4_dense/kernel"
        np.testing.assert_array_equal(arrays[kernel][[6, 8]], initial[kernel][[6, 8]])
    for name in ("kernel", "bias"):
        name = f"discriminator/4x4_dense1/{name}"
        np.testing.assert_array_equal(arrays[name][..., [1, 3]], initial[name][..., [1, 3]])
    assert "Classes by name: carried dog; new ant, eel; left cat" in text
    assert re.search(r"4x4_dense +carried but for classes +- +carried but for classes", text)
    assert re.search(r"4x4_dense1 +- +carried but for classes", text)


def test_the_same_classes_in_another_order_follow_their_names(one_device):
    there, here = named("cat", "dog", "eel"), named("eel", "cat", "dog")
    original, state, *_, text = carried_from(there, here, one_device)
    for index, before in ((0, 2), (1, 0), (2, 1)):
        for ours, theirs in zip(drawn(state, index, 3), drawn(original, before, 3), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)
    assert "Classes by name: carried eel, cat, dog" in text
    assert "but for classes" not in text


def test_accents_in_another_unicode_form_are_the_same_class():
    there, here = ("caf\u00e9", "dog"), ("cat", "cafe\u0301")
    weights = dataclasses.replace(Weights("a", named(*there).network, 8, {}), label_names=there)
    classes = map_classes(weights, named(*here))
    assert classes.origins == (-1, 0)
    assert classes.words == "Classes by name: carried cafe\u0301; new cat; left dog"


@pytest.mark.parametrize("known", [(True, False), (False, True), (False, False)])
def test_classes_begin_new_where_a_side_has_no_names(one_device, known):
    there, here = named("cat", "dog"), named("cat", "dog")
    if not known[1]:
        here = dataclasses.replace(here, label_names=())
    _, _, initial, arrays, text = carried_from(there, here, one_device, known[0])
    for name in ("generator/4x4_dense/kernel", "average_generator/4x4_dense/kernel"):
        np.testing.assert_array_equal(arrays[name][6:], initial[name][6:])
        assert (arrays[name][:6] != initial[name][:6]).any(axis=1).all()
    name = "discriminator/4x4_dense1/kernel"
    np.testing.assert_array_equal(arrays[name][:, 1:], initial[name][:, 1:])
    assert "Classes: all new, as their names are not known on both sides" in text


def test_runs_with_and_without_classes_begin_with_each_other(one_device):
    """The rest of the layers is carried: the score is the same to the bit."""
    for there, here, words in (
        (named(), named("cat", "dog"), "Classes: 2 new"),
        (named("cat", "dog"), named(), "Classes: 2 left"),
    ):
        original, state, *_, text = carried_from(there, here, one_device)
        images = np.random.default_rng(2).uniform(-1, 1, (4, 8, 8, 3)).astype(np.float32)
        np.testing.assert_allclose(
            state.discriminator(images)[0], original.discriminator(images)[0], rtol=1e-5
        )
        assert words in text
        assert " 0 new" in text


def test_latents_never_become_classes(one_device):
    """5 latents and 3 classes make a kernel as large as 6 and 2."""
    there, here = named("a", "b", "c", latent_size=5), named("a", "b")
    _, _, initial, arrays, _ = carried_from(there, here, one_device)
    name = "generator/4x4_dense/kernel"
    np.testing.assert_array_equal(arrays[name], initial[name])
