import numpy as np
import pytest

from pgan_tf.data.reals import fade_reals, to_float
from tests.helpers.places import TESTS

REALS = np.load(TESTS / "golden" / "process_reals.npz")


@pytest.mark.parametrize("lod", [name for name in REALS.files if name != "input"])
def test_reals_fade_as_published(lod):
    images = to_float(REALS["input"])
    fraction = float(lod.removeprefix("lod")) % 1
    if fraction:
        images = fade_reals(images, 1 - fraction)
    np.testing.assert_allclose(images, REALS[lod], rtol=0, atol=1e-6)


def test_bytes_0_and_255_become_exactly_minus_1_and_1():
    np.testing.assert_array_equal(to_float(np.array([0, 255], np.uint8)), [-1, 1])
