"""Weights from elsewhere, of another run or a published pickle, and whether a run can take them."""

import dataclasses
import posixpath
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from pgan_tf.config.networks import discriminator_layers, generator_layers
from pgan_tf.config.schedule import Stage, make_stages
from pgan_tf.config.training import NetworkConfig, TrainingConfig
from pgan_tf.networks import official
from pgan_tf.runs import checkpoint
from pgan_tf.runs.checkpoint import NETWORKS
from pgan_tf.runs.folder import checkpoint_folder, lost_config, read_config
from pgan_tf.training.class_weights import ClassMap, carry_classes, is_of_classes, map_classes
from tfrecords.common.errors import UserError

# Where these differ, the same weights make another network.
_MUST_AGREE = (
    *("normalize_latents", "equalized", "pixel_norm"),
    *("generator_leaky_relu", "discriminator_leaky_relu"),
    *("generator_batch_norm", "discriminator_layer_norm", "tanh"),
)


@dataclasses.dataclass(frozen=True)
class Weights:
    """The weights of networks that have been trained before."""

    source: str  # such as a path
    network: NetworkConfig
    resolution: int  # the highest one that has faded in, in pixels
    arrays: dict[str, np.ndarray]  # by name as in checkpoints, of all `NETWORKS`
    label_names: tuple[str, ...] = ()  # of the classes, in order; empty if unknown

    def classes_in(self, config: TrainingConfig) -> ClassMap:
        """Returns which of a run's classes are which of these."""
        size = self.network.label_size
        return map_classes(self.label_names, size, config.label_names, config.network.label_size)

    def arrays_for(
        self, config: TrainingConfig, initial: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Returns the arrays as a run's layers keep them; `initial` as of `carry_classes`."""
        arrays = self.arrays
        if self.network.fused_scale != config.network.fused_scale:
            # A fused upscaling convolution keeps its kernel transposed and rotated; see `layers`.
            arrays = {
                name: array[::-1, ::-1].swapaxes(2, 3)
                if "generator/" in name and name.endswith("_conv0/kernel")
                else array
                for name, array in arrays.items()
            }
        classes = self.classes_in(config)
        return carry_classes(arrays, initial, classes, self.network, config.network)


def read_weights(path: str) -> Weights:
    """Reads the last checkpoint of a run folder, or a pickle of the published implementation.

    Raises UserError if there is none, or it is damaged.
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
    resolution = _ready(saved.stage, saved.alpha)
    return Weights(newest, saved.config.network, resolution, saved.arrays, saved.config.label_names)


def _read_pickle(path: str) -> Weights:
    saved = official.read(path)
    networks = {name: getattr(saved, name) for name in NETWORKS}
    ready = min(_ready(one.stage, one.alpha) for one in networks.values())
    arrays = {
        f"{network}/{name}": array
        for network, one in networks.items()
        for name, array in one.arrays.items()
    }
    return Weights(path, saved.config, ready, arrays)


def _ready(stage: Stage, alpha: float) -> int:
    # What fades in is not ready: the resolution below is.
    return stage.resolution if alpha == 1 else stage.resolution // 2


def weights_to_begin_with(init_from: str | None, run_dir: str) -> Weights | None:
    """Reads what a run begins with; None for initial values, and where it goes on.

    Once the run has a checkpoint, that holds everything.
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
    """Returns the resolution at which a run with --init_from begins by default, in pixels.

    What a run was opened with holds, whatever became of its source. `resolution` is its last one.
    """
    opened = read_config(run_dir)
    if opened is not None:
        return opened.schedule.initial_resolution
    if weights is None:
        raise lost_config(run_dir)
    return min(weights.resolution, resolution)


def check_weights(weights: Weights, config: TrainingConfig) -> None:
    """Checks, before anything is built, that a run can begin with weights.

    Raises UserError if the same weights would make another network, or none of them fits.
    """
    for name in _MUST_AGREE:
        there, here = getattr(weights.network, name), getattr(config.network, name)
        if there != here:
            raise UserError(
                f"--init_from: expected networks with {name}={here} as in this run, got "
                f"{weights.source} with {there}: give --{'' if there else 'no'}{name}"
            )
    stage = make_stages(config.schedule)[0]
    for network, layers in (
        ("generator", generator_layers),
        ("discriminator", discriminator_layers),
    ):
        shapes = [
            {f"{network}/{layer.name}/{variable}": shape for variable, shape in layer.variables}
            for layer in layers(stage, config.network)
            if layer.variables
        ]
        initial = {
            name: np.zeros(shape, np.float32)
            for layer in shapes
            for name, shape in layer.items()
            if is_of_classes(name)
        }
        found = {name: array.shape for name, array in weights.arrays_for(config, initial).items()}
        if not any(layer.items() <= found.items() for layer in shapes):
            raise UserError(
                f"--init_from: expected a {network} like this run's, got {weights.source} of "
                f"which no layer fits: choose the same --fmap_base, --fmap_max and --latent_size"
            )
