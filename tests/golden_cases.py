"""Reads the reference numbers of `tests/golden` into this project's terms.

The reference's layers are named by level of detail and laid out for NCHW;
`to_ours` says which of our variables each is, and how it is laid out there.
"""

import dataclasses
import functools
import json
import math
import pathlib

import numpy as np

from pgan_tf import networks, schedule
from pgan_tf.config import LossConfig, NetworkConfig

GOLDEN = pathlib.Path(__file__).parent / "golden"
CASES = ("base", "conditional", "separate_scale", "ablated", "wide_group")


@dataclasses.dataclass(frozen=True)
class GoldenCase:
    """One set of networks: options and arrays."""

    options: dict
    arrays: dict

    @property
    def network(self) -> NetworkConfig:
        options = self.options
        both = {**options, **options.get("G", {})}
        fmap_max = options["fmap_max"]
        return NetworkConfig(
            resolution=options["resolution"],
            num_channels=options["num_channels"],
            label_size=options["label_size"],
            latent_size=both.get("latent_size", fmap_max),
            fmap_base=options["fmap_base"],
            fmap_decay=options.get("fmap_decay", 1.0),
            fmap_max=fmap_max,
            normalize_latents=both.get("normalize_latents", True),
            equalized=options.get("use_wscale", True),
            pixel_norm=both.get("use_pixelnorm", True),
            generator_leaky_relu=both.get("use_leakyrelu", True),
            discriminator_leaky_relu=options.get("D", {}).get("use_leakyrelu", True),
            fused_scale=options.get("fused_scale", True),
            mbstd_group_size=options.get("D", {}).get("mbstd_group_size", 4),
        )

    @property
    def loss(self) -> LossConfig:
        target = self.options.get("D_loss", {}).get("wgan_target", 1.0)
        return LossConfig(gradient_target=target)

    def stage(self, lod: float) -> schedule.Stage:
        """The stage that a level of detail falls in (its images are immaterial)."""
        resolution = self.options["resolution"] >> math.floor(lod)
        phase = "stabilize" if lod == int(lod) else "fade_in"
        return schedule.Stage(0, resolution, phase, 1, 99)

    def set_weights(self, model, network: str, prefix: str = "", lod: float = 0.0) -> None:
        """Gives a model the reference's weights, and the alpha of a level of detail."""
        for variable in model.trainable_variables:
            layer, kind = variable.path.split("/")[-2:]
            variable.assign(self.array(prefix, network, layer, kind, variable.shape))
        networks.set_alpha(model, 1 - lod % 1)

    def array(self, prefix: str, network: str, layer: str, kind: str, shape) -> np.ndarray:
        """The reference's array for one of our variables; zeros where it has none."""
        name = self.reference_name(layer, network)
        reference_kind = "weight" if kind == "kernel" else kind
        key = f"{prefix}{network}/{name}/{reference_kind}"
        if key not in self.arrays:
            return np.zeros(shape, np.float32)
        return to_our_layout(self.arrays[key], network, layer, kind)

    def reference_name(self, layer: str, network: str) -> str:
        level, kind = layer.split("_", 1)
        lod = int(math.log2(self.options["resolution"] // int(level.split("x")[0])))
        if kind in ("to_rgb", "from_rgb"):
            return {"to_rgb": "ToRGB_lod", "from_rgb": "FromRGB_lod"}[kind] + str(lod)
        fused = self.options.get("fused_scale", True)
        suffix = {("G", "conv0"): "_up", ("D", "conv1"): "_down"}.get((network, kind), "")
        return f"{level}/{kind.capitalize()}" + (suffix if fused else "")


def to_our_layout(array, network: str, layer: str, kind: str) -> np.ndarray:
    """Channels-first dense layers to channels-last; everything else is as it is."""
    if kind == "kernel" and (network, layer) == ("G", "4x4_dense"):
        n = array.shape[0]
        return array.reshape(n, -1, 4, 4).transpose(0, 2, 3, 1).reshape(n, -1)
    if kind == "kernel" and (network, layer) == ("D", "4x4_dense0"):
        n = array.shape[1]
        return array.reshape(-1, 4, 4, n).transpose(1, 2, 0, 3).reshape(-1, n)
    return array


@functools.cache
def load_case(name: str) -> GoldenCase:
    with np.load(GOLDEN / f"{name}.npz") as file:
        arrays = {key: file[key] for key in file.files}
    options = json.loads(bytes(arrays.pop("case.json")).decode())
    return GoldenCase(options, arrays)
