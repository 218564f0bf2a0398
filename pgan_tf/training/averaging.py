"""The average generator: an exponential running average of the generator's weights (appendix A.1).

As published it forgets by the step, with a decay of 0.999. `average_kimg` counts in images, and
averages each layer over at most a part of its own life: soon after growth, the published average
still holds much of the new layers' random initial weights.
"""

import tensorflow as tf

from pgan_tf.config.schedule import make_stages
from pgan_tf.config.training import TrainingConfig
from pgan_tf.networks.growth import named_variables
from pgan_tf.training.state import TrainingState

# Longest half-life of a layer's average, as a share of the images since the layer was added.
_LONGEST_HALF_LIFE = 0.1


def average_step(
    state: TrainingState,
    config: TrainingConfig,
    strategy: tf.distribute.Strategy,
    images_shown: tf.Tensor,
    global_batch_size: int,
) -> None:
    """Moves the average generator toward the generator, in cross-replica context.

    `images_shown`, () int64, counts those of the D step just made.
    """

    def move(average: tf.Variable, current: tf.Tensor, decay: tf.Tensor) -> None:
        average.assign_add((current - average) * (1.0 - decay))

    averages, currents = map(named_variables, (state.average_generator, state.generator))
    for name, average in averages.items():
        decay = average_decay(config, int(name.split("x")[0]), images_shown, global_batch_size)
        strategy.extended.update(average.value, move, args=(currents[name].value, decay))


def average_decay(
    config: TrainingConfig, resolution: int, images_shown: tf.Tensor, global_batch_size: int
) -> tf.Tensor | float:
    """Returns by how much the average of a resolution's layers decays in a step, 0 to 1."""
    if not config.average_kimg:
        return config.average_decay
    stages = make_stages(config.schedule)
    first_image = next(one.first_image for one in stages if one.resolution >= resolution)
    age = tf.cast(images_shown - first_image, tf.float32)
    half_life = tf.minimum(1000.0 * config.average_kimg, _LONGEST_HALF_LIFE * age)
    return 0.5 ** (global_batch_size / half_life)
