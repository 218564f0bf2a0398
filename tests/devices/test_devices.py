"""One run on one, two and four devices: the same weights."""

import subprocess
import sys

import numpy as np
import pytest

from tests.helpers.device_run import ADAM_STEPS, LEARNING_RATE
from tests.helpers.places import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def runs(shapes_at, tmp_path_factory):
    """What device_run.py wrote, by the number of devices: weights by `OPTIMIZER/…`."""
    folder = tmp_path_factory.mktemp("devices")
    command = [sys.executable, "-m", "tests.helpers.device_run", shapes_at(8).folder, str(folder)]
    subprocess.run([*command, "1", "2", "4"], cwd=ROOT, timeout=600, check=True)
    return {devices: dict(np.load(folder / f"{devices}.npz")) for devices in (1, 2, 4)}


def of(arrays, prefix):
    return {name: value for name, value in arrays.items() if name.startswith(prefix)}


@pytest.mark.parametrize("devices", [2, 4])
def test_sgd_gives_the_same_weights_on_any_number_of_devices(runs, devices):
    """Each variable within 1e-6 of its largest element, which it moves by 100 times that."""
    one, many = of(runs[1], "sgd/"), of(runs[devices], "sgd/")
    assert one.keys() == many.keys()
    for name, value in one.items():
        size = np.abs(value).max()
        assert np.abs(many[name] - value).max() <= 1e-6 * size, name
        moved = np.abs(value - runs[devices][name.replace("sgd/", "start/")]).max()
        assert moved > (0 if name.startswith("sgd/average") else 1e-4 * size), name


def test_adam_gives_nearly_the_same_weights_on_any_number_of_devices(runs):
    """Twenty steps: 99.9% of the elements within a hundredth of one step, all within two steps.

    Sums of gradients round differently on other devices, by about 1e-6 of their size, which over
    20 steps grows to a few millionths of a step. But in the very first step Adam (beta_1 = 0)
    divides a gradient by its own size, so that an element moves by a whole step whichever sign it
    has: one that is 0 but for rounding may go up here and down there, two steps apart.
    """
    one, many = of(runs[1], "adam/"), of(runs[2], "adam/")
    assert one.keys() == many.keys()
    step = LEARNING_RATE["adam"]
    apart = np.concatenate([np.abs(many[name] - value).ravel() for name, value in one.items()])
    assert np.quantile(apart, 0.999) <= 1e-2 * step
    assert apart.max() <= 2 * step
    # By far less than training moves them. (SGD starts with other biases only.)
    kernel = "generator/8x8_conv0/kernel"
    moved = np.abs(one[f"adam/{kernel}"] - runs[1][f"start/{kernel}"]).max()
    assert moved > ADAM_STEPS * step / 4
