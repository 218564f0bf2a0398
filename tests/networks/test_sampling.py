"""Latents from seeds, labels, and pictures of bytes."""

import math

import numpy as np

from pgan_tf.data.reals import to_float
from pgan_tf.networks import sampling


def philox(counter, key):
    """Philox4x32-10 (Salmon et al., 2011)."""
    counter, key = list(counter), list(key)
    for _ in range(10):
        low, high = 0xD2511F53 * counter[0], 0xCD9E8D57 * counter[2]
        counter = [
            *((high >> 32) ^ counter[1] ^ key[0], high & 0xFFFFFFFF),
            *((low >> 32) ^ counter[3] ^ key[1], low & 0xFFFFFFFF),
        ]
        key = [(key[0] + 0x9E3779B9) & 0xFFFFFFFF, (key[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return counter


def latents_in_another_language(seed, count):
    """TensorFlow's way from a seed to normal numbers, in nothing but integers and floats."""
    mixed = philox((seed & 0xFFFFFFFF, seed >> 32, 0, 0), (0x3EC8F720, 0x02461E29))
    normals = []
    for block in range(-(-count // 4)):
        bits = philox((block, 0, *mixed[2:]), mixed[:2])
        uniform = [(one & 0x7FFFFF) / 2**23 for one in bits]
        for first, second in (uniform[:2], uniform[2:]):
            radius = math.sqrt(-2 * math.log(max(first, 1e-7)))
            normals += [radius * math.sin(math.tau * second), radius * math.cos(math.tau * second)]
    return normals[:count]


def test_another_language_can_draw_the_same_latents():
    seeds = (0, 1, 2**31 - 1, 2**31, 2**40 + 1)
    expected = [latents_in_another_language(seed, 70) for seed in seeds]
    np.testing.assert_allclose(sampling.latents_from_seeds(seeds, 70), expected, atol=1e-5)
    assert sampling.latents_from_seeds([], 16).shape == (0, 16)


def test_classes_become_one_hot_rows():
    got = sampling.one_hot_labels([2, 0, 4], 3)
    np.testing.assert_array_equal(got, [[0, 0, 1], [1, 0, 0], [0, 1, 0]])
    assert got.dtype == np.float32
    assert sampling.one_hot_labels([0, 0], 0).shape == (2, 0)


def test_bytes_are_what_to_float_takes_clipped_and_rounded_to_the_nearest():
    values = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(sampling.to_uint8(to_float(values).numpy()), values)
    step = 2 / 255
    images = np.array([-7, -1, -1 + 0.4 * step, -1 + 0.6 * step, 1 - 0.6 * step, 1, 1.01, 1e9])
    got = sampling.to_uint8(images.astype(np.float32))
    assert got.dtype == np.uint8
    assert got.tolist() == [0, 0, 0, 1, 254, 255, 255, 255]
