"""Weights from elsewhere, of another run or a published pickle, and whether a run can take them."""

from __future__ import annotations

import dataclasses
import posixpath

import numpy as np
import tensorflow as tf

from pgan_tf.config.networks import discriminator_layers, generator_layers
from pgan_tf.config.schedule import make_stages
from pgan_tf.config.training import NetworkConfig, TrainingConfig
from pgan_tf.networks import official
from pgan_tf.runs import checkpoint
from pgan_tf.runs.checkpoint import NETWORKS
from pgan_tf.runs.folder import checkpoint_folder, lost_config, read_config
from pgan_tf.training.class_weights import (
    DISCRIMINATOR_LAYER,
    GENERATOR_LAYER,
    ClassMap,
    carry_classes,
    map_classes,
)
from tfrecords.common.errors import UserError

# Where these differ, the same weights make another network.
_MUST_AGREE = (
    *("normalize_latents", "equalized", "pixel_norm"),
    *("generator_leaky_relu", "discriminator_leaky_relu"),
    *("generator_batch_norm", "discriminator_layer_norm", "tanh"),
)


@dataclasses.dataclass(frozen=True)
class Weights:
    """The weights of networks that have been trained before.

    Attributes:
        source: what messages call them, such as a path.
        network: the networks they are of.
        resolution: the highest one that has faded in, in pixels.
        arrays: by `network/layer/variable`, such as `generator/8x8_conv0/kernel`, as in
            checkpoints; for the three networks of `NETWORKS`.
        label_names: of its classes, in order; empty where they have none, or it is unknown.
    """

    source: str
    network: NetworkConfig
    resolution: int
    arrays: dict[str, np.ndarray]
    label_names: tuple[str, ...] = ()

    def classes_in(self, config: TrainingConfig) -> ClassMap:
        """Returns which of a run's classes are which of these."""
        size = self.network.label_size
        return map_classes(self.label_names, size, config.label_names, config.network.label_size)


def read_weights(path: str) -> Weights:
    """Reads the last checkpoint of a run folder, or a pickle of the published implementation.

    Raises:
        UserError: there is none, or it is damaged.
    """
    if path.endswith(".npz"):
        raise UserError(
            f"--init_from: expected a run folder or a pickle, got a checkpoint, {path!r}: name the "
            f"folder of its run"
        )
    if tf.io.gfile.exists(path) and not tf.io.gfile.isdir(path):
        return _read_pickle(path)
    newest = checkpoint.latest(checkpoint_folder(path))
    if newest is None:
        raise UserError(
            f"--init_from: expected a run folder with checkpoints or a pickle of the published "
            f"implementation, got {path!r}: name the --run_dir of a run of train.py, or the file"
        )
    saved = checkpoint.read(newest, NETWORKS)
    # What fades in is not ready: the resolution below is.
    resolution = saved.stage.resolution if saved.alpha == 1 else saved.stage.resolution // 2
    return Weights(newest, saved.config.network, resolution, saved.arrays, saved.config.label_names)


def _read_pickle(path: str) -> Weights:
    saved = official.read(path)
    networks = {name: getattr(saved, name) for name in NETWORKS}
    ready = [
        one.stage.resolution if one.alpha == 1 else one.stage.resolution // 2
        for one in networks.values()
    ]
    arrays = {
        f"{network}/{name}": array
        for network, one in networks.items()
        for name, array in one.arrays.items()
    }
    return Weights(path, saved.config, min(ready), arrays)


def weights_to_begin_with(init_from: str | None, run_dir: str) -> Weights | None:
    """Returns what a run begins with; None for initial values, and where it goes on.

    Args:
        init_from: what `read_weights` takes, or None.
        run_dir: the run; once it has a checkpoint, that holds everything.
    """
    if not init_from or checkpoint.latest(checkpoint_folder(run_dir)):
        return None
    if posixpath.normpath(init_from) == posixpath.normpath(run_dir):
        raise UserError(
            f"--init_from: expected another run than --run_dir, got {run_dir!r} for both: name "
            f"another --run_dir"
        )
    return read_weights(init_from)


def first_resolution(weights: Weights | None, run_dir: str, resolution: int) -> int:
    """Returns where a run with --init_from begins if nobody says so, in pixels.

    Args:
        weights: from `weights_to_begin_with`.
        run_dir: the run; what it was opened with holds, whatever became of its source.
        resolution: the run's last one, in pixels.
    """
    opened = read_config(run_dir)
    if opened is not None:
        return opened.schedule.initial_resolution
    if weights is None:
        raise lost_config(run_dir)
    return min(weights.resolution, resolution)


def check_weights(weights: Weights, config: TrainingConfig) -> None:
    """Checks, before anything is built, that a run can begin with weights.

    Raises:
        UserError: the same weights would make another network, or none of them fits.
    """
    network = config.network
    _check_same_arithmetic(weights, network)
    stage = make_stages(config.schedule)[0]
    layers = {"generator": generator_layers, "discriminator": discriminator_layers}
    shapes = {
        f"{name}/{layer.name}": {f"{name}/{layer.name}/{one}": shape for one, shape in variables}
        for name, layers_of in layers.items()
        for layer in layers_of(stage, network)
        if (variables := layer.variables)
    }
    of_classes = {
        name: np.zeros(shape, np.float32)
        for variables in shapes.values()
        for name, shape in variables.items()
        if is_of_classes(name)
    }
    arrays = carry_classes(
        as_stored(weights, network),
        of_classes,
        weights.classes_in(config),
        weights.network,
        network,
    )
    for name in layers:
        if not any(
            layer.startswith(f"{name}/")
            and all(one in arrays and arrays[one].shape == shape for one, shape in found.items())
            for layer, found in shapes.items()
        ):
            raise UserError(
                f"--init_from: expected a {name} like this run's, got {weights.source} of "
                f"which no layer fits: choose the same --fmap_base, --fmap_max and --latent_size"
            )


def as_stored(weights: Weights, network: NetworkConfig) -> dict[str, np.ndarray]:
    """Returns the arrays as this run's layers keep them.

    A fused upscaling convolution keeps its kernel transposed and rotated; see `layers`.
    """
    if weights.network.fused_scale == network.fused_scale:
        return weights.arrays
    return {
        name: array[::-1, ::-1].swapaxes(2, 3) if _upscales(name) else array
        for name, array in weights.arrays.items()
    }


def is_of_classes(name: str) -> bool:
    """Says whether a variable, by its name in checkpoints, has numbers for each class."""
    return f"/{GENERATOR_LAYER}/kernel" in name or f"/{DISCRIMINATOR_LAYER}/" in name


def _check_same_arithmetic(weights: Weights, network: NetworkConfig) -> None:
    for name in _MUST_AGREE:
        there, here = getattr(weights.network, name), getattr(network, name)
        if there != here:
            raise UserError(
                f"--init_from: expected networks with {name}={here} as in this run, got "
                f"{weights.source} with {there}: give --{'' if there else 'no'}{name}"
            )


def _upscales(name: str) -> bool:
    return "generator/" in name and name.endswith("_conv0/kernel")
