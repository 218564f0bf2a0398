"""Optional faster ways to the same numbers: Winograd's convolutions, kernels prepared once."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf

from pgan_tf.config.networks import winograd_pays
from pgan_tf.networks.layers.convolution import Resample, apply_kernel, prepare_kernel
from pgan_tf.networks.layers.equalized import EqualizedConv2D, EqualizedDense
from pgan_tf.networks.layers.winograd import Winograd


class Fast(threading.local):
    """A layer's `convolve` or `multiply`, as of `layers.convolution`, in less time.

    Within `shared_kernels` it keeps prepared kernels; each replica's thread has its own.
    """

    kernels: dict[Any, tf.Tensor] | None = None

    def __init__(self, winograd: bool, resample: Resample = None) -> None:
        self.winograd, self.resample = winograd, resample

    def convolve(self, x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """Convolves, by Winograd's algorithm where that is faster."""
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
    """Makes layers compute the same in less time; on CPUs by Winograd's algorithm where it pays."""
    for layer in model.layers:
        if isinstance(layer, (EqualizedConv2D, EqualizedDense)):
            layer.fast = Fast(winograd, getattr(layer, "resample", None))
            layer.convolve, layer.multiply = layer.fast.convolve, layer.fast.multiply


@contextlib.contextmanager
def shared_kernels(model: keras.Model) -> Iterator[None]:
    """Within it each layer of a sped-up model prepares its kernel once, for all calls.

    Between these the weights must not change. A gradient tape goes around it.
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
    """Winograd's algorithm where it is faster than `convolve(x, kernel, resample)`, else None."""
    side = 2 * x.shape[1] if resample == "up" else x.shape[1]
    shape, resamples, bfloat16 = tuple(kernel.shape), resample is not None, x.dtype == tf.bfloat16
    if not winograd_pays(shape, side, resamples=resamples, bfloat16=bfloat16):
        return None
    # At 4x4 pixels the kernels are the larger part: fewer points to evaluate them at.
    return Winograd(2 if side == 4 else 4, resample)
