"""The compiled training step: D step, average step, G step (paper, appendix A.1).

One way through the code for one device and for many: `strategy.run` over replicas,
each with its slice of the global batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import keras
import tensorflow as tf

from pgan_tf import losses
from pgan_tf.config import TrainingConfig
from pgan_tf.networks import set_alpha
from pgan_tf.reals import fade_reals
from pgan_tf.state import TrainingState

# What a step reports, each a mean over the global batch and the repeats of a call.
METRICS = (
    "discriminator_loss",
    "generator_loss",
    "real_score",
    "fake_score",
    "gradient_norm",
)

TrainStep = Callable[..., tf.Tensor]


def discriminator_step(
    state: TrainingState,
    reals: tf.Tensor,
    labels: tf.Tensor,
    latents: tf.Tensor,
    mixing: tf.Tensor,
    *,
    config: TrainingConfig,
    global_batch_size: int,
) -> losses.DiscriminatorLoss:
    """Trains the discriminator once, in a replica; returns what it minimised.

    Args:
        state: the networks.
        reals: `(replica_batch_size, resolution, resolution, channels)` float32, faded.
        labels: `(replica_batch_size, label_size)` float32, of reals and fakes.
        latents: `(replica_batch_size, latent_size)` float32.
        mixing: `(replica_batch_size,)` float32 in [0, 1]; see `losses.discriminator_loss`.
        config: the run.
        global_batch_size: examples over all replicas.
    """
    scale = losses.penalty_scale(config.loss, state.stage.resolution, config.network.resolution)
    fakes = state.generator([latents, labels], training=True)
    with tf.GradientTape() as tape:
        parts = losses.discriminator_loss(
            state.discriminator, reals, fakes, labels, mixing, config.loss, scale
        )
        # Optimizers add gradients up over replicas: each takes its share of the global mean.
        loss = tf.reduce_sum(parts.loss) / global_batch_size
    _apply_gradients(state.discriminator_optimizer, tape, loss, state.discriminator)
    return parts


def generator_step(
    state: TrainingState,
    labels: tf.Tensor,
    latents: tf.Tensor,
    *,
    config: TrainingConfig,
    global_batch_size: int,
) -> tf.Tensor:
    """Trains the generator once, in a replica; returns the loss, `(replica_batch_size,)`.

    Args:
        state: the networks.
        labels: `(replica_batch_size, label_size)` float32, the classes to generate.
        latents: `(replica_batch_size, latent_size)` float32.
        config: the run.
        global_batch_size: examples over all replicas.
    """
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch([variable.value for variable in state.generator.trainable_variables])
        fakes = state.generator([latents, labels], training=True)
        per_example = losses.generator_loss(state.discriminator, fakes, labels, config.loss)
        loss = tf.reduce_sum(per_example) / global_batch_size
    _apply_gradients(state.generator_optimizer, tape, loss, state.generator)
    return per_example


def average_step(state: TrainingState, decay: float, strategy: tf.distribute.Strategy) -> None:
    """Moves the average generator towards the generator: average ← lerp by 1 - decay.

    In cross-replica context. As published it runs before the G step.
    """

    def move(average: tf.Variable, current: tf.Tensor) -> None:
        average.assign_add((current - average) * (1.0 - decay))

    for average, current in zip(
        state.average_generator.trainable_variables,
        state.generator.trainable_variables,
        strict=True,
    ):
        strategy.extended.update(average.value, move, args=(current.value,))


def make_train_step(
    state: TrainingState,
    config: TrainingConfig,
    strategy: tf.distribute.Strategy,
    global_batch_size: int,
) -> TrainStep:
    """Compiles the step of a stage.

    Args:
        state: the stage's networks; the step changes them.
        config: the run.
        strategy: the devices; `global_batch_size` must be a multiple of their number.
        global_batch_size: real images in a D step.

    Returns:
        `step(batches, images_shown, alpha, generator_learning_rate,
        discriminator_learning_rate)`: takes `minibatch_repeats` x `discriminator_repeats` batches
        `(images, labels)` from an iterator of the strategy's, trains with all random numbers
        derived from (seed, images_shown), and returns `(len(METRICS),)` float32. One
        alpha holds for the whole call.
    """
    replica_batch_size = global_batch_size // strategy.num_replicas_in_sync
    options = {"config": config, "global_batch_size": global_batch_size}

    def replica_slice(batch: tf.Tensor) -> tf.Tensor:
        """A replica's part of random numbers drawn for all, whatever the number of replicas."""
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        return batch[replica * replica_batch_size :][:replica_batch_size]

    def draw_latents(seed: tf.Tensor) -> tf.Tensor:
        shape = (global_batch_size, config.network.latent_size)
        return replica_slice(tf.random.stateless_normal(shape, seed))

    def replica_discriminator_step(
        reals: tf.Tensor, labels: tf.Tensor, alpha: tf.Tensor, images_shown: tf.Tensor
    ) -> tf.Tensor:
        latents_seed, mixing_seed = _seeds(config.seed, 0, images_shown)
        if state.stage.fades_in:
            reals = fade_reals(reals, alpha)
        mixing = tf.random.stateless_uniform((global_batch_size,), mixing_seed)
        parts = discriminator_step(
            state, reals, labels, draw_latents(latents_seed), replica_slice(mixing), **options
        )
        return _share(
            [parts.loss, parts.real_scores, parts.fake_scores, parts.gradient_norm],
            global_batch_size,
        )

    def replica_generator_step(labels: tf.Tensor, images_shown: tf.Tensor) -> tf.Tensor:
        latents_seed, _ = _seeds(config.seed, 1, images_shown)
        per_example = generator_step(state, labels, draw_latents(latents_seed), **options)
        return _share([per_example], global_batch_size)

    def over_replicas(step: Callable[..., tf.Tensor], *arguments: tf.Tensor) -> tf.Tensor:
        return strategy.reduce("SUM", strategy.run(step, arguments), axis=None)

    @tf.function
    def train_step(
        batches: Iterator,
        images_shown: tf.Tensor,
        alpha: tf.Tensor,
        generator_learning_rate: tf.Tensor,
        discriminator_learning_rate: tf.Tensor,
    ) -> tf.Tensor:
        for model in (state.generator, state.discriminator, state.average_generator):
            set_alpha(model, alpha)
        state.generator_optimizer.learning_rate.assign(generator_learning_rate)
        state.discriminator_optimizer.learning_rate.assign(discriminator_learning_rate)

        totals = tf.zeros((len(METRICS),))
        for _ in tf.range(config.minibatch_repeats):
            critic = tf.zeros((4,))
            labels = None
            for _ in range(config.discriminator_repeats):
                reals, labels = next(batches)
                critic += over_replicas(
                    replica_discriminator_step, reals, labels, alpha, images_shown
                )
                average_step(state, config.average_decay, strategy)
                images_shown += global_batch_size
            # The labels asked for are the last reals': the data's own distribution.
            generator = over_replicas(replica_generator_step, labels, images_shown)
            critic /= config.discriminator_repeats
            totals += tf.concat([critic[:1], generator, critic[1:]], axis=0)
        return totals / config.minibatch_repeats

    return train_step


def _apply_gradients(
    optimizer: keras.optimizers.Optimizer,
    tape: tf.GradientTape,
    loss: tf.Tensor,
    model: keras.Model,
) -> None:
    variables = model.trainable_variables
    gradients = tape.gradient(loss, [variable.value for variable in variables])
    optimizer.apply(gradients, variables)


def _seeds(seed: int, purpose: int, images_shown: tf.Tensor) -> tf.Tensor:
    """Two seeds of two numbers, a function of the run's seed and the position alone."""
    return tf.unstack(
        tf.random.split(tf.random.fold_in(tf.constant([seed, purpose], tf.int64), images_shown), 2)
    )


def _share(per_example: list[tf.Tensor], global_batch_size: int) -> tf.Tensor:
    """A replica's share of the global batch's means; they add up over replicas."""
    return tf.stack([tf.reduce_sum(values) for values in per_example]) / global_batch_size
