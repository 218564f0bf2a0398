import numpy as np
import pytest
import tensorflow as tf

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


# paper, §2
def test_reals_at_alpha_0_are_the_previous_resolutions_enlarged_and_at_1_themselves():
    images = np.random.default_rng(0).uniform(-1, 1, (3, 8, 8, 3)).astype(np.float32)
    blocks = images.reshape(3, 4, 2, 4, 2, 3).mean(axis=(2, 4))
    enlarged = blocks.repeat(2, axis=1).repeat(2, axis=2)
    for alpha, expected in ((0.0, enlarged), (1.0, images)):
        np.testing.assert_allclose(fade_reals(tf.constant(images), alpha), expected, atol=1e-6)
