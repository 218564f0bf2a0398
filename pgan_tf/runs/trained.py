"""A generator to use, wherever it comes from: a run folder, a checkpoint, a published pickle."""

from __future__ import annotations

import dataclasses
from typing import Literal

import keras

from pgan_tf.config.schedule import Stage
from pgan_tf.config.training import NetworkConfig
from pgan_tf.networks import official
from pgan_tf.runs import checkpoint


@dataclasses.dataclass(frozen=True)
class Trained:
    """A trained generator and what is known of it.

    Attributes:
        generator: see `networks.build_generator`, with its weights and its alpha.
        network: the networks' configuration.
        stage: the stage of growth that it was taken in.
        alpha: how far that stage's new layers have faded in, 0 to 1.
        source: the file that it was read from.
        training_data: what it was trained on, in words; empty where that is unknown.
        kimg: thousands of real images it was trained on; None where that is unknown.
        weights: the network that was taken, see `Weights`; empty where that is unknown.
        label_names: of the classes, in order; empty where they have none, or it is unknown.
        published: it comes from a pickle of the published implementation.
    """

    generator: keras.Model
    network: NetworkConfig
    stage: Stage
    alpha: float
    source: str
    training_data: str = ""
    kimg: float | None = None
    weights: str = ""
    label_names: tuple[str, ...] = ()
    published: bool = False

    @property
    def fading_in(self) -> bool:
        """Whether its pictures are a blend of two resolutions."""
        return self.stage.fades_in and self.alpha < 1


Weights = Literal["average_generator", "generator"]


def from_run(run_dir: str, weights: Weights = "average_generator") -> Trained:
    """Reads a generator from the last checkpoint of a run folder.

    Args:
        run_dir: a folder of train.py.
        weights: the running average, or what the last step left.

    Raises:
        UserError: there is no checkpoint, or it is damaged.
    """
    return _from_checkpoint(checkpoint.read_run(run_dir, [weights]), weights)


def from_checkpoint(path: str, weights: Weights = "average_generator") -> Trained:
    """Reads a generator from a checkpoint.

    Args:
        path: a file of a run's `checkpoints` folder.
        weights: see `from_run`.

    Raises:
        UserError: it is not there, damaged, or none of ours.
    """
    return _from_checkpoint(checkpoint.read(path, [weights]), weights)


def from_official(path: str, weights: Weights = "average_generator") -> Trained:
    """Reads a generator from a pickle of the published implementation.

    Args:
        path: see `official.read`.
        weights: Gs, the running average, or G.

    Raises:
        UserError: see `official.read`.
    """
    networks = official.read(path)
    average = weights == "average_generator"
    network = networks.average_generator if average else networks.generator
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
