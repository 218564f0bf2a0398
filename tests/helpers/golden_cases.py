"""Reads the reference numbers of `tests/golden` into this project's terms."""

import dataclasses
import functools
import json

import numpy as np

from pgan_tf.config.training import LossConfig, NetworkConfig
from pgan_tf.networks.growth import set_alpha
from pgan_tf.networks.official import names
from tests.helpers.places import TESTS

GOLDEN = TESTS / "golden"
CASES = ("base", "conditional", "separate_scale", "ablated", "wide_group")
KINDS = {"G": "generator", "D": "discriminator"}


@dataclasses.dataclass(frozen=True)
class GoldenCase:
    """One set of networks: options and arrays."""

    options: dict
    arrays: dict

    @property
    def network(self) -> NetworkConfig:
        options, critic = self.options, self.options.get("D", {})
        both = {**options, **options.get("G", {})}
        names = ("resolution", "num_channels", "label_size", "fmap_base", "fmap_max")
        return NetworkConfig(
            **{name: options[name] for name in names},
            latent_size=both.get("latent_size", options["fmap_max"]),
            fmap_decay=options.get("fmap_decay", 1.0),
            normalize_latents=both.get("normalize_latents", True),
            equalized=options.get("use_wscale", True),
            pixel_norm=both.get("use_pixelnorm", True),
            generator_leaky_relu=both.get("use_leakyrelu", True),
            discriminator_leaky_relu=critic.get("use_leakyrelu", True),
            fused_scale=options.get("fused_scale", True),
            mbstd_group_size=critic.get("mbstd_group_size", 4),
        )

    @property
    def loss(self) -> LossConfig:
        target = self.options.get("D_loss", {}).get("wgan_target", 1.0)
        return LossConfig(gradient_target=target)

    def set_weights(self, model, network: str, prefix: str = "", lod: float = 0.0) -> None:
        """Gives a model the reference's weights, and the alpha of a level of detail."""
        for variable in model.trainable_variables:
            name = "/".join(variable.path.split("/")[-2:])
            variable.assign(self.array(prefix, network, name, variable.shape))
        set_alpha(model, names.alpha_at_lod(lod, self.network.resolution))

    def stage(self, lod: float):
        return names.stage_at_lod(lod, self.network.resolution)

    def array(self, prefix: str, network: str, variable: str, shape) -> np.ndarray:
        """The reference's array for one of our variables; zeros where it has none."""
        key = f"{prefix}{network}/{self.reference_name(network, variable)}"
        if key not in self.arrays:
            return np.zeros(shape, np.float32)
        return names.to_our_layout(self.arrays[key], KINDS[network], variable)

    def reference_name(self, network: str, variable: str) -> str:
        return names.published_variable(KINDS[network], variable, self.network)


@functools.cache
def load_case(name: str) -> GoldenCase:
    with np.load(GOLDEN / f"{name}.npz") as file:
        arrays = {key: file[key] for key in file.files}
    options = json.loads(bytes(arrays.pop("case.json")).decode())
    return GoldenCase(options, arrays)
