import dataclasses

import keras
import numpy as np
import pytest

from pgan_tf.config.schedule import Stage
from pgan_tf.config.training import NetworkConfig, ScheduleConfig, TrainingConfig
from pgan_tf.devices.strategy import make_strategy
from pgan_tf.networks.discriminator import build_discriminator
from pgan_tf.networks.generator import build_generator
from pgan_tf.networks.growth import carry_weights, named_variables, optimizer_variables
from pgan_tf.training.state import build_state, grow_state
from tfrecords.common.errors import UserError

CONFIG = TrainingConfig(
    network=NetworkConfig(resolution=8, latent_size=5, fmap_base=32, fmap_max=6),
    schedule=ScheduleConfig(resolution=8),
)
LOWEST, FADING, FINISHED = (
    Stage(0, 4, "stabilize", 0, 99),
    Stage(1, 8, "fade_in", 100, 199),
    Stage(2, 8, "stabilize", 200, 299),
)


@pytest.fixture(scope="module")
def strategy():
    return make_strategy("one_device")


def scramble(variables, seed):
    """Gives every variable values of its own."""
    generator = np.random.default_rng(seed)
    for name, variable in variables.items():
        if name.endswith("/iterations"):
            variable.assign(int(generator.integers(1, 1000)))
        else:
            variable.assign(generator.random(variable.shape).astype(np.float32))


def values(variables):
    return {name: variable.numpy().copy() for name, variable in variables.items()}


def assert_equal(got, expected):
    assert got.keys() == expected.keys()
    for name in expected:
        np.testing.assert_array_equal(got[name], expected[name], err_msg=name)


def both(layers):
    return {f"{layer}/{kind}" for layer in layers for kind in ("kernel", "bias")}


def carry(build, source, target):
    return carry_weights(
        named_variables(build(source, CONFIG.network)),
        named_variables(build(target, CONFIG.network)),
    )


def test_variables_are_named_by_layer_and_kind():
    names = set(named_variables(build_generator(LOWEST, CONFIG.network)))
    assert names == both(["4x4_dense", "4x4_conv", "4x4_to_rgb"])


def test_alpha_is_not_among_the_weights():
    for build in (build_generator, build_discriminator):
        model = build(FADING, CONFIG.network)
        assert len(model.weights) == len(model.trainable_weights) + 1
        assert len(named_variables(model)) == len(model.trainable_weights)


def test_a_generators_fade_in_keeps_all_layers_and_gets_three_new_ones():
    carried = carry(build_generator, LOWEST, FADING)
    assert set(carried.carried) == both(["4x4_dense", "4x4_conv", "4x4_to_rgb"])
    assert set(carried.new) == both(["8x8_conv0", "8x8_conv1", "8x8_to_rgb"])


def test_a_discriminators_fade_in_keeps_all_layers_and_gets_three_new_ones():
    carried = carry(build_discriminator, LOWEST, FADING)
    old = ["4x4_from_rgb", "4x4_conv", "4x4_dense0", "4x4_dense1"]
    assert set(carried.carried) == both(old)
    assert set(carried.new) == both(["8x8_conv0", "8x8_conv1", "8x8_from_rgb"])


@pytest.mark.parametrize("build", [build_generator, build_discriminator])
def test_after_the_fade_in_nothing_is_new_and_the_old_pictures_layer_is_gone(build):
    carried = carry(build, FADING, FINISHED)
    assert carried.new == ()
    fading = set(named_variables(build(FADING, CONFIG.network)))
    gone = {name.split("/")[0] for name in fading - set(carried.carried)}
    assert gone == {"4x4_to_rgb" if build is build_generator else "4x4_from_rgb"}


def test_carried_variables_take_the_sources_values_and_new_ones_keep_theirs():
    source = named_variables(build_generator(LOWEST, CONFIG.network))
    target = named_variables(build_generator(FADING, CONFIG.network))
    scramble(source, 1)
    scramble(target, 2)
    expected = {**values(target), **values(source)}
    carry_weights(source, target)
    assert_equal(values(target), expected)


def test_a_shape_that_differs_is_an_error_and_changes_nothing():
    wider = dataclasses.replace(CONFIG.network, fmap_max=7)
    # Some shapes fit, such as those of to_rgb's bias: even these stay.
    source = named_variables(build_generator(LOWEST, wider))
    target = named_variables(build_generator(FADING, CONFIG.network))
    scramble(source, 1)
    scramble(target, 2)
    before = values(target)
    with pytest.raises(UserError, match=r"expected shape \(.*\), got \(.*\): ") as caught:
        carry_weights(source, target)
    assert "\n" not in str(caught.value)
    assert str(caught.value).split(":")[0] in source
    assert_equal(values(target), before)


def grow_scrambled(config, strategy, before=LOWEST, after=FADING):
    previous = build_state(before, config, strategy)
    scramble(previous.weights(), 1)
    scramble(previous.optimizer_state(), 2)
    state, carried = grow_state(previous, after, config, strategy)
    return previous, state, carried


def test_growth_carries_all_three_networks(strategy):
    previous, state, carried = grow_scrambled(CONFIG, strategy)
    old, got = values(previous.weights()), values(state.weights())
    assert set(carried.carried) == set(old)
    assert_equal({name: got[name] for name in old}, old)
    new = [name.removesuffix("/kernel") for name in carried.new if name.endswith("/kernel")]
    assert sorted(new) == sorted(
        f"{network}/8x8_{layer}"
        for network, last in (
            ("generator", "to_rgb"),
            ("average_generator", "to_rgb"),
            ("discriminator", "from_rgb"),
        )
        for layer in ("conv0", "conv1", last)
    )


def test_the_average_generator_lives_on_through_growth(strategy):
    previous, state, _ = grow_scrambled(CONFIG, strategy)
    averages = named_variables(state.average_generator)
    generators = named_variables(state.generator)
    for name, variable in named_variables(previous.average_generator).items():
        np.testing.assert_array_equal(averages[name].numpy(), variable.numpy())
        assert not np.array_equal(averages[name].numpy(), generators[name].numpy())
    # Where it has no past it begins as the generator does.
    for name in averages.keys() - named_variables(previous.average_generator).keys():
        np.testing.assert_array_equal(averages[name].numpy(), generators[name].numpy())


def test_the_average_generator_begins_as_the_generator(strategy):
    state = build_state(FADING, CONFIG, strategy)
    averages = values(named_variables(state.average_generator))
    assert_equal(averages, values(named_variables(state.generator)))
    assert any(value.any() for value in averages.values())


def test_optimizers_start_afresh_by_default(strategy):
    for stages in ((LOWEST, FADING), (FADING, FINISHED)):
        _, state, _ = grow_scrambled(CONFIG, strategy, *stages)
        for name, value in values(state.optimizer_state()).items():
            assert not value.any(), name


@pytest.mark.parametrize("stages", [(LOWEST, FADING), (FADING, FINISHED)])
def test_keep_optimizer_state_carries_slots_and_iterations(strategy, stages):
    config = dataclasses.replace(CONFIG, keep_optimizer_state=True)
    previous, state, carried = grow_scrambled(config, strategy, *stages)
    old, got = values(previous.optimizer_state()), values(state.optimizer_state())
    kept = old.keys() & got.keys()
    assert_equal({name: got[name] for name in kept}, {name: old[name] for name in kept})
    assert {"generator_optimizer/iterations", "discriminator_optimizer/iterations"} <= kept
    assert got["generator_optimizer/iterations"] > 0
    expected = {
        f"{network}_optimizer/{variable}/{slot}"
        for network, _, variable in (name.partition("/") for name in carried.carried)
        if network != "average_generator"
        for slot in ("momentum", "velocity")
    }
    assert {name for name in kept if not name.endswith("/iterations")} == expected
    for name in got.keys() - kept:
        assert not got[name].any(), name


def test_optimizer_slots_belong_to_the_variables_that_they_are_named_after():
    model = build_discriminator(FADING, CONFIG.network)
    optimizer = keras.optimizers.Adam(0.1, beta_1=0.5, beta_2=0.9)
    optimizer.build(model.trainable_variables)
    names = {id(variable): name for name, variable in named_variables(model).items()}
    gradients = [np.full(v.shape, 1.0 + i) for i, v in enumerate(model.trainable_variables)]
    optimizer.apply([keras.ops.convert_to_tensor(g, "float32") for g in gradients])
    state = values(optimizer_variables(optimizer, model))
    assert state["iterations"] == 1
    # Adam's first moments after a gradient g: (1 - beta_1) g and (1 - beta_2) g².
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        name = names[id(variable)]
        np.testing.assert_allclose(state[f"{name}/momentum"], 0.5 * gradient, rtol=1e-5)
        np.testing.assert_allclose(state[f"{name}/velocity"], 0.1 * gradient**2, rtol=1e-5)
    assert len(state) == 1 + 2 * len(gradients)


def test_the_optimizers_are_the_papers_adam(strategy):
    state = build_state(LOWEST, CONFIG, strategy)
    for optimizer in (state.generator_optimizer, state.discriminator_optimizer):
        settings = optimizer.beta_1, optimizer.beta_2, optimizer.epsilon
        assert settings == (0.0, 0.99, 1e-8)
