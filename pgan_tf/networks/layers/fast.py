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
    """`convolve` and `multiply` of `layers.convolution`, in less time.

    Within `shared_kernels` it keeps prepared kernels; each replica's thread has its own.
    """

    kernels: dict[Any, tf.Tensor] | None = None

    def __init__(self, winograd: bool) -> None:
        self.winograd = winograd

    def convolve(self, x: tf.Tensor, kernel: tf.Tensor, resample: Resample = None) -> tf.Tensor:
        """Convolves, by Winograd's algorithm where that is faster."""
        if self.winograd and (fast := choose_winograd(x, kernel, resample)):
            return fast.convolve(x, self._prepared(fast, lambda: fast.transform_kernel(kernel)))
        key = resample, x.dtype
        plain = self._prepared(key, lambda: prepare_kernel(kernel, resample, x.dtype))
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
    """Makes a model's layers compute the same in less time.

    `winograd` uses Winograd's algorithm, in float32 always, where it pays: on CPUs, since
    libraries for GPUs choose for themselves.
    """
    for layer in model.layers:
        if isinstance(layer, (EqualizedConv2D, EqualizedDense)):
            layer.fast = Fast(winograd)
            layer.convolve, layer.multiply = layer.fast.convolve, layer.fast.multiply


@contextlib.contextmanager
def shared_kernels(model: keras.Model) -> Iterator[None]:
    """Within it each layer of a sped-up model prepares its kernel once, for all calls.

    For calls between which the weights do not change, such as the discriminator's in one step;
    with a gradient tape, the context belongs inside it.
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
