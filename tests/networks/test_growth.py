"""Weights and optimizers find their way into the next stage by name."""

import dataclasses

import numpy as np
import pytest

from pgan_tf.config.schedule import Stage
from pgan_tf.config.training import NetworkConfig, ScheduleConfig, TrainingConfig
from pgan_tf.training.state import build_state, grow_state

NETWORK = NetworkConfig(resolution=8, latent_size=5, fmap_base=32, fmap_max=6)
CONFIG = TrainingConfig(network=NETWORK, schedule=ScheduleConfig(resolution=8))
LOWEST = Stage(0, 4, "stabilize", 0, 99)
FADING = Stage(1, 8, "fade_in", 100, 199)
FINISHED = Stage(2, 8, "stabilize", 200, 299)


def scramble(variables, seed):
    """Gives every variable values of its own."""
    random = np.random.default_rng(seed)
    for name, variable in variables.items():
        counts = name.endswith("/iterations")
        value = random.integers(1, 1000) if counts else random.random(variable.shape)
        variable.assign(value.astype(variable.dtype))
    return variables


def values(variables):
    return {name: variable.numpy() for name, variable in variables.items()}


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize(
    ("before", "after", "new", "gone"),
    [
        (LOWEST, FADING, {"8x8_conv0", "8x8_conv1", "8x8_to_rgb", "8x8_from_rgb"}, set()),
        (FADING, FINISHED, set(), {"4x4_to_rgb", "4x4_from_rgb"}),
    ],
    ids=["fade in", "stabilize"],
)
def test_growth_carries_weights_by_name_and_optimizers_if_asked(
    one_device, before, after, new, gone, keep
):
    def layers(names):
        return {name.split("/")[1] for name in names}

    config = dataclasses.replace(CONFIG, keep_optimizer_state=keep)
    previous = build_state(before, config, one_device)
    old = values(scramble(previous.weights(), 1))
    slots = values(scramble(previous.optimizer_state(), 2))
    state, carried = grow_state(previous, after, config, one_device)
    got = values(state.weights())
    assert {*carried.carried} == old.keys() & got.keys()
    assert layers(carried.new) == new and layers(old.keys() - got.keys()) == gone
    for name in carried.carried:
        np.testing.assert_array_equal(got[name], old[name], err_msg=name)
    # Where the average has no past it starts as the generator does.
    for name in carried.new:
        if name.startswith("generator/"):
            np.testing.assert_array_equal(got[f"average_{name}"], got[name])
    for name, value in values(state.optimizer_state()).items():
        expected = slots[name] if keep and name in slots else np.zeros_like(value)
        np.testing.assert_array_equal(value, expected, err_msg=name)
    for optimizer in (state.generator_optimizer, state.discriminator_optimizer):
        # The paper's Adam.
        assert (optimizer.beta_1, optimizer.beta_2, optimizer.epsilon) == (0.0, 0.99, 1e-8)
