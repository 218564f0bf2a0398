"""Latents from seeds, labels, and pictures of bytes."""

import math

import numpy as np
import pytest

from pgan_tf.config.schedule import Stage
from pgan_tf.config.training import NetworkConfig
from pgan_tf.data.reals import to_float
from pgan_tf.networks import sampling
from pgan_tf.networks.generator import build_generator

SMALL = NetworkConfig(resolution=8, latent_size=6, label_size=3, fmap_base=32, fmap_max=6)


def test_a_seed_gives_the_same_latents_whatever_the_company():
    alone = sampling.latents_from_seeds([7], 16)
    assert (alone.shape, alone.dtype) == ((1, 16), np.float32)
    company = sampling.latents_from_seeds([1, 7, 3, 7], 16)
    np.testing.assert_array_equal(company[[1, 3]], alone[[0, 0]])
    assert sampling.latents_from_seeds([], 16).shape == (0, 16)


def test_neighboring_seeds_give_unrelated_latents_of_a_standard_normal_distribution():
    latents = sampling.latents_from_seeds(range(100, 164), 512)
    correlations = np.corrcoef(latents)[np.triu_indices(64, 1)]
    # 2016 of them, of deviation 1 / sqrt(512) = 0.044.
    assert np.abs(correlations).max() < 6 * 0.0442
    count = latents.size
    assert abs(latents.mean()) < 5 / np.sqrt(count)
    assert abs(latents.var() - 1) < 5 * np.sqrt(2 / count)
    # Within one, two and three deviations: 68.27, 95.45 and 99.73 of a hundred.
    for deviations, share in ((1, 0.6827), (2, 0.9545), (3, 0.9973)):
        got = (np.abs(latents) < deviations).mean()
        assert got == pytest.approx(share, abs=5 * np.sqrt(share * (1 - share) / count))


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


@pytest.mark.parametrize("seed", [0, 1, 1000, 2**31 - 1, 2**31, 2**40 + 1])
def test_another_language_can_draw_the_same_latents(seed):
    (got,) = sampling.latents_from_seeds([seed], 70)
    np.testing.assert_allclose(got, latents_in_another_language(seed, 70), atol=1e-5)


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


def test_generated_pictures_do_not_depend_on_the_batch_size():
    generator = build_generator(Stage(0, 8, "stabilize", 0, 9), SMALL)
    latents = sampling.latents_from_seeds(range(7), 6)
    labels = sampling.one_hot_labels(range(7), 3)
    expected = sampling.to_uint8(generator([latents, labels]).numpy())
    assert expected.std() > 5
    for batch_size in (1, 3, 7, 16):
        got = sampling.generate(generator, latents, labels, batch_size)
        assert (got.shape, got.dtype) == ((7, 8, 8, 3), np.uint8)
        # A rounding at the border between two bytes may go either way.
        assert np.abs(got.astype(int) - expected).max() <= 1
