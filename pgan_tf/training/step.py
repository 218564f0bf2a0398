"""The compiled training step: D step, average step, G step (paper, appendix A.1).

`strategy.run` runs it on each replica, one or many, with a slice of the global batch.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from pgan_tf.config.augmentation import needs_held_out
from pgan_tf.config.training import TrainingConfig
from pgan_tf.data.reals import fade_reals
from pgan_tf.networks.growth import set_alpha
from pgan_tf.networks.layers.score_noise import follow_scores, set_noise_seed
from pgan_tf.runs.log import METRICS
from pgan_tf.training.adaptive import adapt, score_boundary
from pgan_tf.training.augmentation import Transforms, draw_transforms
from pgan_tf.training.averaging import average_step
from pgan_tf.training.gradients import (
    augmented_scores,
    discriminator_gradients,
    generator_gradients,
)
from pgan_tf.training.losses import DiscriminatorLoss
from pgan_tf.training.optimizer import LossScale, update_loss_scale
from pgan_tf.training.state import TrainingState

TrainStep = Callable[..., tf.Tensor]


class _Update(NamedTuple):
    """The gradients of one update, and its losses."""

    means: tf.Tensor  # over the global batch; NaN where a gradient is not finite
    gradients: list[tf.Tensor]  # for each replica its own


def make_train_step(
    state: TrainingState, config: TrainingConfig, strategy: tf.distribute.Strategy, batch_size: int
) -> TrainStep:
    """Compiles a stage's step, `_Step.train`, which updates `state`.

    If a gradient is not finite on any replica, the update is skipped on all. If the discriminator's
    update is skipped, so is the generator's.

    A call takes `minibatch_repeats` x `discriminator_repeats` batches `(images, labels)` from a
    distributed iterator, trains with one alpha and random numbers derived from (seed,
    images_shown), and returns `(minibatch_repeats, len(METRICS))` float32. NaN in a row means that
    an update was skipped; infinity without NaN, that it was because of too high a loss scale.
    Where the strength of augmentation follows held-out pictures, it takes a batch of those, too.
    """
    # Random numbers stay outside: XLA turns the same bits into slightly different ones.
    compile_with_xla = tf.function(jit_compile=True) if config.jit_compile else lambda f: f
    options: dict[str, Any] = {"config": config, "global_batch_size": batch_size}
    of_d = compile_with_xla(functools.partial(discriminator_gradients, state, **options))
    of_g = compile_with_xla(functools.partial(generator_gradients, state, **options))
    scores = compile_with_xla(functools.partial(augmented_scores, state, config=config))
    return tf.function(_Step(state, config, strategy, batch_size, of_d, of_g, scores).train)


@dataclasses.dataclass(frozen=True, eq=False)
class _Step:
    """The training step of one stage."""

    state: TrainingState
    config: TrainingConfig
    strategy: tf.distribute.Strategy
    global_batch_size: int
    discriminator_gradients: Callable[..., tuple[DiscriminatorLoss, list[tf.Tensor]]]
    generator_gradients: Callable[..., tuple[tf.Tensor, list[tf.Tensor]]]
    augmented_scores: Callable[..., tf.Tensor]

    def train(
        self,
        batches: Iterator,
        images_shown: tf.Tensor,
        alpha: tf.Tensor,
        generator_learning_rate: tf.Tensor,
        discriminator_learning_rate: tf.Tensor,
        held_out: Iterator | None = None,
    ) -> tf.Tensor:
        """Trains `minibatch_repeats` iterations, then adapts the strength of augmentation."""
        state, repeats = self.state, self.config.minibatch_repeats
        for model in (state.generator, state.discriminator, state.average_generator):
            set_alpha(model, alpha)
        state.generator_optimizer.learning_rate.assign(generator_learning_rate)
        state.discriminator_optimizer.learning_rate.assign(discriminator_learning_rate)
        # With the weights that score the first batch of reals and fakes.
        held_out_score = self._held_out_score(held_out, alpha, images_shown)
        columns = len(METRICS) + self._needs_signs
        rows = tf.TensorArray(tf.float32, repeats, element_shape=(columns,))
        for repeat in tf.range(repeats):
            rows = rows.write(repeat, self._iterate(batches, images_shown, alpha))
            images_shown += self.config.discriminator_repeats * self.global_batch_size
        metrics = rows.stack()
        if state.adaptive_strength is None:
            return metrics
        measured = self._measure(metrics[0], held_out_score)
        images = repeats * self.config.discriminator_repeats * self.global_batch_size
        adapt(state.adaptive_strength, measured, images, self.config.augmentation)
        return metrics[:, : len(METRICS)]

    @property
    def _needs_signs(self) -> bool:
        """Whether a row has, after METRICS, the mean sign of the reals' scores."""
        needs_others = needs_held_out(self.config.augmentation.augment, self.config.loss.name)
        return self.state.adaptive_strength is not None and not needs_others

    def _held_out_score(
        self, batches: Iterator | None, alpha: tf.Tensor, images_shown: tf.Tensor
    ) -> tf.Tensor | None:
        """Returns the mean score of a batch of held-out pictures, if there are any."""
        if batches is None:
            return None
        images, _ = next(batches)
        sums = self.strategy.run(self._score, (images, alpha, images_shown))
        return self.strategy.reduce("SUM", sums, axis=None) / self.global_batch_size

    def _measure(self, row: tf.Tensor, held_out_score: tf.Tensor | None) -> tf.Tensor:
        """Returns the parts of r_v or r_t, see `adaptive`, `(2,)`, from an iteration's row."""
        real_score, fake_score = (row[METRICS.index(f"{one}_score")] for one in ("real", "fake"))
        if held_out_score is None:
            return tf.stack([row[-1], 1.0])
        return tf.stack([real_score - held_out_score, real_score - fake_score])

    def _iterate(self, batches: Iterator, images_shown: tf.Tensor, alpha: tf.Tensor) -> tf.Tensor:
        """Trains D `discriminator_repeats` times and G once. Returns a row of METRICS."""
        state, config = self.state, self.config
        sums = tf.zeros((len(DiscriminatorLoss._fields) + self._needs_signs,))
        for left in reversed(range(config.discriminator_repeats)):
            reals, labels = next(batches)
            noise_seed, _ = _seeds(config.seed, 2, images_shown)
            set_noise_seed(state.discriminator, noise_seed)
            shown = (reals, labels, alpha, images_shown)
            update = self._over_replicas(self._discriminator_update, *shown)
            images_shown += self.global_batch_size
            # Fakes get the classes of the last reals: the distribution of the data.
            if config.simultaneous_updates and not left:
                generator = self._over_replicas(self._generator_update, labels, images_shown)
            finite, means = _judge(update.means, state.discriminator_loss_scale)
            if finite:
                self.strategy.run(state.discriminator_optimizer.apply, (update.gradients,))
                parts = tf.unstack(means)[: len(DiscriminatorLoss._fields)]
                fake_score = DiscriminatorLoss(*parts).fake_scores
                follow_scores(state.discriminator, fake_score)
                average_step(state, config, self.strategy, images_shown, self.global_batch_size)
            sums += means
        if not config.simultaneous_updates:
            generator = self._over_replicas(self._generator_update, labels, images_shown)
        _, means = _judge(generator.means, state.generator_loss_scale)
        (generator_loss,) = tf.unstack(means)
        loss, *others = tf.unstack(sums / config.discriminator_repeats)
        row = tf.stack([loss, generator_loss, *others])  # as METRICS
        if tf.reduce_all(tf.math.is_finite(row)):
            self.strategy.run(state.generator_optimizer.apply, (generator.gradients,))
        return row

    def _over_replicas(self, compute: Callable[..., _Update], *arguments: tf.Tensor) -> _Update:
        update = self.strategy.run(compute, arguments)
        return update._replace(means=self.strategy.reduce("SUM", update.means, axis=None))

    # Within a replica, on its part of the global batch

    def _discriminator_update(
        self, reals: tf.Tensor, labels: tf.Tensor, alpha: tf.Tensor, images_shown: tf.Tensor
    ) -> _Update:
        latents_seed, mixing_seed = _seeds(self.config.seed, 0, images_shown)
        if self.state.stage.fades_in:
            reals = fade_reals(reals, alpha)
        mixing = tf.random.stateless_uniform((self.global_batch_size,), mixing_seed)
        latents, mixing = self._draw_latents(latents_seed), self._own_part(mixing)
        transforms = self._draw_transforms(3, images_shown)
        inputs = reals, labels, latents, mixing, transforms
        loss, gradients = self.discriminator_gradients(*inputs)
        measured = list(loss)
        if self._needs_signs:
            measured.append(tf.sign(loss.real_scores - score_boundary(self.config.loss.name)))
        return self._share(measured, gradients)

    def _generator_update(self, labels: tf.Tensor, images_shown: tf.Tensor) -> _Update:
        latents_seed, _ = _seeds(self.config.seed, 1, images_shown)
        transforms = self._draw_transforms(4, images_shown)
        inputs = labels, self._draw_latents(latents_seed), transforms and transforms[0]
        loss, gradients = self.generator_gradients(*inputs)
        return self._share([loss], gradients)

    def _score(self, images: tf.Tensor, alpha: tf.Tensor, images_shown: tf.Tensor) -> tf.Tensor:
        if self.state.stage.fades_in:
            images = fade_reals(images, alpha)
        transforms = self._draw_transforms(5, images_shown)
        return tf.reduce_sum(self.augmented_scores(images, transforms and transforms[0]))

    def _draw_transforms(
        self, purpose: int, images_shown: tf.Tensor
    ) -> tuple[Transforms, Transforms] | None:
        """Returns this replica's part of two global batches of transforms; None without any."""
        if self.config.augmentation.augment == "none":
            return None
        adaptive = self.state.adaptive_strength
        strength = 1.0 if adaptive is None else tf.convert_to_tensor(adaptive.strength)
        seeds = _seeds(self.config.seed, purpose, images_shown)
        drawn = (draw_transforms(self.global_batch_size, seed, strength) for seed in seeds)
        first, second = (Transforms(*map(self._own_part, one)) for one in drawn)
        return first, second

    def _draw_latents(self, seed: tf.Tensor) -> tf.Tensor:
        shape = (self.global_batch_size, self.config.network.latent_size)
        return self._own_part(tf.random.stateless_normal(shape, seed))

    def _own_part(self, batch: tf.Tensor) -> tf.Tensor:
        """Returns this replica's part of a global batch, split as in `dataset.make_dataset`."""
        replicas = self.strategy.num_replicas_in_sync
        part = batch[tf.distribute.get_replica_context().replica_id_in_sync_group :: replicas]
        return tf.ensure_shape(part, (self.global_batch_size // replicas, *batch.shape[1:]))

    def _share(self, per_example: Sequence[tf.Tensor], gradients: list[tf.Tensor]) -> _Update:
        """Returns this replica's share of the global means, NaN unless all gradients are finite."""
        sums = tf.stack([tf.reduce_sum(values) for values in per_example])
        finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(one)) for one in gradients])
        return _Update(tf.where(finite, sums / self.global_batch_size, float("nan")), gradients)


def _judge(means: tf.Tensor, scale: LossScale | None) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns whether all is finite, and what to report. Updates the loss scale, if any."""
    finite, why = tf.reduce_all(tf.math.is_finite(means)), float("nan")
    if scale is not None:
        why = tf.where(scale.scale > 1.0, float("inf"), float("nan"))
        update_loss_scale(scale, finite)
    return finite, tf.where(finite, means, why)


def _seeds(seed: int, purpose: int, images_shown: tf.Tensor) -> tf.Tensor:
    """Returns two seeds, `(2,)` int64 each, derived from seed, purpose and images shown only."""
    here = tf.random.fold_in(tf.constant([seed, purpose], tf.int64), images_shown)
    return tf.unstack(tf.random.split(here, 2))
