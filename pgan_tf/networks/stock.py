"""The folded generator in Keras's own layers, so that Keras opens its file without this project.

Pixel norm (paper, §4.2) is `RMSNormalization` over channels, with its scale left at 1. A fade (§2)
is the sum of two RGB layers. The last layer clips pictures to [-1, 1].
"""

import dataclasses
from typing import Any

import keras
import numpy as np

from pgan_tf.config.networks import resolutions_above_lowest
from pgan_tf.networks.folded import InferenceGenerator
from tfrecords.common.shape import CELLS, PAPER, Base

_EPSILON = 1e-8  # of pixel norm


@dataclasses.dataclass(frozen=True)
class StockPlan:
    """What determines the layers of a folded generator."""

    latent_size: int
    label_size: int  # 0 without classes
    num_channels: int
    maps: tuple[int, ...]  # feature maps at 4 px, 8 px, … up to its own resolution
    fades: bool
    normalize_latents: bool
    pixel_norm: bool
    leaky_relu: bool
    tanh: bool
    base: Base = PAPER

    @property
    def resolution(self) -> int:
        """The resolution of its pictures, whose shape is that of the base."""
        return 2 * 2 ** len(self.maps)

    @property
    def parameters(self) -> int:
        """How many numbers the model of `build_stock` keeps, at least; without those of norms."""
        first, last = self.maps[0], self.maps[-1]
        count = (self.latent_size + self.label_size + 1) * self.base.cells * first
        count += 9 * first**2
        for below, here in zip(self.maps, self.maps[1:], strict=False):
            count += 16 * below * here + 9 * here**2
        return count + self.num_channels * last


def plan_of(generator: InferenceGenerator) -> StockPlan:
    """Returns the plan of a folded generator."""
    config = generator.config
    return StockPlan(
        latent_size=config.latent_size,
        label_size=config.label_size,
        num_channels=config.num_channels,
        maps=tuple(layer.bias.shape[0] for layer in generator.convolutions[::2]),
        fades=generator.to_rgb_below is not None,
        normalize_latents=config.normalize_latents,
        pixel_norm=config.pixel_norm,
        leaky_relu=config.generator_leaky_relu,
        tanh=config.tanh,
        base=config.base,
    )


def build_stock(plan: StockPlan) -> keras.Model:
    """Builds the model of a plan, with weights of zero.

    It maps `latents` (batch, latent_size) or, with classes, `[latents, labels]`, labels (batch,
    label_size), to pictures (batch, height, width, num_channels) in [-1, 1], all float32.
    """
    layers = keras.layers
    inputs = [keras.Input((plan.latent_size,), name="latents")]
    x = inputs[0]
    if plan.label_size:
        inputs.append(keras.Input((plan.label_size,), name="labels"))
        x = layers.Concatenate(name="latents_and_labels")(inputs)
    if plan.normalize_latents:
        x = layers.RMSNormalization(epsilon=_EPSILON, name="normalized_latents")(x)
    maps = plan.maps[0]
    x = layers.Dense(plan.base.cells * maps, kernel_initializer="zeros", name="4x4_dense")(x)
    shape = (*plan.base.shape(4), maps)
    x = _finish(plan, "4x4_dense", layers.Reshape(shape, name="4x4_maps")(x))
    x = below = _finish(plan, "4x4_conv", _conv("4x4_conv", maps, 3)(x))
    resolutions = resolutions_above_lowest(plan.resolution)
    for resolution, maps in zip(resolutions, plan.maps[1:], strict=True):
        below, name = x, f"{resolution}x{resolution}_conv"
        options = {"strides": 2, "padding": "same", "kernel_initializer": "zeros"}
        up = layers.Conv2DTranspose(maps, 4, name=f"{name}0", **options)
        x = _finish(plan, f"{name}0", up(x))
        x = _finish(plan, f"{name}1", _conv(f"{name}1", maps, 3)(x))
    images = _conv(_to_rgb(plan.resolution), plan.num_channels, 1)(x)
    if plan.fades:
        old = _conv(_to_rgb(plan.resolution // 2), plan.num_channels, 1)(below)
        old = layers.UpSampling2D(2, interpolation="nearest", name="old_upsample")(old)
        images = layers.Add(name="fade")([old, images])
    # Keras's name for clipping to [-1, 1].
    last, name = ("tanh", "tanh") if plan.tanh else ("hard_tanh", "clip")
    images = layers.Activation(last, name=name)(images)
    return keras.Model(inputs if plan.label_size else inputs[0], images, name="generator")


def to_stock(generator: InferenceGenerator) -> keras.Model:
    """Converts a folded generator of the form "fused"; see `build_stock`."""
    plan = plan_of(generator)
    model = build_stock(plan)
    names = ["4x4_conv"]
    for resolution in resolutions_above_lowest(plan.resolution):
        names += [f"{resolution}x{resolution}_conv{i}" for i in (0, 1)]
    trained = {"4x4_dense": generator.dense, _to_rgb(plan.resolution): generator.to_rgb}
    trained |= dict(zip(names, generator.convolutions, strict=True))
    if generator.to_rgb_below:
        trained[_to_rgb(plan.resolution // 2)] = generator.to_rgb_below
    for name, layer in trained.items():
        bias = layer.bias.numpy()
        if name == "4x4_dense":  # each channel has a column per pixel
            bias = np.tile(bias, plan.base.cells)
        model.get_layer(name).set_weights([layer.kernel.numpy(), bias])
    return model


def read_plan(layers: dict[str, dict[str, Any]]) -> StockPlan:
    """Returns the plan of a model from `build_stock`, from its layers' configurations by name.

    For other models it raises an error, or returns the plan of another model.
    """
    widths = {name: one["filters"] for name, one in layers.items() if "filters" in one}
    names = [f"{2**n}x{2**n}_conv1" for n in range(3, 3 + len(layers))]
    maps = [widths["4x4_conv"], *(widths[name] for name in names if name in widths)]
    labels = layers["labels"]["batch_shape"][1] if "labels" in layers else 0
    resolution = 2 * 2 ** len(maps)
    plan = StockPlan(
        latent_size=layers["latents"]["batch_shape"][1],
        label_size=labels,
        num_channels=widths[_to_rgb(resolution)],
        maps=tuple(maps),
        fades="fade" in layers,
        normalize_latents="normalized_latents" in layers,
        pixel_norm="4x4_conv_norm" in layers,
        leaky_relu=layers["4x4_conv_activation"]["negative_slope"] > 0,
        tanh="tanh" in layers,
        base=Base(*layers["4x4_maps"]["target_shape"][1::-1]),
    )
    numbers = plan.latent_size, plan.label_size, plan.num_channels, *plan.maps
    if not all(isinstance(number, int) and 0 <= number < 2**20 for number in numbers):
        raise ValueError("sizes that are no sizes")
    if not all(cells in CELLS for cells in (plan.base.width, plan.base.height)):
        raise ValueError("another shape")
    return plan


def _finish(plan: StockPlan, name: str, x: Any) -> Any:
    """Applies what follows a layer; see `layer_maker.finish_features`."""
    options = {"name": f"{name}_activation"}
    relu = keras.layers.ReLU(**options)
    x = (keras.layers.LeakyReLU(0.2, **options) if plan.leaky_relu else relu)(x)
    if plan.pixel_norm:
        x = keras.layers.RMSNormalization(epsilon=_EPSILON, name=f"{name}_norm")(x)
    return x


def _conv(name: str, maps: int, size: int) -> keras.layers.Layer:
    options = {"padding": "same", "kernel_initializer": "zeros", "name": name}
    return keras.layers.Conv2D(maps, size, **options)


def _to_rgb(resolution: int) -> str:
    return f"{resolution}x{resolution}_to_rgb"
