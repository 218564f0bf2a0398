"""The losses of critics whose scores and gradients are known in closed form."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from pgan_tf.config.training import LOSSES, LossConfig
from pgan_tf.training import losses
from tests.helpers.random_arrays import assert_close, normal

BATCH, SHAPE, NUM_CLASSES = 5, (4, 6, 3), 4
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


def critic_loss(config, critic=linear, fakes=FAKES, labels=LABELS[:, :0], penalty_scale=1.0):
    tensors = [tf.constant(array) for array in (REALS, fakes, labels, MIXING)]
    return losses.discriminator_loss(critic, *tensors, config, penalty_scale)


def generator_loss(config, labels=LABELS[:, :0]):
    return losses.generator_loss(linear, tf.constant(FAKES), tf.constant(labels), config)


softplus = functools.partial(np.logaddexp, 0)
WGAN = FAKE - REAL  # without drift or penalty
R1 = {"name": "non_saturating", "gradient_penalty_weight": 4.0}  # Mescheder et al. (2018)


@pytest.mark.parametrize(
    ("settings", "scale", "expected"),
    [
        ({}, 1.0, WGAN + 10 * (NORM - 1) ** 2 + 0.001 * REAL**2),
        ({"drift_weight": 0.25}, 1 / NORM, WGAN + 0.25 * REAL**2),  # a norm of 1 costs nothing
        (
            {"gradient_penalty_weight": 3.0, "drift_weight": 0.0, "gradient_target": 2.5},
            1.0,
            WGAN + 3 / 2.5**2 * (NORM - 2.5) ** 2,
        ),
        ({"name": "lsgan"}, 1.0, (REAL - 1) ** 2 + FAKE**2),
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


def test_a_penalty_on_a_part_of_the_batch_counts_for_all_of_it():
    """The quadratic critic's gradient is the picture; mixing takes the first real as it is."""
    config = LossConfig(gradient_penalty_weight=1.0, penalty_batch_divisor=BATCH)
    whole, part = (critic_loss(one, quadratic) for one in (LossConfig(), config))
    norm = np.linalg.norm(REALS[0])
    assert_close(part.gradient_norm, np.full(BATCH, norm))
    others = part.real_scores**2 * 0.001 + part.fake_scores - part.real_scores
    assert_close(part.loss - others, np.full(BATCH, (norm - 1) ** 2))
    assert_close(whole.gradient_norm[0], norm)


@pytest.mark.parametrize(
    ("name", "expected"), zip(LOSSES, (-FAKE, (FAKE - 1) ** 2, softplus(-FAKE)), strict=True)
)
def test_the_generators_loss_is_what_its_paper_says(name, expected):
    assert LOSSES == ("wgan_gp", "lsgan", "non_saturating")
    assert_close(generator_loss(LossConfig(name=name)), expected)


def test_the_penalty_scale_is_the_norm_over_pictures_enlarged_to_the_final_resolution():
    """By a critic that first averages 2x2 pixels: as published. Not with pixels of the stage."""
    enlarged = [images.repeat(2, axis=1).repeat(2, axis=2) for images in (REALS, FAKES)]
    inputs = map(tf.constant, (*enlarged, MIXING))
    final = losses.gradient_norm(
        lambda images: linear(tf.nn.avg_pool2d(images, 2, 2, "VALID")), *inputs
    )
    assert_close(final, np.full(BATCH, losses.penalty_scale(LossConfig(), 16, 32) * NORM))
    assert losses.penalty_scale(LossConfig(penalty_pixels="stage"), 4, 1024) == 1


def test_the_gradient_is_taken_where_mixing_says_between_real_0_and_fake_1():
    """At reals alone for R1."""
    share = MIXING[:, None, None, None]
    for name, points in (
        ("wgan_gp", (1 - share) * REALS + share * FAKES),
        ("non_saturating", REALS),
    ):
        found = critic_loss(LossConfig(name=name), quadratic)
        assert_close(found.gradient_norm, np.sqrt((points**2).sum(axis=(1, 2, 3))))


@pytest.mark.parametrize("size", [0.7, 0.0])
def test_the_penalty_teaches_the_critic_also_where_its_gradient_is_0(size):
    """d/da of (a |w| - 1)² with s(x) = a <w, x> is 2 |w| (a |w| - 1); finite in float32 at 0."""
    a, config = tf.Variable(size), LossConfig(drift_weight=0.0)
    with tf.GradientTape() as tape:
        # Fakes equal to reals: their scores cancel.
        found = critic_loss(config, lambda images: (a * linear(images)[0], 0), fakes=REALS)
        loss = tf.reduce_mean(found.loss)
    gradient = tape.gradient(loss, a)
    assert np.isfinite(gradient)
    if size:
        assert_close(gradient, 10 * 2 * NORM * (size * NORM - 1), 1e-4)


# AC-GAN (Odena et al., 2017)


def cross_entropy(images):
    logits = np.einsum("bhwc,khwc->bk", images, LABEL_DIRECTIONS).astype(np.float64)
    return np.log(np.exp(logits).sum(axis=1)) - (logits * LABELS).sum(axis=1)


@pytest.mark.parametrize("name", LOSSES)
def test_labels_cost_cross_entropy_whatever_the_loss(name):
    """The critic for reals and for fakes, the generator for its fakes."""
    config = LossConfig(name=name, label_weight=0.25)
    cost = critic_loss(config, labels=LABELS).loss - critic_loss(config).loss
    expected = 0.25 * (cross_entropy(REALS) + cross_entropy(FAKES))
    np.testing.assert_allclose(cost, expected, rtol=1e-3, atol=1e-4)
    cost = generator_loss(config, LABELS) - generator_loss(config)
    np.testing.assert_allclose(cost, 0.25 * cross_entropy(FAKES), rtol=1e-3, atol=1e-4)
