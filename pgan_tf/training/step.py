"""The compiled training step: D step, average step, G step (paper, appendix A.1).

One way through the code for one device and for many: `strategy.run` over replicas,
each with its slice of the global batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import keras
import tensorflow as tf

from pgan_tf.config.training import TrainingConfig
from pgan_tf.data.reals import fade_reals
from pgan_tf.networks.growth import named_variables
from pgan_tf.networks.layers.equalized import shared_kernels
from pgan_tf.networks.layers.score_noise import follow_scores, set_noise_seed
from pgan_tf.networks.networks import set_alpha
from pgan_tf.training import loss_scale, losses
from pgan_tf.training.state import TrainingState

# What an iteration reports, each a mean over the global batch.
METRICS = (
    "discriminator_loss",
    "generator_loss",
    "real_score",
    "fake_score",
    "gradient_norm",
)

TrainStep = Callable[..., tf.Tensor]


def discriminator_gradients(
    state: TrainingState,
    reals: tf.Tensor,
    labels: tf.Tensor,
    latents: tf.Tensor,
    mixing: tf.Tensor,
    *,
    config: TrainingConfig,
    global_batch_size: int,
) -> tuple[losses.DiscriminatorLoss, list[tf.Tensor]]:
    """Computes what would train the discriminator once, in a replica.

    Args:
        state: the networks.
        reals: `(replica_batch_size, resolution, resolution, channels)` float32, faded.
        labels: `(replica_batch_size, label_size)` float32, of reals and fakes.
        latents: `(replica_batch_size, latent_size)` float32.
        mixing: `(replica_batch_size,)` float32 in [0, 1]; see `losses.discriminator_loss`.
        config: the run.
        global_batch_size: examples over all replicas.

    Returns:
        What is minimised, and the gradients of the discriminator's trainable variables.
    """
    penalty_scale = losses.penalty_scale(
        config.loss, state.stage.resolution, config.network.resolution
    )
    scale = _value(state.discriminator_loss_scale)
    fakes = state.generator([latents, labels], training=True)
    with tf.GradientTape() as tape, shared_kernels(state.discriminator):
        parts = losses.discriminator_loss(
            state.discriminator, reals, fakes, labels, mixing, config.loss, penalty_scale, scale
        )
        # Optimizers add gradients up over replicas: each takes its share of the global mean.
        loss = tf.reduce_sum(parts.loss) / global_batch_size
    gradients = tape.gradient(loss, _values(state.discriminator), output_gradients=scale)
    return parts, loss_scale.unscale(gradients, scale)


def generator_gradients(
    state: TrainingState,
    labels: tf.Tensor,
    latents: tf.Tensor,
    *,
    config: TrainingConfig,
    global_batch_size: int,
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Computes what would train the generator once, in a replica.

    Args:
        state: the networks.
        labels: `(replica_batch_size, label_size)` float32, the classes to generate.
        latents: `(replica_batch_size, latent_size)` float32.
        config: the run.
        global_batch_size: examples over all replicas.

    Returns:
        The loss, `(replica_batch_size,)`, and the gradients of the generator's trainable
        variables.
    """
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(_values(state.generator))
        fakes = state.generator([latents, labels], training=True)
        per_example = losses.generator_loss(state.discriminator, fakes, labels, config.loss)
        loss = tf.reduce_sum(per_example) / global_batch_size
    scale = _value(state.generator_loss_scale)
    gradients = tape.gradient(loss, _values(state.generator), output_gradients=scale)
    return per_example, loss_scale.unscale(gradients, scale)


def average_step(state: TrainingState, decay: float, strategy: tf.distribute.Strategy) -> None:
    """Moves the average generator towards the generator: average ← lerp by 1 - decay.

    In cross-replica context. As published it runs before the G step.
    """

    def move(average: tf.Variable, current: tf.Tensor) -> None:
        average.assign_add((current - average) * (1.0 - decay))

    for average, current in zip(
        named_variables(state.average_generator).values(),
        named_variables(state.generator).values(),
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

    A step whose gradients are not all finite, on any replica, changes nothing on any: no
    network, no optimizer, no average. Where the discriminator's is skipped, the
    generator's, which would train against it, is skipped too.

    Args:
        state: the stage's networks; the step changes them.
        config: the run.
        strategy: the devices; `global_batch_size` must be a multiple of their number.
        global_batch_size: real images in a D step.

    Returns:
        `step(batches, images_shown, alpha, generator_learning_rate,
        discriminator_learning_rate)`: takes `minibatch_repeats` x `discriminator_repeats` batches
        `(images, labels)` from an iterator of the strategy's, trains with all random numbers
        derived from (seed, images_shown), and returns `(minibatch_repeats, len(METRICS))`
        float32. A row with NaN is an iteration that was skipped, or in part; with infinity
        and no NaN, one that was skipped since the loss scale was too high, and that is now
        halved. One alpha holds for the whole call.
    """
    replica_batch_size = global_batch_size // strategy.num_replicas_in_sync
    options = {"config": config, "global_batch_size": global_batch_size}
    # Random numbers stay outside: XLA turns the same bits into slightly different ones.
    compile_with_xla = tf.function(jit_compile=True) if config.jit_compile else lambda f: f

    @compile_with_xla
    def train_discriminator(*tensors: tf.Tensor) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
        parts, gradients = discriminator_gradients(state, *tensors, **options)
        measured = [parts.loss, parts.real_scores, parts.fake_scores, parts.gradient_norm]
        return measured, gradients

    @compile_with_xla
    def train_generator(*tensors: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
        return generator_gradients(state, *tensors, **options)

    def replica_slice(batch: tf.Tensor) -> tf.Tensor:
        """A replica's part of random numbers drawn for all, as of `dataset.make_dataset`."""
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        part = batch[replica :: strategy.num_replicas_in_sync]
        return tf.ensure_shape(part, (replica_batch_size, *batch.shape[1:]))

    def draw_latents(seed: tf.Tensor) -> tf.Tensor:
        shape = (global_batch_size, config.network.latent_size)
        return replica_slice(tf.random.stateless_normal(shape, seed))

    def replica_discriminator(
        reals: tf.Tensor, labels: tf.Tensor, alpha: tf.Tensor, images_shown: tf.Tensor
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        latents_seed, mixing_seed = _seeds(config.seed, 0, images_shown)
        if state.stage.fades_in:
            reals = fade_reals(reals, alpha)
        mixing = tf.random.stateless_uniform((global_batch_size,), mixing_seed)
        measured, gradients = train_discriminator(
            reals, labels, draw_latents(latents_seed), replica_slice(mixing)
        )
        return _share(measured, global_batch_size, gradients), gradients

    def replica_generator(
        labels: tf.Tensor, images_shown: tf.Tensor
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        latents_seed, _ = _seeds(config.seed, 1, images_shown)
        per_example, gradients = train_generator(labels, draw_latents(latents_seed))
        return _share([per_example], global_batch_size, gradients), gradients

    def apply_to_discriminator(gradients: list[tf.Tensor]) -> None:
        state.discriminator_optimizer.apply(gradients, state.discriminator.trainable_variables)

    def apply_to_generator(gradients: list[tf.Tensor]) -> None:
        state.generator_optimizer.apply(gradients, state.generator.trainable_variables)

    def over_replicas(
        compute: Callable[..., tuple], *arguments: tf.Tensor
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        measured, gradients = strategy.run(compute, arguments)
        return strategy.reduce("SUM", measured, axis=None), gradients

    def judge(
        measured: tf.Tensor, scale: loss_scale.LossScale | None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Whether all is finite, and what to report; sets the loss scale, where there is one."""
        finite = tf.reduce_all(tf.math.is_finite(measured))
        why = float("nan")
        if scale is not None:
            why = tf.where(scale.scale > 1.0, float("inf"), float("nan"))
            loss_scale.update(scale, finite)
        return finite, tf.where(finite, measured, why)

    def iterate(
        batches: Iterator, images_shown: tf.Tensor, alpha: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Trains D `discriminator_repeats` times and G once; returns METRICS and images shown."""
        critic = tf.zeros((4,))
        for left in reversed(range(config.discriminator_repeats)):
            reals, labels = next(batches)
            set_noise_seed(state.discriminator, _seeds(config.seed, 2, images_shown)[0])
            measured, gradients = over_replicas(
                replica_discriminator, reals, labels, alpha, images_shown
            )
            images_shown += global_batch_size
            if config.simultaneous_updates and not left:
                generator, for_generator = over_replicas(replica_generator, labels, images_shown)
            finite, measured = judge(measured, state.discriminator_loss_scale)
            if finite:
                strategy.run(apply_to_discriminator, (gradients,))
                follow_scores(state.discriminator, measured[2])
                average_step(state, config.average_decay, strategy)
            critic += measured
            # The labels asked for are the last reals': the data's own distribution.
            if not (config.simultaneous_updates or left):
                generator, for_generator = over_replicas(replica_generator, labels, images_shown)
        critic /= config.discriminator_repeats
        _, generator = judge(generator, state.generator_loss_scale)
        row = tf.concat([critic[:1], generator, critic[1:]], axis=0)
        if tf.reduce_all(tf.math.is_finite(row)):
            strategy.run(apply_to_generator, (for_generator,))
        return row, images_shown

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

        rows = tf.TensorArray(tf.float32, config.minibatch_repeats, element_shape=(len(METRICS),))
        for repeat in tf.range(config.minibatch_repeats):
            row, images_shown = iterate(batches, images_shown, alpha)
            rows = rows.write(repeat, row)
        return rows.stack()

    return train_step


def _values(model: keras.Model) -> list[tf.Variable]:
    return [variable.value for variable in model.trainable_variables]


def _seeds(seed: int, purpose: int, images_shown: tf.Tensor) -> tf.Tensor:
    """Two seeds of two numbers, a function of the run's seed and the position alone."""
    return tf.unstack(
        tf.random.split(tf.random.fold_in(tf.constant([seed, purpose], tf.int64), images_shown), 2)
    )


def _share(
    per_example: list[tf.Tensor], global_batch_size: int, gradients: list[tf.Tensor]
) -> tf.Tensor:
    """A replica's share of the global batch's means; they add up over replicas.

    Gradients that are not finite make it NaN, so that every replica comes to know.
    """
    share = tf.stack([tf.reduce_sum(values) for values in per_example]) / global_batch_size
    finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(one)) for one in gradients])
    return tf.where(finite, share, float("nan"))


def _value(scale: loss_scale.LossScale | None) -> tf.Tensor | None:
    return None if scale is None else tf.convert_to_tensor(scale.scale)
