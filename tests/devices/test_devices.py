"""One run on one, two and four devices: the same weights."""

import subprocess
import sys

import numpy as np
import pytest

from tests.helpers.places import ROOT


@pytest.mark.slow
def test_sgd_gives_the_same_weights_on_any_number_of_devices(shapes_at, tmp_path):
    """Each variable within 1e-6 of its largest element, which it moves by 100 times that."""
    command = [sys.executable, "-m", "tests.helpers.device_run", shapes_at(8).folder, str(tmp_path)]
    subprocess.run([*command, "1", "2", "4"], cwd=ROOT, timeout=600, check=True)
    one, *others = (np.load(tmp_path / f"{devices}.npz") for devices in (1, 2, 4))
    for many in others:
        assert many.keys() == one.keys()
        for name in [name for name in one if name.startswith("end/")]:
            size = np.abs(one[name]).max()
            assert np.abs(many[name] - one[name]).max() <= 1e-6 * size, name
            moved = np.abs(one[name] - many[name.replace("end/", "start/")]).max()
            assert moved > (0 if "/average" in name else 1e-4 * size), name
