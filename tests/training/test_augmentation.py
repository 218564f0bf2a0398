"""Augmentation: what Zhao et al. (2020) say of each transform, and its derivatives."""

import numpy as np
import pytest
import tensorflow as tf

from pgan_tf.training.augmentation import Transforms, augment, draw_transforms
from tests.helpers.random_arrays import assert_close, normal

BATCH = 6
IMAGES = normal(BATCH, 16, 16, 3, seed=1)
ZERO, ONE = np.zeros(BATCH, np.float32), np.ones(BATCH, np.float32)
NONE = Transforms(ZERO, ONE, ONE, ZERO, ZERO, ZERO, ZERO, ZERO)
DRAWN = draw_transforms(10_000, (1, 2), 1.0)


def apply(images=IMAGES, **changes):
    changes = {name: np.broadcast_to(np.float32(one), BATCH) for name, one in changes.items()}
    return augment(tf.constant(images), NONE._replace(**changes)).numpy()


def test_strength_0_changes_nothing_and_strength_is_the_probability_of_each_of_the_three():
    assert_close(augment(tf.constant(IMAGES), draw_transforms(BATCH, (1, 2), 0.0)), IMAGES)
    drawn = draw_transforms(10_000, (1, 2), 0.3)
    gates = np.stack([drawn.brightness != 0, drawn.down != 0, drawn.cutout != 0])
    assert gates.mean(axis=1) == pytest.approx([0.3] * 3, abs=0.02)
    assert abs(np.corrcoef(gates)[np.triu_indices(3, 1)]).max() < 0.05
    for moved, still in (("saturation", 1), ("contrast", 1), ("right", 0)):
        where = gates[1 if moved == "right" else 0]
        np.testing.assert_array_equal(getattr(drawn, moved) != still, where)


def test_ranges_are_the_papers():
    ranges = {"brightness": (-0.5, 0.5), "saturation": (0, 2), "contrast": (0.5, 1.5)}
    ranges |= dict.fromkeys(("down", "right"), (-1, 1))
    ranges |= dict.fromkeys(("cutout_down", "cutout_right"), (0, 1))
    for name, (low, high) in ranges.items():
        values = getattr(DRAWN, name).numpy()
        assert low <= values.min() < low + 0.01 and high - 0.01 < values.max() <= high, name
    assert all(DRAWN.cutout == 1)


def test_colors_change_as_the_paper_says():
    mean = IMAGES.mean(axis=(1, 2, 3), keepdims=True)
    gray = IMAGES.mean(axis=3, keepdims=True)
    assert_close(apply(brightness=0.25), IMAGES + 0.25)
    assert_close(apply(saturation=0), np.broadcast_to(gray, IMAGES.shape))
    assert_close(apply(saturation=2), 2 * IMAGES - gray)
    assert_close(apply(contrast=0.5), (IMAGES + mean) / 2)
    assert_close(apply(brightness=0.5, contrast=1.5), 1.5 * (IMAGES - mean) + mean + 0.5)


def test_of_transparent_pictures_the_straight_color_changes_and_alpha_does_not():
    """What is opaque changes like RGB, half of it by half as much, and nothing stays nothing."""
    changes = {"brightness": 0.2, "saturation": 1.7, "contrast": 0.6}
    expected = apply(IMAGES, **changes)
    for opacity in (1.0, 0.5):
        opaque = np.full((*IMAGES.shape[:3], 1), 2 * opacity - 1, np.float32)
        premultiplied = (IMAGES + 1) * opacity - 1
        got = apply(np.concatenate([premultiplied, opaque], axis=3), **changes)
        assert_close((got[..., :3] + 1) / opacity - 1, expected)
        np.testing.assert_array_equal(got[..., 3:], opaque)
    half = np.concatenate([IMAGES, np.ones((*IMAGES.shape[:3], 1), np.float32)], axis=3)
    half[:, :, 8:] = -1  # nothing at the right
    got = apply(half, **changes)
    np.testing.assert_array_equal(got[:, :, 8:], half[:, :, 8:])
    left = IMAGES[:, :, :8]  # twice, it has the mean of what is seen
    expected = apply(np.concatenate([left, left], axis=2), **changes)
    assert_close(got[:, :, :8, :3], expected[:, :, :8])
    moved = apply(half, right=1)  # by an eighth, all four
    assert_close(moved[:, :, 2:], half[:, :, :-2])


def shifted(images, down, right):
    """By numpy, with 0 where nothing was."""
    padded = np.pad(images, ((0, 0), (16, 16), (16, 16), (0, 0)))
    side = images.shape[1]
    return padded[:, 16 - down :, 16 - right :][:, :side, :side]


@pytest.mark.parametrize(("side", "largest"), [(4, 0), (8, 1), (16, 2)])
def test_a_shift_is_of_whole_pixels_an_eighth_of_the_side_at_most(side, largest):
    images = IMAGES[:, :side, :side]
    assert_close(apply(images, down=1, right=-1), shifted(images, largest, -largest))
    assert_close(apply(images, down=-0.99), shifted(images, -largest, 0))
    # Each number of pixels is as likely as any other.
    rows = np.broadcast_to(np.arange(1.0, side + 1)[:, None, None], (10_000, side, 1, 1))
    of_shift = Transforms(*(np.resize(one, 10_000) for one in NONE))._replace(down=DRAWN.down)
    tops = augment(tf.constant(rows.repeat(side, axis=2), tf.float32), of_shift)[:, side // 2, 0, 0]
    pixels, counts = np.unique(side // 2 + 1 - tops.numpy().round(), return_counts=True)
    assert pixels.tolist() == [*range(-largest, largest + 1)]
    assert counts / 10_000 == pytest.approx(1 / (2 * largest + 1), abs=0.02)


@pytest.mark.parametrize("side", [4, 8, 16])
def test_a_cut_out_square_has_half_the_side_and_may_lie_half_outside(side):
    images = np.ones((BATCH, side, side, 3), np.float32)
    half = side // 2
    middle = apply(images, cutout=1, cutout_down=0.5, cutout_right=0.5)
    expected = images.copy()
    expected[:, half // 2 : half // 2 + half, half // 2 : half // 2 + half] = 0
    np.testing.assert_array_equal(middle, expected)
    corner = apply(images, cutout=1, cutout_down=0, cutout_right=0.999)
    expected = images.copy()
    expected[:, : half // 2, side - half // 2 :] = 0
    np.testing.assert_array_equal(corner, expected)


def test_each_picture_has_its_own_and_many_devices_share_one_draw():
    """A part of the global batch, every other picture, is transformed as within the whole."""
    drawn = draw_transforms(BATCH, (3, 4), 1.0)
    whole = augment(tf.constant(IMAGES), drawn).numpy()
    part = augment(tf.constant(IMAGES[1::2]), Transforms(*(one[1::2] for one in drawn)))
    np.testing.assert_array_equal(part, whole[1::2])
    same = augment(tf.constant(np.broadcast_to(IMAGES[:1], IMAGES.shape)), drawn).numpy()
    assert len({one.tobytes() for one in same}) == BATCH


@pytest.mark.parametrize("jit_compile", [False, True])
def test_gradients_of_gradients_are_those_of_finite_differences(jit_compile):
    """Of f(x) = sum w T(x)² along v, where T is affine: the differences are exact."""
    weights, direction = normal(BATCH, 16, 16, 3, seed=2), normal(BATCH, 16, 16, 3, seed=3)
    drawn = draw_transforms(BATCH, (5, 6), 0.9)

    @tf.function(jit_compile=jit_compile)
    def gradients(images):
        with tf.GradientTape() as outer:
            outer.watch(images)
            with tf.GradientTape() as inner:
                inner.watch(images)
                value = tf.reduce_sum(weights * augment(images, drawn) ** 2)
            slope = tf.reduce_sum(inner.gradient(value, images) * direction)
        return value, slope, tf.reduce_sum(outer.gradient(slope, images) * direction)

    _, slope, curvature = gradients(tf.constant(IMAGES))
    sides = [gradients(tf.constant(IMAGES + sign * direction)) for sign in (-1, 1)]
    (value_below, slope_below, _), (value_above, slope_above, _) = sides
    assert slope.numpy() == pytest.approx(float(value_above - value_below) / 2, rel=1e-3)
    assert curvature.numpy() == pytest.approx(float(slope_above - slope_below) / 2, rel=1e-3)


@pytest.mark.parametrize("dtype", [tf.bfloat16, tf.float16])
def test_half_precision_is_kept_and_rounds_only(dtype):
    drawn = draw_transforms(BATCH, (5, 6), 1.0)
    half = augment(tf.cast(IMAGES, dtype), drawn)
    assert half.dtype == dtype
    full = augment(tf.constant(IMAGES), drawn)
    np.testing.assert_allclose(tf.cast(half, tf.float32), full, rtol=0.02, atol=0.05)
