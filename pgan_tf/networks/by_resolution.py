"""Builds a network for one resolution, with settings by name and without a schedule."""

import dataclasses
import math
from typing import Any

import keras

from pgan_tf.config.networks import NetworkConfig
from pgan_tf.config.per_resolution import LOWEST_RESOLUTION
from pgan_tf.config.schedule import Stage
from pgan_tf.config.setting import require
from pgan_tf.config.training import PRECISIONS
from pgan_tf.networks import discriminator, generator
from pgan_tf.networks.growth import set_alpha
from tfrecords.common.bounds import RESOLUTIONS, SEEDS, Bounds
from tfrecords.common.errors import UserError
from tfrecords.common.text import did_you_mean

_ALPHAS = Bounds(0, 1)
_SETTINGS = sorted(field.name for field in dataclasses.fields(NetworkConfig))


def build_generator(
    resolution: int = 1024,
    alpha: float | None = None,
    *,
    seed: int = 0,
    precision: str = "float32",
    **settings: Any,
) -> keras.Model:
    """Builds the generator of one stage of growth, with initial weights; see `generator`.

    It maps `[latents, labels]`, `(batch, latent_size)` and `(batch, label_size)` float32, to
    pictures `(batch, height, width, num_channels)` float32, about in [-1, 1].

    Args:
        resolution: Width and height of its pictures at this stage, in pixels. With `base_width` and
            `base_height`, of the base's cells, they are those times the resolution / 4.
        alpha: How far this resolution has faded in, 0 to 1; None in a stabilize stage.
        seed: Random seed for the initial weights.
        precision: One of `config.training.PRECISIONS`.
        settings: Fields of `NetworkConfig`, such as `fmap_base` or `label_size`. `latent_size`
            defaults to `fmap_max`. There is no final resolution: the networks of one stage do
            not depend on it.

    Raises:
        UserError: For an unknown setting, or a value out of bounds.
    """
    stage, config = _read(resolution, alpha, seed, precision, settings)
    model = generator.build_generator(stage, config, seed=seed, precision=precision)
    set_alpha(model, 1.0 if alpha is None else float(alpha))
    return model


def build_discriminator(
    resolution: int = 1024,
    alpha: float | None = None,
    *,
    seed: int = 0,
    precision: str = "float32",
    **settings: Any,
) -> keras.Model:
    """Builds the discriminator of one stage of growth, with initial weights; see `discriminator`.

    It maps pictures `(batch, height, width, num_channels)` float32 in [-1, 1] to
    `(scores, label_logits)`, `(batch,)` and `(batch, label_size)` float32. Arguments and errors are
    the same as for `build_generator`.
    """
    stage, config = _read(resolution, alpha, seed, precision, settings)
    model = discriminator.build_discriminator(stage, config, seed=seed, precision=precision)
    set_alpha(model, 1.0 if alpha is None else float(alpha))
    return model


def _read(
    resolution: int, alpha: float | None, seed: int, precision: str, settings: dict[str, Any]
) -> tuple[Stage, NetworkConfig]:
    for name in settings:
        if name not in _SETTINGS:
            meant = did_you_mean(name, _SETTINGS) or f": they are {', '.join(_SETTINGS)}"
            raise UserError(f"{name}: expected a setting of the networks, got another{meant}")
    RESOLUTIONS.check(resolution, "resolution")
    SEEDS.check(seed, "seed")
    require(precision in PRECISIONS, "precision", " or ".join(PRECISIONS), precision)
    if alpha is not None:
        _ALPHAS.check(alpha, "alpha")
        expected = f"none at {LOWEST_RESOLUTION} px, where nothing fades in"
        require(resolution > LOWEST_RESOLUTION, "alpha", expected, alpha)
    config = NetworkConfig(resolution=resolution, **settings)
    if "latent_size" not in settings:  # as in train.py
        config = dataclasses.replace(config, latent_size=config.fmap_max)
    # A made-up schedule in which each stage lasts for two images.
    level = 2 * int(math.log2(resolution // LOWEST_RESOLUTION))
    if alpha is None:
        return Stage(level, resolution, "stabilize", 2 * level, 2 * level + 1), config
    return Stage(level - 1, resolution, "fade_in", 2 * level - 2, 2 * level - 1), config
