"""Losses of G and D for each example, with AC-GAN terms for labels.

- `wgan_gp`: the paper's loss (appendix A.1; Gulrajani et al., 2017), with the drift term.
- `lsgan`: least squares (appendix B; Mao et al., 2017), with targets 1 for reals and 0 for
  fakes. The discriminator needs noise; see `score_noise`.
- `non_saturating`: Goodfellow et al., 2014, with the R1 penalty of Mescheder et al., 2018.

The training step averages them over the global batch, whatever the number of devices.
"""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from pgan_tf.config.training import LossConfig

# From images to (scores, label logits); see `build_discriminator`.
Discriminator = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]

# Added inside the square root of the gradient norm, whose derivative at zero is infinite.
_NORM_EPSILON = 1e-12


class DiscriminatorLoss(NamedTuple):
    """The discriminator's loss and values to plot, each `(batch,)` float32."""

    loss: tf.Tensor
    real_scores: tf.Tensor
    fake_scores: tf.Tensor
    gradient_norm: tf.Tensor  # as used in the gradient penalty; 0 without a penalty


def generator_loss(
    discriminator: Discriminator, fakes: tf.Tensor, labels: tf.Tensor, config: LossConfig
) -> tf.Tensor:
    """Returns the generator's loss for each fake, `(batch,)` float32, with the AC-GAN term.

    For a score s it is -s (`wgan_gp`), (s - 1)² (`lsgan`) or log(1 + exp(-s)) (`non_saturating`).
    Arguments as in `discriminator_loss`; labels are the classes to generate.
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

    With score r of the real, score f of the fake and gradient norm n, it is
    - `wgan_gp`: f - r + drift_weight * r²
      + gradient_penalty_weight / target² * (n - target)², with n between real and fake;
    - `lsgan`: (r - 1)² + f²;
    - `non_saturating`: log(1 + exp(-r)) + log(1 + exp(f))
      + gradient_penalty_weight / 2 * n², with n at the real;

    plus the AC-GAN terms of both. `reals` and `fakes` are `(batch, height, width, channels)`
    float32 in [-1, 1]. Their `labels` are `(batch, label_size)` float32, one-hot. `mixing`,
    `(batch,)` float32, says where the gradient is taken, from 0 (real) to 1 (fake).

    With a `penalty_batch_divisor` k only the first batch / k pairs get a penalty, k times as large:
    its expectation is the same.
    """

    def norm_between(reals: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
        k = config.penalty_batch_divisor
        first = slice(reals.shape[0] // k)
        pairs = reals[first], others[first], mixing[first]
        return tf.tile(gradient_norm(discriminator, *pairs, loss_scale) * penalty_scale, [k])

    real_scores, real_logits = discriminator(reals)
    fake_scores, fake_logits = discriminator(fakes)
    if config.name == "lsgan":
        norm = tf.zeros_like(real_scores)
        loss = tf.square(real_scores - 1.0) + tf.square(fake_scores)
    elif config.name == "non_saturating":
        norm = norm_between(reals, reals)
        loss = tf.nn.softplus(-real_scores) + tf.nn.softplus(fake_scores)
        loss += config.gradient_penalty_weight / 2 * tf.square(norm)
    else:
        norm = norm_between(reals, fakes)
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
    """Returns the norm of the score's gradient with respect to pictures between reals and fakes.

    See Gulrajani et al., 2017, equation 3. Shapes as in `discriminator_loss`; `(batch,)` float32.

    In float16 the gradient is multiplied by the scalar `loss_scale`, then divided by it in float32
    before the norm is taken. The two cancel in the critic's gradients.
    """
    mixed = reals + (fakes - reals) * mixing[:, None, None, None]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(mixed)
        scores, _ = discriminator(mixed)
        # A score depends on its own picture and, through the minibatch standard deviation, a
        # little on others in its group. As published, the gradient includes both.
        total = tf.reduce_sum(scores)
    gradient = tf.cast(tape.gradient(total, mixed, output_gradients=loss_scale), tf.float32)
    if loss_scale is not None:
        gradient /= loss_scale
    return tf.sqrt(tf.reduce_sum(tf.square(gradient), axis=(1, 2, 3)) + _NORM_EPSILON)


def penalty_scale(config: LossConfig, stage_resolution: int, final_resolution: int) -> float:
    """Returns the factor for the gradient norm at a stage's resolution.

    The published critic sees pictures enlarged to the final resolution. Each pixel becomes
    (final / stage)² pixels that share its gradient, so the norm is smaller by stage / final.
    Differs from the paper, which does not say so. `penalty_pixels="stage"` turns this off.
    """
    return stage_resolution / final_resolution if config.penalty_pixels == "final" else 1.0


def _label_penalty(labels: tf.Tensor, label_logits: tf.Tensor) -> tf.Tensor | float:
    """Softmax cross-entropy (Odena et al., 2017), `(batch,)`; 0 without classes."""
    if labels.shape[-1] == 0:
        return 0.0
    return tf.nn.softmax_cross_entropy_with_logits(labels, label_logits)
