"""The three networks of a published pickle: settings and arrays, in this project's terms."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from pgan_tf.config.schedule import Stage
from pgan_tf.config.training import NetworkConfig
from pgan_tf.networks.official.names import (
    Kind,
    alpha_at_lod,
    layers_of_all_stages,
    published_variable,
    stage_at_lod,
    to_our_layout,
)
from pgan_tf.networks.official.theano import convert, is_theano
from pgan_tf.networks.official.unpickler import SavedNetwork, load
from tfrecords.common.errors import UserError
from tfrecords.common.paths import read_whole
from tfrecords.pickles.pieces import plain, printable

_FUNCTIONS: dict[str, Kind] = {"G_paper": "generator", "D_paper": "discriminator"}
# What the published functions take where nothing else is given.
_DEFAULTS = {
    "num_channels": 1,
    "resolution": 32,
    "label_size": 0,
    "fmap_base": 8192,
    "fmap_decay": 1.0,
    "fmap_max": 512,
    "latent_size": None,
    "normalize_latents": True,
    "use_wscale": True,
    "use_pixelnorm": True,
    "use_leakyrelu": True,
    "fused_scale": True,
    "mbstd_group_size": 4,
}
# Of the file; the networks of 1024 px take 277 MB.
_MOST_BYTES = 2**31
# Settings that both networks have, and have to agree on.
_SHARED = (
    *("resolution", "num_channels", "label_size", "fmap_base", "fmap_decay", "fmap_max"),
    *("equalized", "fused_scale"),
)


@dataclasses.dataclass(frozen=True)
class OfficialNetwork:
    """One network of a published pickle.

    Attributes:
        kind: a generator or a discriminator.
        config: its settings; those of the other kind are defaults.
        lod: the level of detail it was saved at: log2(final resolution / resolution), whose
            fraction is how far the lower resolution still shows. 0 for a finished network.
        arrays: every weight and bias of every resolution by this project's names, such as
            `16x16_conv0/kernel`, float32, laid out as this project's layers keep them.
    """

    kind: Kind
    config: NetworkConfig
    lod: float
    arrays: dict[str, np.ndarray]

    @property
    def stage(self) -> Stage:
        """The stage of growth that it was saved in."""
        return stage_at_lod(self.lod, self.config.resolution)

    @property
    def alpha(self) -> float:
        """How far that stage's new layers have faded in, 0 to 1."""
        return alpha_at_lod(self.lod, self.config.resolution)


@dataclasses.dataclass(frozen=True)
class OfficialNetworks:
    """What a published pickle holds.

    Attributes:
        source: the file.
        generator: G, as training left it.
        discriminator: D.
        average_generator: Gs, the running average of G: the one to draw with.
    """

    source: str
    generator: OfficialNetwork
    discriminator: OfficialNetwork
    average_generator: OfficialNetwork

    @property
    def config(self) -> NetworkConfig:
        """The settings of all three.

        Raises:
            UserError: they do not make one pair of networks.
        """
        config, critic = self.generator.config, self.discriminator.config
        if self.average_generator.config != config:
            raise UserError(f"{self.source}: expected G and Gs with the same settings, got others")
        for name in _SHARED:
            here, there = getattr(config, name), getattr(critic, name)
            if here != there:
                raise UserError(
                    f"{self.source}: expected G and D with the same {name}, got {here} and {there}"
                )
        return dataclasses.replace(config, mbstd_group_size=critic.mbstd_group_size)


def read(path: str) -> OfficialNetworks:
    """Reads a pickle of the published implementation, of the TensorFlow or the Theano version.

    Nothing in the file is run; see `unpickler`.

    Args:
        path: a file with (G, D, Gs), local or remote.

    Raises:
        UserError: it is not there, is none, is damaged, or holds other networks than the paper's.
    """
    saved = load(read_whole(path, _MOST_BYTES), path)
    if (
        not isinstance(saved, (tuple, list))
        or len(saved) != 3
        or not all(isinstance(one, SavedNetwork) for one in saved)
    ):
        raise UserError(f"{path}: expected a pickle of three networks, (G, D, Gs), got another")
    networks = []
    for name, one in zip(("G", "D", "Gs"), saved, strict=True):
        try:
            networks.append(_read_network(one.state))
        except UserError as error:
            raise UserError(f"{path}: {name}: {error}") from None
        except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError) as error:
            raise UserError(
                f"{path}: {name}: expected a network of the published implementation, got other "
                f"fields ({printable(error)})"
            ) from None
    if [one.kind for one in networks] != ["generator", "discriminator", "generator"]:
        raise UserError(
            f"{path}: expected (G, D, Gs), got {', '.join(one.kind for one in networks)}"
        )
    return OfficialNetworks(path, *networks)


def _read_network(state: dict[str, Any]) -> OfficialNetwork:
    if is_theano(state):
        state = convert(state)
    function = state["build_func_name"]
    if function not in _FUNCTIONS:
        raise UserError(
            f"expected G_paper or D_paper, got {printable(function)}: other networks, such as "
            "StyleGAN's, are not known"
        )
    kind = _FUNCTIONS[function]
    config = _make_config({name: plain(value) for name, value in state["static_kwargs"].items()})
    published = {name: np.asarray(plain(value)) for name, value in state["variables"]}
    lod = float(published.get("lod", 0.0))
    if not np.isfinite(lod):
        raise UserError(f"expected lod to be a number, got {lod}")
    arrays = {}
    layers = layers_of_all_stages(kind, config).values()
    shapes = {f"{one.name}/{name}": shape for one in layers for name, shape in one.variables}
    for variable, shape in shapes.items():
        name = published_variable(kind, variable, config)
        if name not in published:
            raise UserError(f"expected {name}, which is not there")
        array = to_our_layout(published[name], kind, variable)
        if array.shape != shape:
            raise UserError(f"expected {name} for the shape {shape}, got {array.shape}")
        arrays[variable] = array.astype(np.float32, copy=False)
    return OfficialNetwork(kind, config, lod, arrays)


def _make_config(options: dict[str, Any]) -> NetworkConfig:
    """Turns the published functions' arguments into ours; they leave out what is unknown."""
    given: dict[str, Any] = {name: options.get(name, one) for name, one in _DEFAULTS.items()}
    for name, value in given.items():
        is_number = isinstance(value, (bool, int, float, np.number, np.bool_))
        if not is_number and not (name == "latent_size" and value is None):
            raise UserError(f"expected {name} to be a number, got {printable(value)}")
    epsilon = options.get("pixelnorm_epsilon", 1e-8)
    if epsilon != 1e-8:
        raise UserError(f"expected pixelnorm_epsilon 1e-8, got {printable(epsilon)}")
    fmap_base, fmap_max = int(given["fmap_base"]), int(given["fmap_max"])
    latent_size, group_size = given["latent_size"], int(given["mbstd_group_size"])
    return NetworkConfig(
        resolution=int(given["resolution"]),
        num_channels=int(given["num_channels"]),
        label_size=int(given["label_size"]),
        latent_size=min(fmap_base, fmap_max) if latent_size is None else int(latent_size),
        fmap_base=fmap_base,
        fmap_decay=float(given["fmap_decay"]),
        fmap_max=fmap_max,
        normalize_latents=bool(given["normalize_latents"]),
        equalized=bool(given["use_wscale"]),
        pixel_norm=bool(given["use_pixelnorm"]),
        generator_leaky_relu=bool(given["use_leakyrelu"]),
        fused_scale=bool(given["fused_scale"]),
        # Groups of one have no such layer.
        mbstd_group_size=group_size if group_size > 1 else 0,
    )
