"""The losses of critics whose scores and gradients are known in closed form."""

import numpy as np
import pytest
import tensorflow as tf

from pgan_tf.config.training import LOSSES, LossConfig
from pgan_tf.training import losses

BATCH, SHAPE, NUM_CLASSES = 5, (4, 6, 3), 4


def normal(*shape, seed):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


REALS, FAKES = normal(BATCH, *SHAPE, seed=1), normal(BATCH, *SHAPE, seed=2)
MIXING = np.linspace(0, 1, BATCH, dtype=np.float32)
LABELS = np.eye(NUM_CLASSES, dtype=np.float32)[[0, 3, 1, 2, 2]]
DIRECTION = normal(*SHAPE, seed=3)
LABEL_DIRECTIONS = normal(NUM_CLASSES, *SHAPE, seed=4)
NORM = float(np.linalg.norm(DIRECTION))
REAL, FAKE = ((images * DIRECTION).sum(axis=(1, 2, 3)) for images in (REALS, FAKES))


def linear(images):
    """s(x) = <w, x>: its gradient is w everywhere, its norm |w|."""
    logits = tf.einsum("bhwc,khwc->bk", images, LABEL_DIRECTIONS)
    return tf.reduce_sum(images * DIRECTION, axis=(1, 2, 3)), logits


def quadratic(images):
    """s(x) = |x|² / 2, whose gradient at x is x."""
    return tf.reduce_sum(images**2, axis=(1, 2, 3)) / 2, tf.zeros((len(images), 0))


def critic_loss(config, critic=linear, reals=REALS, fakes=FAKES, labels=None, penalty_scale=1.0):
    labels = LABELS[:, :0] if labels is None else labels
    tensors = [tf.constant(array) for array in (reals, fakes, labels, MIXING)]
    return losses.discriminator_loss(critic, *tensors, config, penalty_scale)


def generator_loss(config, labels=None):
    labels = LABELS[:, :0] if labels is None else labels
    return losses.generator_loss(linear, tf.constant(FAKES), tf.constant(labels), config)


def assert_close(got, expected, tolerance=1e-5):
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance)


def softplus(values):
    return np.logaddexp(0, values)


def lengths(images):
    return np.sqrt((images**2).sum(axis=(1, 2, 3)))


WGAN = FAKE - REAL  # without drift or penalty
R1 = {"name": "non_saturating", "gradient_penalty_weight": 4.0}


@pytest.mark.parametrize(
    ("settings", "scale", "expected"),
    [
        ({}, 1.0, WGAN + 10 * (NORM - 1) ** 2 + 0.001 * REAL**2),
        ({"gradient_penalty_weight": 0.0, "drift_weight": 0.0}, 1.0, WGAN),
        ({"drift_weight": 0.25}, 1 / NORM, WGAN + 0.25 * REAL**2),  # a norm of 1 costs nothing
        ({"drift_weight": 0.0}, 0.125, WGAN + 10 * (NORM / 8 - 1) ** 2),
        (
            {"gradient_penalty_weight": 3.0, "drift_weight": 0.0, "gradient_target": 2.5},
            1.0,
            WGAN + 3 / 2.5**2 * (NORM - 2.5) ** 2,
        ),
        ({"name": "lsgan"}, 1.0, (REAL - 1) ** 2 + FAKE**2),
        (R1, 1.0, softplus(-REAL) + softplus(FAKE) + 4 / 2 * NORM**2),
        (R1, 0.5, softplus(-REAL) + softplus(FAKE) + 4 / 2 * (NORM / 2) ** 2),
    ],
)
def test_the_critics_loss_is_what_its_paper_says(settings, scale, expected):
    found = critic_loss(LossConfig(**settings), penalty_scale=scale)
    assert_close(found.loss, expected)
    assert_close(found.real_scores, REAL)
    assert_close(found.fake_scores, FAKE)
    norm = 0 if settings.get("name") == "lsgan" else scale * NORM
    assert_close(found.gradient_norm, np.full(BATCH, norm))
    assert {value.dtype for value in found} == {tf.float32}


@pytest.mark.parametrize(
    ("name", "expected"), zip(LOSSES, (-FAKE, (FAKE - 1) ** 2, softplus(-FAKE)), strict=True)
)
def test_the_generators_loss_is_what_its_paper_says(name, expected):
    assert LOSSES == ("wgan_gp", "lsgan", "non_saturating")
    assert_close(generator_loss(LossConfig(name=name)), expected)


def test_the_penalty_is_measured_in_pixels_of_the_final_resolution_unless_asked_otherwise():
    assert losses.penalty_scale(LossConfig(), 4, 1024) == 4 / 1024
    assert losses.penalty_scale(LossConfig(penalty_pixels="stage"), 4, 1024) == 1


def test_the_penalty_scale_is_the_norm_over_pictures_enlarged_to_the_final_resolution():
    # A critic that first averages 2x2 pixels, fed enlarged pictures: as published.
    def critic_of_enlarged(images):
        return linear(tf.nn.avg_pool2d(images, 2, 2, "VALID"))

    enlarged = [images.repeat(2, axis=1).repeat(2, axis=2) for images in (REALS, FAKES)]
    final = losses.gradient_norm(critic_of_enlarged, *enlarged, tf.constant(MIXING))
    assert_close(final, np.full(BATCH, losses.penalty_scale(LossConfig(), 16, 32) * NORM))


def test_each_example_has_a_loss_of_its_own():
    reals, fakes = REALS.copy(), FAKES.copy()
    reals[2] += 1
    fakes[2] -= 1
    same = np.isclose(
        critic_loss(LossConfig(), reals=reals, fakes=fakes).loss, critic_loss(LossConfig()).loss
    )
    np.testing.assert_array_equal(same, [True, True, False, True, True])


def test_the_gradient_is_taken_where_mixing_says_between_real_0_and_fake_1():
    share = MIXING[:, None, None, None]
    found = critic_loss(LossConfig(), quadratic)
    assert_close(found.gradient_norm, lengths((1 - share) * REALS + share * FAKES))
    # R1: at reals alone
    found = critic_loss(LossConfig(name="non_saturating"), quadratic, penalty_scale=0.25)
    assert_close(found.gradient_norm, 0.25 * lengths(REALS))


def test_the_penalty_teaches_the_critic():
    # d/da of (a |w| - 1)² with s(x) = a <w, x> is 2 |w| (a |w| - 1).
    a = tf.Variable(0.7)
    config = LossConfig(drift_weight=0.0)
    with tf.GradientTape() as tape:
        # Fakes equal to reals: their scores cancel.
        found = critic_loss(config, lambda images: (a * linear(images)[0], 0), fakes=REALS)
        loss = tf.reduce_mean(found.loss)
    assert_close(tape.gradient(loss, a), 10 * 2 * NORM * (0.7 * NORM - 1), 1e-4)


def test_the_norms_gradient_is_finite_for_a_constant_critic():
    weights = tf.Variable(tf.zeros(SHAPE))
    with tf.GradientTape() as tape:
        found = critic_loss(
            LossConfig(), lambda images: (tf.reduce_sum(images * weights, axis=(1, 2, 3)), 0)
        )
        loss = tf.reduce_mean(found.loss)
    assert_close(found.loss, np.full(BATCH, 10.0))
    assert np.isfinite(tape.gradient(loss, weights)).all()


def test_the_norm_is_computed_in_float32():
    def rounded(images):
        halves = tf.cast(images, tf.bfloat16) * 0.5
        return tf.cast(tf.reduce_sum(halves, axis=(1, 2, 3)), tf.float32), 0

    # 4,096 gradients of 1/2: in bfloat16 a sum of their squares would stop short of 1,024.
    images = tf.zeros((2, 64, 64, 1))
    norm = losses.gradient_norm(rounded, images, images, tf.zeros(2))
    assert norm.dtype == tf.float32
    assert_close(norm, [32, 32])


# AC-GAN (Odena et al., 2017)


def cross_entropy(images):
    logits = np.einsum("bhwc,khwc->bk", images, LABEL_DIRECTIONS).astype(np.float64)
    return np.log(np.exp(logits).sum(axis=1)) - (logits * LABELS).sum(axis=1)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("weight", [1.0, 0.25])
def test_labels_cost_cross_entropy_whatever_the_loss(name, weight):
    """The critic for reals and for fakes, the generator for its fakes."""
    config = LossConfig(name=name, label_weight=weight)
    cost = critic_loss(config, labels=LABELS).loss - critic_loss(config).loss
    expected = weight * (cross_entropy(REALS) + cross_entropy(FAKES))
    np.testing.assert_allclose(cost, expected, rtol=1e-3, atol=1e-4)
    cost = generator_loss(config, LABELS) - generator_loss(config)
    np.testing.assert_allclose(cost, weight * cross_entropy(FAKES), rtol=1e-3, atol=1e-4)
