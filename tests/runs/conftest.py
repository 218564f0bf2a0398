"""A checkpoint that tests of several files read."""

import dataclasses

import numpy as np
import pytest

from pgan_tf.config.schedule import make_stages
from pgan_tf.config.training import NetworkConfig, ScheduleConfig, TrainingConfig
from pgan_tf.devices.strategy import make_strategy
from pgan_tf.training.state import build_state
from tests.helpers.small_run import save_state

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
    return {name: variable.numpy() for name, variable in variables.items()}


@pytest.fixture(scope="session")
def saved(tmp_path_factory):
    """A state, which is not to be changed, and the path of its checkpoint."""
    state = make_state()
    folder = str(tmp_path_factory.mktemp("run") / "checkpoints")
    return state, save_state(folder, state, 1250, CONFIG)
