"""A trained generator, of a run folder, a checkpoint or a published pickle."""

import dataclasses
from typing import Literal

import keras

from pgan_tf.config.schedule import Stage
from pgan_tf.config.training import NetworkConfig
from pgan_tf.networks import official
from pgan_tf.runs import checkpoint


@dataclasses.dataclass(frozen=True)
class Trained:
    """A trained generator and what is known of it: empty, or None, where it is not known."""

    generator: keras.Model  # see `networks.build_generator`
    network: NetworkConfig
    stage: Stage  # that it was taken in
    alpha: float  # how far the stage's new layers have faded in, 0 to 1
    source: str  # the file that it was read from
    training_data: str = ""  # in words
    kimg: float | None = None  # thousands of real images that it was trained on
    weights: str = ""  # see `Weights`
    label_names: tuple[str, ...] = ()  # of the classes, in order
    published: bool = False  # it comes from a pickle of the published implementation

    @property
    def fading_in(self) -> bool:
        """Whether its pictures are a blend of two resolutions."""
        return self.stage.fades_in and self.alpha < 1


Weights = Literal["average_generator", "generator"]  # the running average, or the last step's


def from_run(run_dir: str, weights: Weights = "average_generator") -> Trained:
    """Reads a generator from a run folder's last checkpoint. UserError if none, or damaged."""
    return _from_checkpoint(checkpoint.read_run(run_dir, [weights]), weights)


def from_checkpoint(path: str, weights: Weights = "average_generator") -> Trained:
    """Reads a generator from a checkpoint. UserError if it is absent, damaged or not ours."""
    return _from_checkpoint(checkpoint.read(path, [weights]), weights)


def from_official(path: str, weights: Weights = "average_generator") -> Trained:
    """Reads Gs or G from a pickle of the published implementation, as `official.read` does."""
    network = getattr(official.read(path), weights)
    return Trained(
        generator=official.build(network),
        network=network.config,
        stage=network.stage,
        alpha=network.alpha,
        source=path,
        weights=weights,
        published=True,
    )


def _from_checkpoint(saved: checkpoint.Checkpoint, weights: Weights) -> Trained:
    return Trained(
        generator=checkpoint.load_generator(saved, weights),
        network=saved.config.network,
        stage=saved.stage,
        alpha=saved.alpha,
        source=saved.path,
        training_data=saved.config.dataset,
        kimg=saved.images_shown / 1000,
        weights=weights,
        label_names=saved.config.label_names,
    )
