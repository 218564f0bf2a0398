"""Losses of G and D, each with AC-GAN labels: per example, unreduced.

- `wgan_gp`: the paper's (appendix A.1), with drift; Gulrajani et al., 2017.
- `lsgan`: least squares (appendix B; Mao et al., 2017): reals to 1, fakes to 0. The
  discriminator needs its noise: see `score_noise`.
- `non_saturating`: Goodfellow et al., 2014, with the penalty R1 of Mescheder et al., 2018.

The training step takes the mean over the global batch, whatever the number of devices.
"""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from pgan_tf.config.training import LossConfig

# Images to (scores, label logits): see `networks.build_discriminator`.
Discriminator = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]

# Inside the gradient norm's square root, whose derivative at zero is infinite.
_NORM_EPSILON = 1e-12


class DiscriminatorLoss(NamedTuple):
    """The discriminator's loss and what is worth plotting, each `(batch,)` float32."""

    loss: tf.Tensor
    real_scores: tf.Tensor
    fake_scores: tf.Tensor
    gradient_norm: tf.Tensor  # that the gradient penalty saw; 0 where there is none


def generator_loss(
    discriminator: Discriminator, fakes: tf.Tensor, labels: tf.Tensor, config: LossConfig
) -> tf.Tensor:
    """Returns the generator's loss for each fake, `(batch,)` float32, with the AC-GAN term.

    Of a score s: -s, or (s - 1)² (`lsgan`), or log(1 + exp(-s)) (`non_saturating`). Arguments as
    of `discriminator_loss`; labels are the classes asked for.
    """
    scores, label_logits = discriminator(fakes)
    if config.name == "lsgan":
        loss = tf.square(scores - 1.0)
    else:
        loss = tf.nn.softplus(-scores) if config.name == "non_saturating" else -scores
    return loss + config.label_weight * _label_penalty(labels, label_logits)


def discriminator_loss(
    discriminator: Discriminator,
    reals: tf.Tensor,
    fakes: tf.Tensor,
    labels: tf.Tensor,
    mixing: tf.Tensor,
    config: LossConfig,
    penalty_scale: float,
    loss_scale: tf.Tensor | None = None,
) -> DiscriminatorLoss:
    """Returns the critic's loss for each pair of a real and a fake.

    Of the scores r of a real and f of a fake, and the gradient norm n:
    - `wgan_gp`: f - r + drift_weight * r²
      + gradient_penalty_weight / target² * (n - target)², n between real and fake;
    - `lsgan`: (r - 1)² + f²;
    - `non_saturating`: log(1 + exp(-r)) + log(1 + exp(f))
      + gradient_penalty_weight / 2 * n², n at the real;

    and the AC-GAN term of both. `reals` and `fakes` are `(batch, height, width, channels)` float32
    in [-1, 1], `labels` of both `(batch, label_size)` float32 one-hot, and `mixing` `(batch,)`
    float32: where the gradient is taken, from 0 (real) to 1 (fake).
    """
    real_scores, real_logits = discriminator(reals)
    fake_scores, fake_logits = discriminator(fakes)
    if config.name == "lsgan":
        norm = tf.zeros_like(real_scores)
        loss = tf.square(real_scores - 1.0) + tf.square(fake_scores)
    elif config.name == "non_saturating":
        norm = gradient_norm(discriminator, reals, reals, mixing, loss_scale) * penalty_scale
        loss = tf.nn.softplus(-real_scores) + tf.nn.softplus(fake_scores)
        loss += config.gradient_penalty_weight / 2 * tf.square(norm)
    else:
        norm = gradient_norm(discriminator, reals, fakes, mixing, loss_scale) * penalty_scale
        target = config.gradient_target
        loss = fake_scores - real_scores + config.drift_weight * tf.square(real_scores)
        loss += config.gradient_penalty_weight / target**2 * tf.square(norm - target)
    loss += config.label_weight * _label_penalty(labels, real_logits)
    loss += config.label_weight * _label_penalty(labels, fake_logits)
    return DiscriminatorLoss(loss, real_scores, fake_scores, norm)


def gradient_norm(
    discriminator: Discriminator,
    reals: tf.Tensor,
    fakes: tf.Tensor,
    mixing: tf.Tensor,
    loss_scale: tf.Tensor | None = None,
) -> tf.Tensor:
    """Returns the norm of the critic's gradient by the picture, between reals and fakes.

    Gulrajani et al., 2017, equation 3. Shapes as in `discriminator_loss`; `(batch,)` float32.

    In float16 it is multiplied by the scalar `loss_scale` and divided by it in float32 before the
    norm. On the way back the two cancel: the critic's weights see one scale, as everywhere.
    """
    mixed = reals + (fakes - reals) * mixing[:, None, None, None]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(mixed)
        scores, _ = discriminator(mixed)
        # A score depends on its own picture and, through the minibatch standard deviation, a
        # little on its group's: as published, the sum covers both.
        total = tf.reduce_sum(scores)
    gradient = tf.cast(tape.gradient(total, mixed, output_gradients=loss_scale), tf.float32)
    if loss_scale is not None:
        gradient /= loss_scale
    return tf.sqrt(tf.reduce_sum(tf.square(gradient), axis=(1, 2, 3)) + _NORM_EPSILON)


def penalty_scale(config: LossConfig, stage_resolution: int, final_resolution: int) -> float:
    """Returns what the gradient norm at a stage's resolution is multiplied by.

    The published critic sees pictures enlarged to the final resolution: a pixel becomes
    (final / stage)², each with that share of its gradient, so the norm is stage / final of the
    stage's own. Differs from the paper, which does not say; `penalty_pixels="stage"` takes that.
    """
    return stage_resolution / final_resolution if config.penalty_pixels == "final" else 1.0


def _label_penalty(labels: tf.Tensor, label_logits: tf.Tensor) -> tf.Tensor | float:
    """Softmax cross-entropy (Odena et al., 2017), `(batch,)`; 0 without classes."""
    if labels.shape[-1] == 0:
        return 0.0
    return tf.nn.softmax_cross_entropy_with_logits(labels, label_logits)
