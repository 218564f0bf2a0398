"""Faster ways to compute the same numbers: Winograd convolutions and kernels prepared once."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf

from pgan_tf.config.networks import winograd_pays, winograd_tile
from pgan_tf.networks.layers.convolution import Resample, apply_kernel, prepare_kernel
from pgan_tf.networks.layers.equalized import EqualizedConv2D, EqualizedDense
from pgan_tf.networks.layers.winograd import Winograd


class Fast(threading.local):
    """Faster versions of `convolve` and `multiply` in `layers.convolution`, for one layer.

    Within `shared_kernels` it keeps its prepared kernel, one for each replica's thread.
    """

    kernels: dict[Any, tf.Tensor] | None = None

    def __init__(self, winograd: bool, resample: Resample = None) -> None:
        self.winograd, self.resample = winograd, resample

    def convolve(self, x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """Convolves, with Winograd's algorithm if that is faster."""
        resample = self.resample
        if self.winograd and (fast := choose_winograd(x, kernel, resample)):
            return fast.convolve(x, self._prepared(fast, lambda: fast.transform_kernel(kernel)))
        plain = self._prepared(x.dtype, lambda: prepare_kernel(kernel, resample, x.dtype))
        return apply_kernel(x, plain, resample)

    def multiply(self, x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """Multiplies."""
        return tf.linalg.matmul(x, self._prepared(x.dtype, lambda: tf.cast(kernel, x.dtype)))

    def _prepared(self, key: Any, prepare: Callable[[], tf.Tensor]) -> tf.Tensor:
        if self.kernels is None:
            return prepare()
        if key not in self.kernels:
            self.kernels[key] = prepare()
        return self.kernels[key]


def speed_up(model: keras.Model, *, winograd: bool) -> None:
    """Makes a model's layers faster; `winograd` allows Winograd's algorithm, for CPUs."""
    for layer in model.layers:
        if isinstance(layer, (EqualizedConv2D, EqualizedDense)):
            layer.fast = Fast(winograd, getattr(layer, "resample", None))
            layer.convolve, layer.multiply = layer.fast.convolve, layer.fast.multiply


@contextlib.contextmanager
def shared_kernels(model: keras.Model) -> Iterator[None]:
    """Lets each layer of a model from `speed_up` prepare its kernel once for all calls within.

    The weights must not change within it. A gradient tape must enclose it.
    """
    layers = [layer for layer in model.layers if hasattr(layer, "fast")]
    for layer in layers:
        layer.fast.kernels = {}
    try:
        yield
    finally:
        for layer in layers:
            layer.fast.kernels = None


def choose_winograd(x: tf.Tensor, kernel: tf.Tensor, resample: Resample) -> Winograd | None:
    """Returns Winograd's algorithm if it beats `convolve(x, kernel, resample)`, else None."""
    height, width = (2 * side if resample == "up" else side for side in x.shape[1:3])
    shape, resamples, bfloat16 = tuple(kernel.shape), resample is not None, x.dtype == tf.bfloat16
    tile = winograd_tile(height, width)
    pays = winograd_pays(shape, max(height, width), resamples=resamples, bfloat16=bfloat16)
    return Winograd(tile, resample) if tile and pays else None
