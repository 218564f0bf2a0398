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


def read_pickle(name):
    return official.read(str(GOLDEN / f"{name}.pkl"))


def by_letter(networks):
    parts = (networks.generator, networks.discriminator, networks.average_generator)
    return dict(zip(LETTERS, parts, strict=True))


def assert_close(got, expected):
    np.testing.assert_allclose(got, expected, rtol=0, atol=5e-5)


@pytest.mark.parametrize(("name", "lod"), EVERY_LOD)
def test_images_and_scores_of_every_case(name, lod, tmp_path):
    """Pickles of the weights that the images were measured with; read at the lod they hold."""
    case, networks = load_case(name), read_bytes(tmp_path, pickle_of_case(name, lod))
    assert networks.config == case.network
    assert networks.average_generator.lod == pytest.approx(lod)
    arrays, prefix = case.arrays, f"lod{lod:.2f}/"
    for generator in (networks.generator, networks.average_generator):
        assert generator.stage == case.stage(lod)
        assert generator.alpha == pytest.approx(1 - lod % 1)
        images = official.build(generator, lod)([arrays["latents"], arrays["labels"]])
        assert_close(images, arrays[prefix + "generated"])
    scores, label_logits = official.build(networks.discriminator, lod)(arrays[prefix + "reals"])
    assert_close(scores, arrays[prefix + "real_scores"])
    assert_close(label_logits, arrays[prefix + "real_label_logits"])


@pytest.mark.parametrize("name", ["base", "conditional", "separate_scale"])
def test_what_the_published_pickles_of_trained_networks_hold(name):
    """They were saved after five iterations, whose weights were measured too: the same bits."""
    case, networks = load_case(name), read_pickle(name)
    assert networks.config == case.network
    prefix = "train/final/" if "train_lod" in case.options else ""
    if prefix:
        lods = {letter: one.lod for letter, one in by_letter(networks).items()}
        assert lods == {"G": 0, "D": 0, "Gs": np.float32(case.options["train_lod"])}
    for letter, network in by_letter(networks).items():
        part = f"{prefix}{letter if prefix else letter[0]}/"
        assert sum(key.startswith(part) for key in case.arrays) == len(network.arrays)
        for variable, array in network.arrays.items():
            key = part + case.reference_name(letter[0], variable)
            expected = names.to_our_layout(case.arrays[key], network.kind, variable)
            np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"build_func_name": "G_other"}, "G_paper or D_paper"),
        ({"build_func_name": "D_paper"}, "which is missing"),
        ({"static_kwargs": {"resolution": 48}}, "G: resolution: expected .*48"),
        ({"static_kwargs": {"resolution": 2**40}}, "G: resolution: expected"),
        ({"static_kwargs": {"resolution": "32"}}, "resolution to be a number"),
        ({"static_kwargs": {"fmap_base": None}}, "fmap_base to be a number, got None"),
        ({"static_kwargs": {"resolution": 64}}, "expected 64x64/Conv0_up/weight, which is missing"),
        ({"static_kwargs": {"fmap_max": 8}}, "G: expected .* for the shape"),
        ({"static_kwargs": {"pixelnorm_epsilon": 1e-6}}, "pixelnorm_epsilon 1e-8, got 1e-06"),
        ({"static_kwargs": {"fmap_base": [1] * 999}}, "fmap_base to be a number, got a list"),
        ({"build_func_name": "a" * 999}, "got a{80}:"),
        ({"variables": [("lod", np.float32(np.nan))]}, "lod to be a number"),
        ({"variables": 3}, "G: expected a network .*, got other fields"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_other_networks_are_refused(changes, words, tmp_path):
    states = [state_of(load_case("base"), name) for name in LETTERS]
    for field, value in changes.items():
        states[0][field] = states[0][field] | value if isinstance(value, dict) else value
    with pytest.raises(UserError, match=rf"^[^\n]*{words}[^\n]*$") as caught:
        read_bytes(tmp_path, dump(states))
    assert len(str(caught.value)) < 300


def test_networks_that_make_no_pair_are_told(tmp_path):
    base, other = load_case("base"), load_case("conditional")
    states = [state_of(base, "G"), state_of(other, "D"), state_of(base, "Gs")]
    networks = read_bytes(tmp_path, dump(states))
    with pytest.raises(UserError, match="same resolution, got 32 and 16"):
        _ = networks.config
    networks = read_bytes(tmp_path, dump([states[0], state_of(base, "D"), state_of(other, "Gs")]))
    with pytest.raises(UserError, match="expected G and Gs with the same settings"):
        _ = networks.config
    with pytest.raises(UserError, match=r"expected \(G, D, Gs\), got discriminator, generator"):
        read_bytes(tmp_path, dump([states[1], states[0], states[2]]))


@pytest.mark.parametrize(("given", "expected"), [(0, 0), (1, 0), (2, 2)])
def test_groups_of_one_have_no_minibatch_deviation(given, expected, tmp_path):
    states = [state_of(load_case("base"), name) for name in LETTERS]
    states[0]["static_kwargs"]["mbstd_group_size"] = given
    assert read_bytes(tmp_path, dump(states)).generator.config.mbstd_group_size == expected


@pytest.mark.parametrize(
    ("lod", "index", "pixels", "alpha"),
    [
        *((9, 0, "4 px", 1), (3, 0, "4 px", 1), (2.75, 1, "4→8 px", 0.25), (2, 2, "8 px", 1)),
        *((1.5, 3, "8→16 px", 0.5), (0.0, 6, "32 px", 1), (-1, 6, "32 px", 1)),
    ],
)
def test_levels_of_detail_are_stages(lod, index, pixels, alpha):
    stage = names.stage_at_lod(lod, 32)
    assert (stage.index, str(stage), names.alpha_at_lod(lod, 32)) == (index, pixels, alpha)


# The Theano version's


@pytest.mark.parametrize(
    ("name", "lod"),
    [*(("theano", lod) for lod in (0.25, 0, 1, 1.5)), ("theano_plain", 0), ("theano_plain", 0.75)],
)
def test_pickles_of_the_theano_version_compute_what_theano_does(name, lod):
    """Written by Python 2 and computed by Theano: see `golden/theano_networks.py`."""
    networks = read_pickle(name)
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


def theano_states(**changes):
    """Networks of 4 px, whose parameters are few."""
    spec = {"resolution": 4, "fmap_base": 2, "fmap_max": 2}
    one, bias = np.float32(1), np.zeros(1)
    parameters = [np.ones((1, 2, 4, 4)), one, bias, np.ones((1, 1, 3, 3)), one, bias]
    parameters += [np.ones((1, 1)), one, bias]
    critic = [np.ones((1, 1)), one, bias, np.ones((1, 2, 3, 3)), one, bias]
    critic += [np.ones((2, 1, 4, 4)), one, np.zeros(2), np.ones((2, 1)), one, bias]
    specs = {"func": "G_paper"} | spec | changes, {"func": "D_paper"} | spec
    states = (specs[0], parameters), (specs[1], critic), (specs[0], list(parameters))
    return [
        {"build_func_spec": spec, "build_module_src": "", "param_values": values}
        for spec, values in states
    ]


@pytest.mark.parametrize("func", ["G_paper", "G_progressive_8"])
def test_a_theano_network_of_one_resolution(func, tmp_path):
    networks = read_bytes(tmp_path, dump(theano_states(func=func), module="network"))
    layers = {name.split("/")[0] for name in networks.generator.arrays}
    assert layers == {"4x4_dense", "4x4_conv", "4x4_to_rgb"}
    assert networks.generator.lod == 0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"func": "G_mnist_mode_recovery"}, "G: expected G_paper or D_paper"),
        ({"label_size": 10}, "G: G_paper: expected label_size 0, got 10"),
        ({"tanh_at_end": 1.0}, "expected tanh_at_end None, got 1.0"),
        ({"resolution": 8}, "expected the parameters of"),
        ({"use_wscale": False}, "G: G_paper: expected the parameters of"),
        ({"resolution": 6}, "resolution: expected"),
        ({"resolution": "4"}, "resolution to be a number"),
    ],
    ids=str,
)
def test_other_theano_networks_are_refused(changes, words, tmp_path):
    with pytest.raises(UserError, match=rf"^[^\n]*{words}[^\n]*$"):
        read_bytes(tmp_path, dump(theano_states(**changes), module="network"))


def test_theano_parameters_that_are_too_many_are_refused(tmp_path):
    states = theano_states()
    states[0]["param_values"].append(np.zeros(1))
    with pytest.raises(UserError, match="no parameters after ToRGB_lod0, got 1 more"):
        read_bytes(tmp_path, dump(states, module="network"))
