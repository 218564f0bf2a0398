"""Reads published pickles into settings, arrays and Keras models, without running their code."""

import dataclasses
import pickle
from typing import Any

import keras
import numpy as np

from pgan_tf.config.networks import NetworkConfig
from pgan_tf.config.schedule import Stage
from pgan_tf.networks.discriminator import build_discriminator
from pgan_tf.networks.generator import build_generator
from pgan_tf.networks.growth import named_variables, set_alpha
from pgan_tf.networks.official import names
from pgan_tf.networks.official.theano import convert
from tfrecords.common.errors import UserError
from tfrecords.common.paths import read_whole
from tfrecords.pickles import safe_pickle
from tfrecords.pickles.arrays import PickledObject, plain, printable
from tfrecords.pictures.kinds import sniff

_KINDS: dict[str, names.Kind] = {"G_paper": "generator", "D_paper": "discriminator"}
# The published functions' arguments by our names. Defaults also give the expected types.
_DEFAULTS: dict[str, Any] = {"num_channels": 1, "resolution": 32, "label_size": 0}
_DEFAULTS |= {"fmap_base": 8192, "fmap_decay": 1.0, "fmap_max": 512, "normalize_latents": True}
_DEFAULTS |= {"use_wscale": True, "use_pixelnorm": True, "use_leakyrelu": True}
_DEFAULTS |= {"fused_scale": True, "mbstd_group_size": 4}
_OUR_NAMES = {"use_wscale": "equalized", "use_pixelnorm": "pixel_norm"}
_OUR_NAMES |= {"use_leakyrelu": "generator_leaky_relu"}
# Settings that must be the same in both networks.
_SHARED: tuple[str, ...] = ("resolution", "num_channels", "label_size", "fmap_base")
_SHARED += ("fmap_decay", "fmap_max", "equalized", "fused_scale")
_MOST_BYTES = 2**31  # of the file; the networks of 1024 px take 277 MB
_MOST_OPERATIONS = 50_000  # ten times what the networks of 1024 px take

# Modules and functions of StyleGAN, StyleGAN2, 2-ADA and 3, in TensorFlow and in PyTorch.
_STYLEGAN = (
    *(b"dnnlib", b"torch_utils.persistence", b"training.networks", b"networks_stylegan"),
    *(b"G_style", b"G_mapping", b"G_synthesis", b"D_stylegan"),
)


@dataclasses.dataclass(frozen=True)
class OfficialNetwork:
    """One network of a published pickle.

    It was saved at a level of detail (lod), log2(final resolution / resolution): 0 when finished.
    During a fade, its fraction is the weight of the lower resolution.
    """

    kind: names.Kind
    config: NetworkConfig  # settings of the other network have their defaults
    lod: float
    arrays: dict[str, np.ndarray]  # for all resolutions, float32, with our names and layouts

    @property
    def stage(self) -> Stage:
        """The stage of growth in which the network was saved."""
        return names.stage_at_lod(self.lod, self.config.resolution)

    @property
    def alpha(self) -> float:
        """How far that stage's new layers have faded in, 0 to 1."""
        return names.alpha_at_lod(self.lod, self.config.resolution)


@dataclasses.dataclass(frozen=True)
class OfficialNetworks:
    """The three networks in a published pickle."""

    source: str  # the file
    generator: OfficialNetwork  # G, as training left it
    discriminator: OfficialNetwork
    average_generator: OfficialNetwork  # Gs, the running average of G: the one to draw with

    @property
    def config(self) -> NetworkConfig:
        """The settings of all three networks. Raises UserError if they contradict each other."""
        config, critic = self.generator.config, self.discriminator.config
        if self.average_generator.config != config:
            raise UserError(f"{self.source}: expected G and Gs with the same settings, got others")
        for name in _SHARED:
            if (here := getattr(config, name)) != (there := getattr(critic, name)):
                same = f"G and D with the same {name}"
                raise UserError(f"{self.source}: expected {same}, got {here} and {there}")
        return dataclasses.replace(config, mbstd_group_size=critic.mbstd_group_size)


class _SavedNetwork(PickledObject):
    """A pickled network. `state` holds its fields by name; `plain` converts their values."""

    __slots__ = ("state",)

    def set_state(self, state: Any) -> None:
        if not isinstance(state, dict):
            raise pickle.UnpicklingError("a network without fields")
        self.state = state


# The network classes of the TensorFlow and Theano versions.
_CLASSES = {("tfutil", "Network"): _SavedNetwork, ("network", "Network"): _SavedNetwork}


def read(path: str) -> OfficialNetworks:
    """Reads a published pickle (TensorFlow or Theano, local or remote) without running its code.

    Raises UserError if it is missing, damaged, not a pickle, or holds other networks.
    """
    saved = _unpickle(read_whole(path, _MOST_BYTES), path)
    is_three = isinstance(saved, (tuple, list)) and len(saved) == 3
    if not is_three or not all(isinstance(one, _SavedNetwork) for one in saved):
        raise UserError(f"{path}: expected a pickle of three networks, (G, D, Gs), got another")
    networks = []
    for name, one in zip(("G", "D", "Gs"), saved, strict=True):
        try:
            networks.append(_read_network(one.state))
        except UserError as error:
            raise UserError(f"{path}: {name}: {error}") from None
        except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError) as error:
            message = "expected a network of the published implementation, got other fields"
            raise UserError(f"{path}: {name}: {message} ({printable(error)})") from None
    kinds = [one.kind for one in networks]
    if kinds != ["generator", "discriminator", "generator"]:
        raise UserError(f"{path}: expected (G, D, Gs), got {', '.join(kinds)}")
    return OfficialNetworks(path, *networks)


def build(network: OfficialNetwork, lod: float | None = None) -> keras.Model:
    """Builds a published network with its weights, at `lod` or as it was saved."""
    lod = network.lod if lod is None else lod
    resolution = network.config.resolution
    make = build_generator if network.kind == "generator" else build_discriminator
    model = make(names.stage_at_lod(lod, resolution), network.config)
    for name, variable in named_variables(model).items():
        variable.assign(network.arrays[name])
    set_alpha(model, names.alpha_at_lod(lod, resolution))
    return model


def _unpickle(data: bytes, path: str) -> Any:
    try:
        return safe_pickle.load(data, path, "networks", _MOST_OPERATIONS, _CLASSES)
    except UserError:
        expected = f"{path}: expected a pickle of networks"
        if kind := sniff(data):
            message = f"{expected}, got a picture ({kind.name}): name the pickle"
            raise UserError(message) from None
        for name in (one.decode() for one in _STYLEGAN if one in data):
            got = f"of Progressive GAN, got one of StyleGAN (it asks for {name})"
            remedy = "use the program that wrote it; refused, and nothing in it was run"
            raise UserError(f"{expected} {got}: {remedy}") from None
        raise


def _read_network(state: dict[str, Any]) -> OfficialNetwork:
    if "build_func_spec" in state:  # the Theano version
        state = convert(state)
    function = state["build_func_name"]
    if function not in _KINDS:
        other = "other networks, such as StyleGAN's, are not known"
        raise UserError(f"expected G_paper or D_paper, got {printable(function)}: {other}")
    kind = _KINDS[function]
    config = _make_config({name: plain(value) for name, value in state["static_kwargs"].items()})
    published = {name: np.asarray(plain(value)) for name, value in state["variables"]}
    lod = float(published.get("lod", 0.0))
    if not np.isfinite(lod):
        raise UserError(f"expected lod to be a number, got {lod}")
    arrays = {}
    for layer in names.layers_of_all_stages(kind, config).values():
        for part, shape in layer.variables:
            variable = f"{layer.name}/{part}"
            name = names.published_variable(kind, variable, config)
            if name not in published:
                raise UserError(f"expected {name}, which is missing")
            array = names.to_our_layout(published[name], kind, variable)
            if array.shape != shape:
                raise UserError(f"expected {name} for the shape {shape}, got {array.shape}")
            arrays[variable] = array.astype(np.float32, copy=False)
    return OfficialNetwork(kind, config, lod, arrays)


def _make_config(options: dict[str, Any]) -> NetworkConfig:
    """Converts the published functions' arguments to ours and skips unknown ones."""

    def read_number(name: str, default: Any) -> Any:
        value = options.get(name, default)
        if not isinstance(value, (bool, int, float, np.number, np.bool_)):
            raise UserError(f"expected {name} to be a number, got {printable(value)}")
        return type(default)(value)

    config = {_OUR_NAMES.get(it, it): read_number(it, value) for it, value in _DEFAULTS.items()}
    epsilon = options.get("pixelnorm_epsilon", 1e-8)
    if epsilon != 1e-8:
        raise UserError(f"expected pixelnorm_epsilon 1e-8, got {printable(epsilon)}")
    config["latent_size"] = min(config["fmap_base"], config["fmap_max"])
    if options.get("latent_size") is not None:
        config["latent_size"] = read_number("latent_size", 0)
    if config["mbstd_group_size"] <= 1:  # no such layer for groups of one
        config["mbstd_group_size"] = 0
    return NetworkConfig(**config)
