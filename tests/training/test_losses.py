import math

import numpy as np
import pytest
import tensorflow as tf

from pgan_tf.config.training import LOSSES, LossConfig
from pgan_tf.training import losses

BATCH, SHAPE = 5, (4, 6, 3)
NO_LABELS = np.zeros((BATCH, 0), np.float32)


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


REALS, FAKES = normal(BATCH, *SHAPE, seed=1), normal(BATCH, *SHAPE, seed=2)
MIXING = np.linspace(0, 1, BATCH, dtype=np.float32)
DIRECTION = normal(*SHAPE, seed=3)
NORM = float(np.linalg.norm(DIRECTION))


def linear(images):
    """s(x) = <w, x>: its gradient is w everywhere, its norm |w|."""
    scores = tf.reduce_sum(images * DIRECTION, axis=(1, 2, 3))
    return scores, tf.zeros((images.shape[0], 0))


def inner_products(images):
    return (images * DIRECTION).sum(axis=(1, 2, 3))


def critic_loss(critic, config, *, reals=REALS, fakes=FAKES, labels=NO_LABELS, penalty_scale=1.0):
    tensors = [tf.constant(array) for array in (reals, fakes, labels, MIXING)]
    return losses.discriminator_loss(critic, *tensors, config, penalty_scale)


def linear_loss(config, penalty_scale=1.0):
    return critic_loss(linear, config, penalty_scale=penalty_scale)


def gradient_norm(critic, reals, fakes):
    tensors = [tf.constant(array) for array in (reals, fakes, MIXING)]
    return losses.gradient_norm(critic, *tensors)


def assert_close(got, expected, tolerance=1e-5):
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance)


def test_the_wgan_gp_loss_of_a_linear_critic_is_known_in_closed_form():
    real, fake = inner_products(REALS), inner_products(FAKES)
    parts = linear_loss(LossConfig())
    assert_close(parts.real_scores, real)
    assert_close(parts.fake_scores, fake)
    assert_close(parts.gradient_norm, np.full(BATCH, NORM))
    assert_close(parts.loss, fake - real + 10 * (NORM - 1) ** 2 + 0.001 * real**2)


def test_a_critic_of_gradient_norm_1_pays_no_penalty():
    def unit(images):
        scores, logits = linear(images)
        return scores / NORM, logits

    config = LossConfig(drift_weight=0.0)
    parts = critic_loss(unit, config)
    assert_close(parts.loss, (inner_products(FAKES) - inner_products(REALS)) / NORM)


def test_the_weights_scale_their_terms():
    real, fake = inner_products(REALS), inner_products(FAKES)
    config = LossConfig(gradient_penalty_weight=3.0, drift_weight=0.25)
    expected = fake - real + 3 * (NORM - 1) ** 2 + 0.25 * real**2
    assert_close(linear_loss(config).loss, expected)
    config = LossConfig(gradient_penalty_weight=0.0, drift_weight=0.0)
    assert_close(linear_loss(config).loss, fake - real)


def test_a_target_divides_the_penaltys_weight_by_its_square():
    real, fake = inner_products(REALS), inner_products(FAKES)
    for target in (750.0, 2.5):
        config = LossConfig(gradient_target=target, drift_weight=0.0)
        expected = fake - real + 10 / target**2 * (NORM - target) ** 2
        assert_close(linear_loss(config).loss, expected)


def test_the_norm_is_scaled_before_it_is_compared_with_the_target():
    real, fake = inner_products(REALS), inner_products(FAKES)
    config = LossConfig(drift_weight=0.0)
    parts = linear_loss(config, penalty_scale=0.125)
    assert_close(parts.gradient_norm, np.full(BATCH, NORM / 8))
    assert_close(parts.loss, fake - real + 10 * (NORM / 8 - 1) ** 2)


def test_the_penalty_is_measured_in_pixels_of_the_final_resolution_unless_asked_otherwise():
    config = LossConfig()
    assert losses.penalty_scale(config, 4, 1024) == 4 / 1024
    assert losses.penalty_scale(config, 32, 32) == 1
    config = LossConfig(penalty_pixels="stage")
    assert losses.penalty_scale(config, 4, 1024) == 1


def test_the_penalty_scale_is_the_norm_over_pictures_enlarged_to_the_final_resolution():
    # A critic that first averages 2x2 pixels, fed enlarged pictures: as published.
    def enlarge(images):
        return images.repeat(2, axis=1).repeat(2, axis=2)

    def critic_of_enlarged(images):
        return linear(tf.nn.avg_pool2d(images, 2, 2, "VALID"))

    stage = gradient_norm(linear, REALS, FAKES)
    final = gradient_norm(critic_of_enlarged, enlarge(REALS), enlarge(FAKES))
    scale = losses.penalty_scale(LossConfig(), 16, 32)
    assert_close(final, scale * stage.numpy())


def test_losses_are_per_example_and_unreduced():
    parts = linear_loss(LossConfig())
    for name, value in parts._asdict().items():
        assert value.shape == (BATCH,), name
        assert value.dtype == tf.float32, name
    assert losses.generator_loss(linear, FAKES, NO_LABELS, LossConfig()).shape == (BATCH,)
    # Another example's pictures change no other example's loss.
    reals, fakes = REALS.copy(), FAKES.copy()
    reals[2] += 1
    fakes[2] -= 1
    other = critic_loss(linear, LossConfig(), reals=reals, fakes=fakes)
    same = np.isclose(other.loss, parts.loss)
    np.testing.assert_array_equal(same, [True, True, False, True, True])


def test_the_generators_loss_is_minus_the_score():
    assert_close(
        losses.generator_loss(linear, FAKES, NO_LABELS, LossConfig()), -inner_products(FAKES)
    )


def quadratic(images):
    """s(x) = |x|² / 2, whose gradient at x is x."""
    return tf.reduce_sum(images**2, axis=(1, 2, 3)) / 2, tf.zeros((images.shape[0], 0))


def test_the_gradient_is_taken_where_mixing_says_between_real_0_and_fake_1():
    norm = gradient_norm(quadratic, REALS, FAKES)
    share = MIXING[:, None, None, None]
    mixed = (1 - share) * REALS + share * FAKES
    assert_close(norm, np.sqrt((mixed**2).sum(axis=(1, 2, 3))))
    assert_close(norm[0], np.linalg.norm(REALS[0]))
    assert_close(norm[-1], np.linalg.norm(FAKES[-1]))


def test_the_penalty_teaches_the_critic():
    # d/da of (a |w| - 1)² with s(x) = a <w, x> is 2 |w| (a |w| - 1).
    a = tf.Variable(0.7)
    config = LossConfig(drift_weight=0.0)
    with tf.GradientTape() as tape:
        # Fakes equal to reals: their scores cancel.
        parts = critic_loss(
            lambda images: (a * linear(images)[0], linear(images)[1]), config, fakes=REALS
        )
        loss = tf.reduce_mean(parts.loss)
    assert_close(tape.gradient(loss, a), 10 * 2 * NORM * (0.7 * NORM - 1), 1e-4)


def test_the_norms_gradient_is_finite_for_a_constant_critic():
    weights = tf.Variable(tf.zeros(SHAPE))

    def flat(images):
        return tf.reduce_sum(images * weights, axis=(1, 2, 3)), tf.zeros((images.shape[0], 0))

    with tf.GradientTape() as tape:
        parts = critic_loss(flat, LossConfig())
        loss = tf.reduce_mean(parts.loss)
    assert_close(parts.loss, np.full(BATCH, 10.0))
    assert np.isfinite(tape.gradient(loss, weights)).all()


# AC-GAN (Odena et al., 2017)

NUM_CLASSES = 4
LABELS = np.eye(NUM_CLASSES, dtype=np.float32)[[0, 3, 1, 2, 2]]
LABEL_DIRECTIONS = normal(NUM_CLASSES, *SHAPE, seed=4)


def with_labels(images):
    logits = tf.einsum("bhwc,khwc->bk", images, LABEL_DIRECTIONS)
    return linear(images)[0], logits


def cross_entropy(images):
    logits = np.einsum("bhwc,khwc->bk", images, LABEL_DIRECTIONS).astype(np.float64)
    logits -= logits.max(axis=1, keepdims=True)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return -np.log((probabilities * LABELS).sum(axis=1))


def test_the_critic_pays_for_misjudging_the_labels_of_reals_and_of_fakes():
    plain = linear_loss(LossConfig()).loss.numpy()
    for weight in (1.0, 0.25, 0.0):
        parts = critic_loss(with_labels, LossConfig(label_weight=weight), labels=LABELS)
        expected = plain + weight * (cross_entropy(REALS) + cross_entropy(FAKES))
        assert_close(parts.loss, expected, 1e-4)


def test_the_generator_pays_for_pictures_of_another_class():
    for weight in (1.0, 0.25):
        loss = losses.generator_loss(with_labels, FAKES, LABELS, LossConfig(label_weight=weight))
        assert_close(loss, -inner_products(FAKES) + weight * cross_entropy(FAKES), 1e-4)


def test_a_critic_without_an_opinion_pays_the_logarithm_of_the_classes():
    def undecided(images):
        return tf.zeros(images.shape[0]), tf.zeros((images.shape[0], NUM_CLASSES))

    loss = losses.generator_loss(undecided, FAKES, LABELS, LossConfig())
    assert_close(loss, np.full(BATCH, math.log(NUM_CLASSES)))


@pytest.mark.parametrize("dtype", [tf.bfloat16, tf.float32])
def test_the_norm_is_computed_in_float32(dtype):
    def rounded(images):
        return tf.cast(tf.reduce_sum(tf.cast(images, dtype) * 0.5, axis=(1, 2, 3)), tf.float32), 0

    # 4,096 gradients of 1/2: in bfloat16 a sum of their squares would stop short of 1,024.
    images = tf.zeros((2, 64, 64, 1))
    norm = losses.gradient_norm(rounded, images, images, tf.zeros(2))
    assert norm.dtype == tf.float32
    assert_close(norm, [32, 32])


def softplus(values):
    return np.logaddexp(0, values)


def test_lsgan_pulls_reals_to_1_and_fakes_to_0_without_a_penalty():
    real, fake = inner_products(REALS), inner_products(FAKES)
    parts = linear_loss(LossConfig(name="lsgan"))
    assert_close(parts.loss, (real - 1) ** 2 + fake**2)
    assert_close(parts.gradient_norm, np.zeros(BATCH))


def test_lsgan_pulls_fakes_to_1_for_the_generator():
    loss = losses.generator_loss(
        linear, tf.constant(FAKES), tf.constant(NO_LABELS), LossConfig(name="lsgan")
    )
    assert_close(loss, (inner_products(FAKES) - 1) ** 2)


def test_the_non_saturating_loss_is_cross_entropy_with_r1():
    real, fake = inner_products(REALS), inner_products(FAKES)
    config = LossConfig(name="non_saturating", gradient_penalty_weight=4.0)
    expected = softplus(-real) + softplus(fake) + 4 / 2 * NORM**2
    assert_close(linear_loss(config).loss, expected)
    loss = losses.generator_loss(linear, tf.constant(FAKES), tf.constant(NO_LABELS), config)
    assert_close(loss, softplus(-inner_products(FAKES)))


def test_r1_is_measured_at_reals_alone_and_in_the_pixels_asked_for():
    config = LossConfig(name="non_saturating")
    parts = critic_loss(quadratic, config, penalty_scale=0.25)
    assert_close(parts.gradient_norm, 0.25 * np.sqrt((REALS**2).sum(axis=(1, 2, 3))))


@pytest.mark.parametrize("name", LOSSES)
def test_labels_cost_cross_entropy_whatever_the_loss(name):
    def with_logits(images):
        scores, _ = linear(images)
        return scores, tf.reduce_sum(images, axis=(1, 2))

    labels = np.eye(3, dtype=np.float32)[np.arange(BATCH) % 3]
    with_labels = critic_loss(with_logits, LossConfig(name=name, label_weight=2.0), labels=labels)
    without = critic_loss(with_logits, LossConfig(name=name, label_weight=0.0), labels=labels)

    def cross_entropy(images):
        logits = images.sum(axis=(1, 2))
        return np.log(np.exp(logits).sum(axis=1)) - (logits * labels).sum(axis=1)

    expected = 2 * (cross_entropy(REALS) + cross_entropy(FAKES))
    np.testing.assert_allclose(with_labels.loss - without.loss, expected, rtol=1e-3)


@pytest.mark.parametrize("name", LOSSES)
def test_the_generator_pays_for_labels_whatever_the_loss(name):
    costs = [
        losses.generator_loss(
            with_labels, FAKES, LABELS, LossConfig(name=name, label_weight=weight)
        ).numpy()
        for weight in (0.5, 0.0)
    ]
    assert_close(costs[0] - costs[1], 0.5 * cross_entropy(FAKES), 1e-3)
