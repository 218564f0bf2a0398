"""The strength of augmentation follows how far the discriminator overfits (Karras et al., 2020).

Their two measures, each a ratio that is 0 without overfitting and 1 where all is learned by heart:

- `wgan_gp`: r_v = (E[D(train)] - E[D(held out)]) / (E[D(train)] - E[D(fakes)]), with pictures that
  are kept from training. The scores of WGAN-GP drift as a whole, so that only differences count.
- The others: r_t = E[sign(D(train))]. The sign is that of the score's distance from the middle
  between the targets of reals and fakes: 0 for `non_saturating`, as theirs, and 1/2 for `lsgan`.

All scores are of pictures as the discriminator sees them: augmented.
"""

import dataclasses
import math

import tensorflow as tf

from pgan_tf.config.augmentation import AugmentConfig

# Of the running averages, in real images. With 64 images in a call, of which 16 are scored, that is
# a thousand scores, whose mean has a standard error of 0.03 of their standard deviation.
_AVERAGED_IMAGES = 4000


@dataclasses.dataclass(frozen=True)
class AdaptiveStrength:
    """The strength and what it follows."""

    strength: tf.Variable  # float32, 0 to 1: see `augmentation.draw_transforms`
    # `(2,)` float32, running averages of the ratio's numerator and denominator. They start at 0,
    # which makes both too small by the same factor.
    averages: tf.Variable

    def overfitting(self) -> tf.Tensor:
        """Returns r_v or r_t; 0 where it is unknown, or reals score no higher than fakes."""
        numerator, denominator = tf.unstack(self.averages.read_value())
        return tf.where(denominator > 0.0, tf.math.divide_no_nan(numerator, denominator), 0.0)

    def summary(self) -> dict[str, float]:
        """Returns what a line of metrics.jsonl says of it."""
        strength, overfitting = self.strength.numpy(), self.overfitting().numpy()
        return {"augment_strength": float(strength), "overfitting": float(overfitting)}


def build_adaptive_strength() -> AdaptiveStrength:
    """Creates the strength, 0, and its averages. Call it within a strategy's scope."""
    options = {"trainable": False, "aggregation": tf.VariableAggregation.ONLY_FIRST_REPLICA}
    strength = tf.Variable(0.0, dtype=tf.float32, **options)
    return AdaptiveStrength(strength, tf.Variable([0.0, 0.0], dtype=tf.float32, **options))


def score_boundary(loss: str) -> float:
    """Returns the score that is neither of a real nor of a fake, for r_t."""
    return 0.5 if loss == "lsgan" else 0.0


def adapt(
    adaptive: AdaptiveStrength, measured: tf.Tensor, images: int, config: AugmentConfig
) -> None:
    """Moves the strength up or down after so many real images. In cross-replica context.

    `measured` is the ratio's numerator and denominator, `(2,)` float32. It is ignored unless both
    are finite.
    """
    finite = tf.reduce_all(tf.math.is_finite(measured))
    averages = adaptive.averages.read_value()
    nearer = 1.0 - math.exp(-images / _AVERAGED_IMAGES)
    moved = averages + (measured - averages) * nearer
    adaptive.averages.assign(tf.where(finite, moved, averages))
    strength = adaptive.strength.read_value()
    step = images / (1000.0 * config.augment_kimg)
    raised = adaptive.overfitting() > config.augment_target
    moved = tf.clip_by_value(strength + tf.where(raised, step, -step), 0.0, 1.0)
    adaptive.strength.assign(tf.where(finite, moved, strength))
