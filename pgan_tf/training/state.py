"""Builds and grows the three networks and two optimizers of a stage, and names their variables."""

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
from pgan_tf.training.adaptive import AdaptiveStrength, build_adaptive_strength
from pgan_tf.training.optimizer import FusedAdam, LossScale, build_loss_scale


@dataclasses.dataclass(frozen=True)
class TrainingState:
    """The networks and optimizers of one stage."""

    stage: Stage
    generator: keras.Model
    discriminator: keras.Model
    average_generator: keras.Model  # exponential running average of the generator's weights
    generator_optimizer: keras.optimizers.Adam
    discriminator_optimizer: keras.optimizers.Adam
    generator_loss_scale: LossScale | None = None  # in float16 only
    discriminator_loss_scale: LossScale | None = None
    adaptive_strength: AdaptiveStrength | None = None  # with --augment=ada only

    def variables(self) -> dict[str, keras.Variable]:
        """Returns all variables that a checkpoint stores, by name."""
        others = self.loss_scales() | self.augmentation()
        return self.weights() | self.optimizer_state() | others

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
        """Returns the loss scales of float16 by `loss_scale/network/variable`."""
        scales = (self.generator_loss_scale, self.discriminator_loss_scale)
        return {
            f"loss_scale/{network}/{name}": variable
            for network, scale in zip(("generator", "discriminator"), scales, strict=True)
            for name, variable in (vars(scale) if scale else {}).items()
        }

    def augmentation(self) -> dict[str, tf.Variable]:
        """Returns the variables of an adaptive augmentation by `augmentation/variable`."""
        variables = vars(self.adaptive_strength) if self.adaptive_strength else {}
        return {f"augmentation/{name}": one for name, one in variables.items()}


def build_state(
    stage: Stage, config: TrainingConfig, strategy: tf.distribute.Strategy, *, fast: bool = True
) -> TrainingState:
    """Builds a stage's networks with initial weights, and its optimizers.

    Both generators start the same. Frozen layers have neither gradients nor moments. `fast` selects
    faster convolutions and Adam, with equal results.
    """
    with strategy.scope():
        generator, average_generator, discriminator = models = [
            build(stage, config.network, seed=config.seed, precision=config.precision)
            for build in (build_generator, build_generator, build_discriminator)
        ]
        average_generator.name = "average_generator"
        for name in config.frozen_layers(stage):
            discriminator.get_layer(name).trainable = False
        if fast:
            for model in models:
                speed_up(model, winograd=not has_gpu())
        adams = [_build_adam(model, config, fast) for model in (generator, discriminator)]
        scaled = config.precision == "mixed_float16"
        scales = [build_loss_scale() if scaled else None for _ in adams]
        adaptive = [build_adaptive_strength()] if config.augmentation.is_adaptive else []
        networks = generator, discriminator, average_generator
        return TrainingState(stage, *networks, *adams, *scales, *adaptive)


def grow_state(
    previous: TrainingState, stage: Stage, config: TrainingConfig, strategy: tf.distribute.Strategy
) -> tuple[TrainingState, Carried]:
    """Builds the state of the next stage, with the weights of the previous one.

    As published, Adam starts from scratch, unless `config.keep_optimizer_state`.
    """
    # Reference cycles keep the old compiled step alive: gigabytes, which also made tracing the
    # next one take three times as long at 256 px.
    gc.collect()
    state = build_state(stage, config, strategy)
    carried = carry_weights(previous.weights(), state.weights())
    # A loss scale that suits one stage is close to what suits the next.
    carry_weights(previous.loss_scales(), state.loss_scales())
    if previous.adaptive_strength and state.adaptive_strength:
        # Not its averages: another critic scores in another way.
        state.adaptive_strength.strength.assign(previous.adaptive_strength.strength)
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
    optimizer.build(model.trainable_variables)  # a compiled step must not create variables
    return optimizer
