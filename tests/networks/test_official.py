"""Published pickles compute what was measured; other networks are refused."""

import numpy as np
import pytest

from pgan_tf.networks import official
from pgan_tf.networks.official import names
from tests.helpers import golden_cases, official_pickles
from tests.helpers.official_pickles import read_bytes
from tfrecords.common.errors import UserError

EVERY_LOD = [
    (name, lod)
    for name in golden_cases.CASES
    for lod in golden_cases.load_case(name).options["lods"]
]
PICKLES = ("base", "conditional", "separate_scale")


def read_pickle(name):
    return official.read(str(golden_cases.GOLDEN / f"{name}.pkl"))


def check_outputs(case, lod, generators, discriminator):
    """Holds networks to the published images and scores at a level of detail."""
    arrays, prefix = case.arrays, f"lod{lod:.2f}/"
    for generator in generators:
        images = official.build(generator, lod)([arrays["latents"], arrays["labels"]])
        np.testing.assert_allclose(images, arrays[prefix + "generated"], rtol=0, atol=5e-5)
    outputs = official.build(discriminator, lod)(arrays[prefix + "reals"])
    for ours, name in zip(outputs, ("real_scores", "real_label_logits"), strict=True):
        np.testing.assert_allclose(ours, arrays[prefix + name], rtol=0, atol=5e-5)


@pytest.mark.parametrize("lod", golden_cases.load_case("separate_scale").options["lods"])
def test_images_and_scores_of_a_published_pickle(lod):
    networks = read_pickle("separate_scale")
    generators = networks.generator, networks.average_generator
    check_outputs(golden_cases.load_case("separate_scale"), lod, generators, networks.discriminator)


@pytest.mark.parametrize(("name", "lod"), EVERY_LOD)
def test_images_and_scores_of_every_case(name, lod, tmp_path):
    """Pickles of the weights that the images were measured with; read at the lod they hold."""
    networks = read_bytes(tmp_path, official_pickles.pickle_of_case(name, lod))
    case = golden_cases.load_case(name)
    assert networks.config == case.network
    assert networks.average_generator.lod == pytest.approx(lod)
    generators = networks.generator, networks.average_generator
    check_outputs(case, lod, generators, networks.discriminator)


@pytest.mark.parametrize("name", ["base", "conditional"])
def test_what_the_published_pickles_of_trained_networks_hold(name):
    """They were saved after five iterations, whose weights were measured too: the same bits."""
    case, networks = golden_cases.load_case(name), read_pickle(name)
    assert networks.config == case.network
    lods = [one.lod for one in (networks.generator, networks.discriminator)]
    assert lods == [0, 0]
    assert networks.average_generator.lod == np.float32(case.options["train_lod"])
    for letter, network in (
        ("G", networks.generator),
        ("D", networks.discriminator),
        ("Gs", networks.average_generator),
    ):
        prefix = f"train/final/{letter}/"
        measured = {key for key in case.arrays if key.startswith(prefix)}
        assert len(measured) == len(network.arrays)
        for variable, array in network.arrays.items():
            key = prefix + case.reference_name(letter[0], variable)
            expected = names.to_our_layout(case.arrays[key], network.kind, variable)
            np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"build_func_name": "G_other"}, "G_paper or D_paper"),
        ({"static_kwargs": {"resolution": 48}}, "G: resolution: expected .*48"),
        ({"static_kwargs": {"resolution": 2**40}}, "G: resolution: expected"),
        ({"static_kwargs": {"resolution": "32"}}, "resolution to be a number"),
        ({"static_kwargs": {"fmap_base": None}}, "fmap_base to be a number, got None"),
        ({"static_kwargs": {"resolution": 64}}, "expected 64x64/Conv0_up/weight, which is missing"),
        ({"static_kwargs": {"fmap_max": 8}}, "G: expected .* for the shape"),
        ({"static_kwargs": {"pixelnorm_epsilon": 1e-6}}, "pixelnorm_epsilon"),
        ({"variables": [("lod", np.float32(np.nan))]}, "lod to be a number"),
        ({"variables": 3}, "other fields"),
        ({"build_func_name": "D_paper"}, "which is missing"),
    ],
    ids=str,
)
def test_other_networks_are_refused(changes, words, tmp_path):
    case = golden_cases.load_case("base")
    states = [official_pickles.state_of(case, name) for name in ("G", "D", "Gs")]
    for field, value in changes.items():
        states[0][field] = states[0][field] | value if isinstance(value, dict) else value
    with pytest.raises(UserError, match=words) as caught:
        read_bytes(tmp_path, official_pickles.dump(states))
    assert "\n" not in str(caught.value)


def test_networks_that_make_no_pair_are_told(tmp_path):
    states = [
        official_pickles.state_of(golden_cases.load_case(case), name)
        for case, name in (("base", "G"), ("conditional", "D"), ("base", "Gs"))
    ]
    networks = read_bytes(tmp_path, official_pickles.dump(states))
    with pytest.raises(UserError, match="same resolution, got 32 and 16"):
        _ = networks.config
    swapped = official_pickles.dump([states[1], states[0], states[2]])
    with pytest.raises(UserError, match=r"expected \(G, D, Gs\)"):
        read_bytes(tmp_path, swapped)


def test_levels_of_detail_beyond_the_ends():
    assert (names.stage_at_lod(9, 32).resolution, names.alpha_at_lod(9, 32)) == (4, 1)
    assert (names.stage_at_lod(-1, 32).resolution, names.alpha_at_lod(-1, 32)) == (32, 1)
    stage = names.stage_at_lod(2.75, 32)
    assert (stage.index, str(stage), names.alpha_at_lod(2.75, 32)) == (1, "4→8 px", 0.25)
    assert [names.stage_at_lod(lod, 32).index for lod in (3, 2, 1.5, 0.0)] == [0, 2, 3, 6]


EVERY_THEANO_LOD = [
    *[("theano", lod) for lod in (0.25, 0, 1, 1.5)],
    *[("theano_plain", lod) for lod in (0, 0.75)],
]


@pytest.mark.parametrize(("name", "lod"), EVERY_THEANO_LOD)
def test_pickles_of_the_theano_version_compute_what_theano_does(name, lod):
    """Written by Python 2 and computed by Theano: see `golden/theano_networks.py`."""
    networks = read_pickle(name)
    with np.load(golden_cases.GOLDEN / f"{name}.npz") as file:
        arrays = {key: file[key] for key in file.files}
    latents = [arrays["latents"], np.zeros((len(arrays["latents"]), 0), np.float32)]
    prefix = f"lod{lod:.2f}/"
    for letter, network in (("G", networks.generator), ("Gs", networks.average_generator)):
        images = official.build(network, lod)(latents).numpy()
        scale = 2 ** int(lod)  # Theano draws in full size.
        images = images.repeat(scale, axis=1).repeat(scale, axis=2)
        np.testing.assert_allclose(images, arrays[prefix + letter], rtol=0, atol=5e-5)
    reals = arrays["images"]
    n, size, _, channels = reals.shape
    smaller = size >> int(lod)
    reals = reals.reshape(n, smaller, size // smaller, smaller, size // smaller, channels)
    scores, _ = official.build(networks.discriminator, lod)(reals.mean(axis=(2, 4)))
    np.testing.assert_allclose(scores, arrays[prefix + "D"], rtol=0, atol=5e-5)
    assert networks.generator.lod == arrays["lods"][0]
    assert networks.config.fused_scale is False
    assert networks.config.mbstd_group_size == 16


def theano_states(**changes):
    """Networks of 4 px, whose parameters are few."""
    spec = {"func": "G_paper", "resolution": 4, "fmap_base": 2, "fmap_max": 2, **changes}
    one = np.float32(1)
    parameters = [np.ones((1, 2, 4, 4)), one, np.zeros(1), np.ones((1, 1, 3, 3)), one, np.zeros(1)]
    parameters += [np.ones((1, 1)), one, np.zeros(1)]
    critic = {"func": "D_paper", "resolution": 4, "fmap_base": 2, "fmap_max": 2}
    critic_parameters = [np.ones((1, 1)), one, np.zeros(1), np.ones((1, 2, 3, 3)), one, np.zeros(1)]
    critic_parameters += [
        np.ones((2, 1, 4, 4)),
        one,
        np.zeros(2),
        np.ones((2, 1)),
        one,
        np.zeros(1),
    ]
    states = [(spec, parameters), (critic, critic_parameters), (spec, list(parameters))]
    return [
        {"build_func_spec": spec, "build_module_src": "", "param_values": values}
        for spec, values in states
    ]


def test_a_theano_network_of_one_resolution(tmp_path):
    networks = read_bytes(tmp_path, official_pickles.dump(theano_states(), module="network"))
    assert sorted(networks.generator.arrays) == sorted(
        f"4x4_{layer}/{variable}"
        for layer in ("dense", "conv", "to_rgb")
        for variable in ("kernel", "bias")
    )


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
    states = theano_states(**changes)
    with pytest.raises(UserError, match=words) as caught:
        read_bytes(tmp_path, official_pickles.dump(states, module="network"))
    assert "\n" not in str(caught.value)


def test_theano_parameters_that_are_too_many_are_refused(tmp_path):
    states = theano_states()
    states[0]["param_values"].append(np.zeros(1))
    with pytest.raises(UserError, match="no parameters after ToRGB_lod0, got 1 more"):
        read_bytes(tmp_path, official_pickles.dump(states, module="network"))
