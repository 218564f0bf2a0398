"""Published pickles compute what was measured; other networks are refused."""

import numpy as np
import pytest

from pgan_tf.networks import official
from pgan_tf.networks.official import names
from tests.helpers import golden_cases
from tests.helpers.golden_cases import GOLDEN, load_case
from tests.helpers.official_pickles import dump, pickle_of_case, read_bytes, state_of
from tfrecords.common.errors import UserError

EVERY_LOD = [(name, lod) for name in golden_cases.CASES for lod in load_case(name).options["lods"]]
LETTERS = ("G", "D", "Gs")


def states_of(name, **changes):
    """The saved networks of a case, with other fields or arguments in the generator."""
    states = [state_of(load_case(name), letter) for letter in LETTERS]
    for field, value in changes.items():
        states[0][field] = states[0][field] | value if isinstance(value, dict) else value
    return states


def assert_close(got, expected):
    np.testing.assert_allclose(got, expected, rtol=0, atol=5e-5)


def assert_refused(folder, words, data):
    with pytest.raises(UserError, match=rf"^[^\n]*{words}[^\n]*$") as caught:
        _ = read_bytes(folder, data).config
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(("name", "lod"), EVERY_LOD)
def test_images_and_scores_of_every_case(name, lod, tmp_path):
    """Pickles of the weights that the images were measured with; read at the lod they hold."""
    case, networks = load_case(name), read_bytes(tmp_path, pickle_of_case(name, lod))
    assert networks.config == case.network
    arrays, prefix = case.arrays, f"lod{lod:.2f}/"
    for generator in (networks.generator, networks.average_generator):
        assert generator.stage == case.stage(lod)
        assert (generator.lod, generator.alpha) == pytest.approx((lod, 1 - lod % 1))
        images = official.build(generator)([arrays["latents"], arrays["labels"]])
        assert_close(images, arrays[prefix + "generated"])
    found = official.build(networks.discriminator, lod)(arrays[prefix + "reals"])
    for ours, key in zip(found, ("real_scores", "real_label_logits"), strict=True):
        np.testing.assert_allclose(ours, arrays[prefix + key], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["base", "conditional", "separate_scale"])
def test_the_published_files_hold_the_weights_after_five_iterations(name):
    case, networks = load_case(name), official.read(str(GOLDEN / f"{name}.pkl"))
    assert networks.config == case.network
    trained = "train_lod" in case.options
    if trained:
        lods = [networks.generator.lod, networks.discriminator.lod, networks.average_generator.lod]
        assert lods == [0, 0, np.float32(case.options["train_lod"])]
    parts = networks.generator, networks.discriminator, networks.average_generator
    for letter, network in zip(LETTERS, parts, strict=True):
        prefix = f"train/final/{letter}/" if trained else f"{letter[0]}/"
        assert sum(key.startswith(prefix) for key in case.arrays) == len(network.arrays)
        for variable, array in network.arrays.items():
            key = prefix + case.reference_name(letter[0], variable)
            expected = names.to_our_layout(case.arrays[key], network.kind, variable)
            np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"build_func_name": "a" * 999}, "G_paper or D_paper, got a{80}:"),
        ({"build_func_name": "D_paper"}, "which is missing"),
        ({"static_kwargs": {"resolution": 2**40}}, "G: resolution: expected"),
        ({"static_kwargs": {"fmap_base": [1] * 999}}, "fmap_base to be a number, got a list"),
        ({"static_kwargs": {"resolution": 64}}, "expected 64x64/Conv0_up/weight, which is missing"),
        ({"static_kwargs": {"fmap_max": 8}}, "G: expected .* for the shape"),
        ({"static_kwargs": {"pixelnorm_epsilon": 1e-6}}, "pixelnorm_epsilon 1e-8, got 1e-06"),
        ({"variables": [("lod", np.float32(np.nan))]}, "lod to be a number"),
        ({"variables": 3}, "G: expected a network .*, got other fields"),
    ],
    ids=range(9),
)
def test_other_networks_are_refused(changes, words, tmp_path):
    assert_refused(tmp_path, words, dump(states_of("base", **changes)))


def test_networks_that_make_no_pair_are_refused(tmp_path):
    (ours, critic, average), others = states_of("base"), states_of("conditional")
    for states, words in (
        ([ours, others[1], average], "same resolution, got 32 and 16"),
        ([ours, critic, others[2]], "expected G and Gs with the same settings"),
        ([critic, ours, average], r"expected \(G, D, Gs\), got discriminator, generator"),
    ):
        assert_refused(tmp_path, words, dump(states))


@pytest.mark.parametrize(("given", "expected"), [(1, 0), (2, 2)])
def test_groups_of_one_have_no_minibatch_deviation(given, expected, tmp_path):
    states = states_of("base", static_kwargs={"mbstd_group_size": given})
    assert read_bytes(tmp_path, dump(states)).generator.config.mbstd_group_size == expected


# The Theano version's


@pytest.mark.parametrize(
    ("name", "lod"),
    [*(("theano", lod) for lod in (0.25, 0, 1, 1.5)), ("theano_plain", 0), ("theano_plain", 0.75)],
)
def test_pickles_of_the_theano_version_compute_what_theano_does(name, lod):
    """Written by Python 2 and computed by Theano: see `golden/README.md`."""
    networks = official.read(str(GOLDEN / f"{name}.pkl"))
    with np.load(GOLDEN / f"{name}.npz") as file:
        arrays = {key: file[key] for key in file.files}
    assert networks.generator.lod == arrays["lods"][0]
    assert (networks.config.fused_scale, networks.config.mbstd_group_size) == (False, 16)
    latents = [arrays["latents"], np.zeros((len(arrays["latents"]), 0), np.float32)]
    prefix, scale = f"lod{lod:.2f}/", 2 ** int(lod)  # Theano draws in full size.
    for letter, network in (("G", networks.generator), ("Gs", networks.average_generator)):
        images = official.build(network, lod)(latents).numpy()
        assert_close(images.repeat(scale, axis=1).repeat(scale, axis=2), arrays[prefix + letter])
    n, size, _, channels = arrays["images"].shape
    smaller = (n, size // scale, scale, size // scale, scale, channels)
    reals = arrays["images"].reshape(smaller).mean(axis=(2, 4))
    scores, _ = official.build(networks.discriminator, lod)(reals)
    assert_close(scores, arrays[prefix + "D"])


def theano_pickle(more=(), **changes):
    """Networks of 4 px, whose parameters are few; with more of them and other arguments in G."""
    spec = {"resolution": 4, "fmap_base": 2, "fmap_max": 2}
    one, bias = np.float32(1), np.zeros(1)
    generator = [np.ones((1, 2, 4, 4)), one, bias, np.ones((1, 1, 3, 3)), one, bias]
    generator += [np.ones((1, 1)), one, bias]
    critic = [np.ones((1, 1)), one, bias, np.ones((1, 2, 3, 3)), one, bias]
    critic += [np.ones((2, 1, 4, 4)), one, np.zeros(2), np.ones((2, 1)), one, bias]
    of_generator, of_critic = {"func": "G_paper"} | spec | changes, {"func": "D_paper"} | spec
    states = [(of_generator, [*generator, *more]), (of_critic, critic), (of_generator, generator)]
    fields = ("build_func_spec", "param_values")
    return dump([dict(zip(fields, state, strict=True)) for state in states], module="network")


@pytest.mark.parametrize("func", ["G_paper", "G_progressive_8"])
def test_a_theano_network_of_one_resolution(func, tmp_path):
    generator = read_bytes(tmp_path, theano_pickle(func=func)).generator
    layers = {name.split("/")[0] for name in generator.arrays}
    assert layers == {"4x4_dense", "4x4_conv", "4x4_to_rgb"}
    assert generator.lod == 0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"func": "G_mnist_mode_recovery"}, "G: expected G_paper or D_paper"),
        ({"label_size": 10}, "G: G_paper: expected label_size 0, got 10"),
        ({"tanh_at_end": 1.0}, "expected tanh_at_end None, got 1.0"),
        ({"use_wscale": False}, "G: G_paper: expected the parameters of"),
        ({"resolution": 6}, "resolution: expected"),
        ({"more": [np.zeros(1)]}, "no parameters after ToRGB_lod0, got 1 more"),
    ],
    ids=str,
)
def test_other_theano_networks_are_refused(changes, words, tmp_path):
    assert_refused(tmp_path, words, theano_pickle(**changes))
