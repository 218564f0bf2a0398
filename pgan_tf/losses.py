"""WGAN-GP with drift (paper, appendix A.1) and AC-GAN labels: per example, unreduced.

Per example, because the mean over a global batch is the training step's business: on
several devices it must divide by the global batch size, not by its own share.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import tensorflow as tf

from pgan_tf.config import LossConfig

# Images to (scores, label logits): see `networks.build_discriminator`.
Discriminator = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]

# Inside the gradient norm's square root, whose derivative at zero is infinite.
_NORM_EPSILON = 1e-12


@dataclasses.dataclass(frozen=True)
class DiscriminatorLoss:
    """The discriminator's loss and what is worth plotting of it, each `(batch,)` float32.

    Attributes:
        loss: what is minimised.
        real_scores: critic scores of the reals.
        fake_scores: critic scores of the fakes.
        gradient_norm: the norm that the gradient penalty saw.
    """

    loss: tf.Tensor
    real_scores: tf.Tensor
    fake_scores: tf.Tensor
    gradient_norm: tf.Tensor


def generator_loss(
    discriminator: Discriminator, fakes: tf.Tensor, labels: tf.Tensor, config: LossConfig
) -> tf.Tensor:
    """Returns the generator's loss for each fake: minus its score, plus the AC-GAN term.

    Args:
        discriminator: the critic.
        fakes: `(batch, height, width, channels)` float32 in [-1, 1].
        labels: `(batch, label_size)` float32 one-hot, the classes asked for.
        config: weights.

    Returns:
        `(batch,)` float32.
    """
    scores, label_logits = discriminator(fakes)
    return -scores + config.label_weight * _label_penalty(labels, label_logits)


def discriminator_loss(
    discriminator: Discriminator,
    reals: tf.Tensor,
    fakes: tf.Tensor,
    labels: tf.Tensor,
    mixing: tf.Tensor,
    config: LossConfig,
    penalty_scale: float,
) -> DiscriminatorLoss:
    """Returns the critic's loss for each pair of a real and a fake.

    fake score - real score
    + gradient_penalty_weight / target² * (gradient norm - target)²
    + drift_weight * real score²
    + the AC-GAN term of both.

    Args:
        discriminator: the critic.
        reals: `(batch, height, width, channels)` float32 in [-1, 1].
        fakes: the same shape; their labels are the reals'.
        labels: `(batch, label_size)` float32 one-hot.
        mixing: `(batch,)` float32 in [0, 1]: where between real (0) and fake (1)
            the gradient is taken.
        config: weights and target.
        penalty_scale: see `penalty_scale` below.
    """
    real_scores, real_logits = discriminator(reals)
    fake_scores, fake_logits = discriminator(fakes)
    norm = gradient_norm(discriminator, reals, fakes, mixing) * penalty_scale
    target = config.gradient_target
    loss = (
        fake_scores
        - real_scores
        + config.gradient_penalty_weight / target**2 * tf.square(norm - target)
        + config.drift_weight * tf.square(real_scores)
        + config.label_weight * _label_penalty(labels, real_logits)
        + config.label_weight * _label_penalty(labels, fake_logits)
    )
    return DiscriminatorLoss(loss, real_scores, fake_scores, norm)


def gradient_norm(
    discriminator: Discriminator, reals: tf.Tensor, fakes: tf.Tensor, mixing: tf.Tensor
) -> tf.Tensor:
    """Returns the norm of the critic's gradient by the picture, between reals and fakes.

    Gulrajani et al., 2017, equation 3. Shapes as in `discriminator_loss`; `(batch,)`.
    """
    mixed = reals + (fakes - reals) * mixing[:, None, None, None]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(mixed)
        scores, _ = discriminator(mixed)
        # Each score depends on its own picture, and through the minibatch standard
        # deviation a little on its group's: as published, the sum covers both.
        total = tf.reduce_sum(scores)
    gradient = tf.cast(tape.gradient(total, mixed), tf.float32)
    return tf.sqrt(tf.reduce_sum(tf.square(gradient), axis=(1, 2, 3)) + _NORM_EPSILON)


def penalty_scale(config: LossConfig, stage_resolution: int, final_resolution: int) -> float:
    """Returns what the gradient norm at a stage's resolution is multiplied by.

    The published implementation feeds its critic pictures enlarged to the final
    resolution: one pixel of the stage is (final / stage)² of those, each with that
    share of its gradient, so that the norm it compares with the target is
    stage / final of the stage's own. Differs from the paper, which does not say;
    `penalty_pixels="stage"` takes the norm as it is.
    """
    return stage_resolution / final_resolution if config.penalty_pixels == "final" else 1.0


def _label_penalty(labels: tf.Tensor, label_logits: tf.Tensor) -> tf.Tensor | float:
    """Softmax cross-entropy (Odena et al., 2017), `(batch,)`; 0 without classes."""
    if labels.shape[-1] == 0:
        return 0.0
    return tf.nn.softmax_cross_entropy_with_logits(labels, label_logits)
