"""Loads a trained generator from a run folder, a checkpoint or a published pickle."""

import dataclasses
from typing import Literal

import keras

from pgan_tf.config.schedule import Stage
from pgan_tf.config.training import NetworkConfig
from pgan_tf.devices.strategy import has_gpu
from pgan_tf.networks import official
from pgan_tf.networks.discriminator import build_discriminator
from pgan_tf.networks.generator import build_generator
from pgan_tf.networks.growth import named_variables, set_alpha
from pgan_tf.networks.layers.fast import speed_up
from pgan_tf.runs.checkpoint import Checkpoint, read, read_run, restore

Weights = Literal["average_generator", "generator"]  # the running average or the current one


@dataclasses.dataclass(frozen=True)
class Trained:
    """A trained generator and what is known about it. Unknown fields are empty or None."""

    generator: keras.Model  # see `networks.build_generator`
    network: NetworkConfig
    stage: Stage  # the stage of growth in which it was saved
    alpha: float  # how far the stage's new layers have faded in, 0 to 1
    source: str  # the file from which it was read
    training_data: str = ""  # in words
    kimg: float | None = None  # thousands of real images shown in training
    weights: str = ""  # see `Weights`
    label_names: tuple[str, ...] = ()  # names of the classes, in order
    published: bool = False  # whether it comes from a pickle of the published implementation

    @property
    def fading_in(self) -> bool:
        """Whether its pictures blend two resolutions."""
        return self.stage.fades_in and self.alpha < 1


def from_run(run_dir: str, weights: Weights = "average_generator") -> Trained:
    """Loads a generator from a run's last checkpoint. UserError if missing or damaged."""
    return _from(read_run(run_dir, [weights]), weights)


def from_checkpoint(path: str, weights: Weights = "average_generator") -> Trained:
    """Loads a generator from a checkpoint. UserError if missing, damaged or not a checkpoint."""
    return _from(read(path, [weights]), weights)


def _from(saved: Checkpoint, weights: Weights) -> Trained:
    model, config, kimg = load_generator(saved, weights), saved.config, saved.images_shown / 1000
    generator = model, config.network, saved.stage, saved.alpha
    return Trained(*generator, saved.path, config.dataset, kimg, weights, config.label_names)


def from_official(path: str, weights: Weights = "average_generator") -> Trained:
    """Loads Gs or G from a pickle of the published implementation; see `official.read`."""
    network = getattr(official.read(path), weights)
    model, stage, alpha = official.build(network), network.stage, network.alpha
    return Trained(model, network.config, stage, alpha, path, weights=weights, published=True)


def load_discriminator(checkpoint: Checkpoint) -> keras.Model:
    """Builds a checkpoint's `discriminator`."""
    model = build_discriminator(checkpoint.stage, checkpoint.config.network)
    restore(checkpoint, named_variables(model), "discriminator/")
    set_alpha(model, checkpoint.alpha)
    return model


def load_generator(checkpoint: Checkpoint, network: str = "average_generator") -> keras.Model:
    """Builds a checkpoint's `average_generator` or `generator`."""
    model = build_generator(checkpoint.stage, checkpoint.config.network)
    restore(checkpoint, named_variables(model), f"{network}/")
    set_alpha(model, checkpoint.alpha)
    speed_up(model, winograd=not has_gpu())
    return model
