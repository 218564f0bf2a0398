"""Weights and optimizers find their way into the next stage by name."""

import dataclasses

import keras
import numpy as np
import pytest

from pgan_tf.config.schedule import Stage
from pgan_tf.config.training import NetworkConfig, ScheduleConfig, TrainingConfig
from pgan_tf.networks.discriminator import build_discriminator
from pgan_tf.networks.generator import build_generator
from pgan_tf.networks.growth import carry_weights, named_variables, optimizer_variables
from pgan_tf.training.state import build_state, grow_state
from tfrecords.common.errors import UserError

NETWORK = NetworkConfig(resolution=8, latent_size=5, fmap_base=32, fmap_max=6)
CONFIG = TrainingConfig(network=NETWORK, schedule=ScheduleConfig(resolution=8))
LOWEST, FADING, FINISHED = STAGES = (
    Stage(0, 4, "stabilize", 0, 99),
    Stage(1, 8, "fade_in", 100, 199),
    Stage(2, 8, "stabilize", 200, 299),
)
BUILD = {"generator": build_generator, "discriminator": build_discriminator}
# The layers of the first stage, and those that come with the second.
FIRST = {
    "generator": ("4x4_dense", "4x4_conv", "4x4_to_rgb"),
    "discriminator": ("4x4_from_rgb", "4x4_conv", "4x4_dense0", "4x4_dense1"),
}
SECOND = {
    "generator": ("8x8_conv0", "8x8_conv1", "8x8_to_rgb"),
    "discriminator": ("8x8_conv0", "8x8_conv1", "8x8_from_rgb"),
}


def scramble(variables, seed):
    """Gives every variable values of its own."""
    random = np.random.default_rng(seed)
    for name, variable in variables.items():
        counts = name.endswith("/iterations")
        value = random.integers(1, 1000) if counts else random.random(variable.shape)
        variable.assign(value.astype(variable.dtype))
    return variables


def values(variables):
    return {name: variable.numpy().copy() for name, variable in variables.items()}


def assert_equal(got, expected):
    assert got.keys() == expected.keys()
    for name in expected:
        np.testing.assert_array_equal(got[name], expected[name], err_msg=name)


def both(layers):
    return {f"{layer}/{kind}" for layer in layers for kind in ("kernel", "bias")}


@pytest.mark.parametrize("network", BUILD)
def test_a_fade_in_keeps_all_layers_and_gets_three_new_ones(network):
    old, new = both(FIRST[network]), both(SECOND[network])
    models = [BUILD[network](stage, NETWORK) for stage in STAGES]
    lowest, fading, finished = map(named_variables, models)
    assert set(lowest) == old
    assert len(models[1].weights) == len(fading) + 1  # alpha is no weight
    scramble(lowest, 1)
    scramble(fading, 2)
    expected = {**values(fading), **values(lowest)}
    carried = carry_weights(lowest, fading)
    assert (set(carried.carried), set(carried.new)) == (old, new)
    assert_equal(values(fading), expected)
    carried = carry_weights(fading, finished)
    gone = {name for name in old if "rgb" in name}
    assert carried.new == () and set(fading) - set(carried.carried) == gone


def test_a_shape_that_differs_is_an_error_and_changes_nothing():
    wider = dataclasses.replace(NETWORK, fmap_max=7)
    # Some shapes fit, such as those of to_rgb's bias: even these stay.
    source = scramble(named_variables(build_generator(LOWEST, wider)), 1)
    target = scramble(named_variables(build_generator(FADING, NETWORK)), 2)
    before = values(target)
    with pytest.raises(UserError, match=r"^4x4_dense/kernel: .* \(5, 96\), got \(5, 112\): ."):
        carry_weights(source, target)
    assert_equal(values(target), before)


def grow_scrambled(config, strategy, before, after):
    previous = build_state(before, config, strategy)
    scramble(previous.weights(), 1)
    scramble(previous.optimizer_state(), 2)
    return previous, *grow_state(previous, after, config, strategy)


def test_growth_carries_all_three_networks_and_starts_optimizers_afresh(one_device):
    previous, state, carried = grow_scrambled(CONFIG, one_device, LOWEST, FADING)
    old, got = values(previous.weights()), values(state.weights())
    assert set(carried.carried) == set(old)
    assert_equal({name: got[name] for name in old}, old)
    new = both(SECOND["generator"])
    expected = {f"{kind}generator/{name}" for kind in ("", "average_") for name in new}
    expected |= {f"discriminator/{name}" for name in both(SECOND["discriminator"])}
    assert set(carried.new) == expected
    # Where the average has no past it starts as the generator does.
    for name in new:
        np.testing.assert_array_equal(got[f"average_generator/{name}"], got[f"generator/{name}"])
    assert any(got[f"average_generator/{name}"].any() for name in new)
    for name, value in values(state.optimizer_state()).items():
        assert not value.any(), name
    for optimizer in (state.generator_optimizer, state.discriminator_optimizer):
        # The paper's Adam.
        assert (optimizer.beta_1, optimizer.beta_2, optimizer.epsilon) == (0.0, 0.99, 1e-8)


@pytest.mark.parametrize("stages", [(LOWEST, FADING), (FADING, FINISHED)])
def test_keep_optimizer_state_carries_slots_and_iterations(one_device, stages):
    config = dataclasses.replace(CONFIG, keep_optimizer_state=True)
    previous, state, carried = grow_scrambled(config, one_device, *stages)
    old, got = values(previous.optimizer_state()), values(state.optimizer_state())
    kept = old.keys() & got.keys()
    assert_equal({name: got[name] for name in kept}, {name: old[name] for name in kept})
    assert got["generator_optimizer/iterations"] > 0
    expected = {f"{network}_optimizer/iterations" for network in ("generator", "discriminator")}
    for name in carried.carried:
        network, _, variable = name.partition("/")
        if network != "average_generator":
            expected |= {f"{network}_optimizer/{variable}/{s}" for s in ("momentum", "velocity")}
    assert kept == expected
    for name in got.keys() - kept:
        assert not got[name].any(), name


def test_optimizer_slots_belong_to_the_variables_that_they_are_named_after():
    model = build_discriminator(FADING, NETWORK)
    optimizer = keras.optimizers.Adam(0.1, beta_1=0.5, beta_2=0.9)
    optimizer.build(model.trainable_variables)
    gradients = {name: 1.0 + i for i, name in enumerate(named_variables(model))}
    of_variable = {id(one): gradients[name] for name, one in named_variables(model).items()}
    optimizer.apply(
        [keras.ops.full(one.shape, of_variable[id(one)]) for one in model.trainable_variables]
    )
    state = values(optimizer_variables(optimizer, model))
    assert state.pop("iterations") == 1
    # Adam's first moments after a gradient g: (1 - beta_1) g and (1 - beta_2) g².
    for name, gradient in gradients.items():
        np.testing.assert_allclose(state.pop(f"{name}/momentum"), 0.5 * gradient, rtol=1e-5)
        np.testing.assert_allclose(state.pop(f"{name}/velocity"), 0.1 * gradient**2, rtol=1e-5)
    assert not state
