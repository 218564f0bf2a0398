"""Loss and gradients of each network, within one replica (paper, appendix A.1)."""

import functools

import keras
import tensorflow as tf

from pgan_tf.config.training import TrainingConfig
from pgan_tf.networks.layers.fast import shared_kernels
from pgan_tf.training import losses
from pgan_tf.training.augmentation import Transforms, augment
from pgan_tf.training.micro_batches import in_parts
from pgan_tf.training.optimizer import LossScale, unscale
from pgan_tf.training.state import TrainingState


def discriminator_gradients(
    state: TrainingState,
    reals: tf.Tensor,
    labels: tf.Tensor,
    latents: tf.Tensor,
    mixing: tf.Tensor,
    transforms: tuple[Transforms, Transforms] | None = None,
    *,
    config: TrainingConfig,
    global_batch_size: int,
) -> tuple[losses.DiscriminatorLoss, list[tf.Tensor]]:
    """Returns the loss of each example, and the gradients of the discriminator's weights.

    Arguments are a replica's batch as in `losses.discriminator_loss`, with `reals` already faded;
    latents are `(replica_batch_size, latent_size)` float32. `transforms` augment reals and fakes.
    The penalty's pictures lie between those: there, too, the norm holds where the critic looks.
    With a `micro_batch` the batch is computed in parts.
    """
    inputs = reals, labels, latents, mixing, transforms
    compute = functools.partial(_of_discriminator, state, config, global_batch_size)
    parts = _parts(state, config, reals)
    per_example, gradients = in_parts(compute, parts, inputs, _values(state.discriminator))
    return losses.DiscriminatorLoss(*per_example), gradients


def _of_discriminator(
    state: TrainingState,
    config: TrainingConfig,
    global_batch_size: int,
    reals: tf.Tensor,
    labels: tf.Tensor,
    latents: tf.Tensor,
    mixing: tf.Tensor,
    transforms: tuple[Transforms, Transforms] | None,
) -> tuple[losses.DiscriminatorLoss, list[tf.Tensor]]:
    resolutions = state.stage.resolution, config.network.resolution
    penalty_scale = losses.penalty_scale(config.loss, *resolutions)
    scale = _value(state.discriminator_loss_scale)
    fakes = state.generator([latents, labels], training=True)
    if transforms is not None:
        of_reals, of_fakes = transforms
        reals, fakes = augment(reals, of_reals), augment(fakes, of_fakes)
    with tf.GradientTape() as tape, shared_kernels(state.discriminator):
        per_example = losses.discriminator_loss(
            state.discriminator, reals, fakes, labels, mixing, config.loss, penalty_scale, scale
        )
        # Optimizers sum gradients over replicas, so each contributes its share of the global mean.
        loss = tf.reduce_sum(per_example.loss) / global_batch_size
    gradients = tape.gradient(loss, _values(state.discriminator), output_gradients=scale)
    return per_example, unscale(gradients, scale)


def generator_gradients(
    state: TrainingState,
    labels: tf.Tensor,
    latents: tf.Tensor,
    transforms: Transforms | None = None,
    *,
    config: TrainingConfig,
    global_batch_size: int,
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Returns the same for the generator; `labels` are the classes to generate."""
    compute = functools.partial(_of_generator, state, config, global_batch_size)
    parts, inputs = _parts(state, config, latents), (labels, latents, transforms)
    (loss,), gradients = in_parts(compute, parts, inputs, _values(state.generator))
    return loss, gradients


def _of_generator(
    state: TrainingState,
    config: TrainingConfig,
    global_batch_size: int,
    labels: tf.Tensor,
    latents: tf.Tensor,
    transforms: Transforms | None,
) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(_values(state.generator))
        fakes = state.generator([latents, labels], training=True)
        if transforms is not None:
            fakes = augment(fakes, transforms)
        per_example = losses.generator_loss(state.discriminator, fakes, labels, config.loss)
        loss = tf.reduce_sum(per_example) / global_batch_size
    scale = _value(state.generator_loss_scale)
    gradients = tape.gradient(loss, _values(state.generator), output_gradients=scale)
    return [per_example], unscale(gradients, scale)


def augmented_scores(
    state: TrainingState, images: tf.Tensor, transforms: Transforms, *, config: TrainingConfig
) -> tf.Tensor:
    """Returns the discriminator's scores of pictures, augmented, `(batch,)` float32."""

    def compute(images: tf.Tensor, transforms: Transforms) -> tuple[list[tf.Tensor], list]:
        scores, _ = state.discriminator(augment(images, transforms))
        return [scores], []

    (scores,), _ = in_parts(compute, _parts(state, config, images), (images, transforms), [])
    return scores


def _parts(state: TrainingState, config: TrainingConfig, batch: tf.Tensor) -> int:
    """Returns in how many parts a replica's batch is computed."""
    each = config.schedule.micro_batch.at(state.stage.resolution)
    return batch.shape[0] // int(each) if each else 1


def _values(model: keras.Model) -> list[tf.Variable]:
    return [variable.value for variable in model.trainable_variables]


def _value(scale: LossScale | None) -> tf.Tensor | None:
    return None if scale is None else tf.convert_to_tensor(scale.scale)
