"""The three networks and two optimizers that a stage trains: built, grown, named."""

import dataclasses
import gc

import keras
import tensorflow as tf

from pgan_tf.config.schedule import Stage
from pgan_tf.config.training import TrainingConfig
from pgan_tf.devices.strategy import has_gpu
from pgan_tf.networks.discriminator import build_discriminator
from pgan_tf.networks.generator import build_generator
from pgan_tf.networks.growth import Carried, carry_weights, named_variables, optimizer_variables
from pgan_tf.networks.layers.fast import speed_up
from pgan_tf.training.optimizer import FusedAdam, LossScale, build_loss_scale


@dataclasses.dataclass(frozen=True)
class TrainingState:
    """What training changes, with the shape of one stage."""

    stage: Stage
    generator: keras.Model
    discriminator: keras.Model
    average_generator: keras.Model  # exponential running average of the generator's weights
    generator_optimizer: keras.optimizers.Adam
    discriminator_optimizer: keras.optimizers.Adam
    generator_loss_scale: LossScale | None = None  # in float16 only
    discriminator_loss_scale: LossScale | None = None

    def variables(self) -> dict[str, keras.Variable]:
        """Returns all that a checkpoint keeps, by name."""
        return self.weights() | self.optimizer_state() | self.loss_scales()

    def weights(self) -> dict[str, keras.Variable]:
        """Returns the networks' variables by `network/layer/variable`."""
        models = self.generator, self.discriminator, self.average_generator
        named = {model.name: named_variables(model) for model in models}
        return {f"{model}/{name}": one for model in named for name, one in named[model].items()}

    def optimizer_state(self) -> dict[str, keras.Variable]:
        """Returns the optimizers' variables by `optimizer/layer/variable/slot`."""
        generator = optimizer_variables(self.generator_optimizer, self.generator)
        critic = optimizer_variables(self.discriminator_optimizer, self.discriminator)
        state = {f"generator_optimizer/{name}": one for name, one in generator.items()}
        return state | {f"discriminator_optimizer/{name}": one for name, one in critic.items()}

    def loss_scales(self) -> dict[str, tf.Variable]:
        """Returns float16's loss scales by `loss_scale/network/variable`."""
        scales = (self.generator_loss_scale, self.discriminator_loss_scale)
        return {
            f"loss_scale/{network}/{name}": variable
            for network, scale in zip(("generator", "discriminator"), scales, strict=True)
            for name, variable in (vars(scale) if scale else {}).items()
        }


def build_state(
    stage: Stage, config: TrainingConfig, strategy: tf.distribute.Strategy, *, fast: bool = True
) -> TrainingState:
    """Builds a stage's networks with initial weights, both generators the same, and optimizers.

    With `fast`, convolutions and Adam are computed in faster ways; the numbers are the same.
    """
    with strategy.scope():
        generator, average_generator, discriminator = models = [
            build(stage, config.network, seed=config.seed, precision=config.precision)
            for build in (build_generator, build_generator, build_discriminator)
        ]
        average_generator.name = "average_generator"
        if fast:
            for model in models:
                speed_up(model, winograd=not has_gpu())
        adams = [_build_adam(model, config, fast) for model in (generator, discriminator)]
        scaled = config.precision == "mixed_float16"
        scales = [build_loss_scale() if scaled else None for _ in adams]
        return TrainingState(stage, generator, discriminator, average_generator, *adams, *scales)


def grow_state(
    previous: TrainingState, stage: Stage, config: TrainingConfig, strategy: tf.distribute.Strategy
) -> tuple[TrainingState, Carried]:
    """Builds the next stage's state, with what the previous one has learned.

    As published, Adam starts from scratch, unless `config.keep_optimizer_state`.
    """
    # Compiled steps are held by cycles: gigabytes, and what Python has to look through while it
    # traces the next one, which took three times as long at 256 px.
    gc.collect()
    state = build_state(stage, config, strategy)
    carried = carry_weights(previous.weights(), state.weights())
    # What suited the last stage is near what suits the next.
    carry_weights(previous.loss_scales(), state.loss_scales())
    if config.keep_optimizer_state:
        carry_weights(previous.optimizer_state(), state.optimizer_state())
    return state, carried


def _build_adam(model: keras.Model, config: TrainingConfig, fast: bool) -> keras.optimizers.Adam:
    optimizer = (FusedAdam if fast else keras.optimizers.Adam)(
        learning_rate=0.0,  # The training step sets it.
        beta_1=config.adam_beta_1,
        beta_2=config.adam_beta_2,
        epsilon=config.adam_epsilon,
    )
    optimizer.build(model.trainable_variables)  # before the step is compiled
    return optimizer
