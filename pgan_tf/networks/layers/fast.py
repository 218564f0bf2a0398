"""Faster ways to the same numbers: Winograd's convolutions, and kernels prepared once a step.

The networks train without any of it. `speed_up` puts it into a model's layers.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf

from pgan_tf.networks.arithmetic import winograd_pays
from pgan_tf.networks.layers.convolution import Resample, apply_kernel, prepare_kernel
from pgan_tf.networks.layers.equalized import EqualizedConv2D, EqualizedDense
from pgan_tf.networks.layers.winograd import Winograd


class _Prepared(threading.local):
    """Kernels as their algorithms need them; each replica's thread has its own."""

    def __init__(self) -> None:
        self.kernels: dict[Any, tf.Tensor] | None = None

    def get(self, key: Any, prepare: Callable[[], tf.Tensor]) -> tf.Tensor:
        """Returns what `prepare` gives, or within `shared_kernels` gave before."""
        if self.kernels is None:
            return prepare()
        if key not in self.kernels:
            self.kernels[key] = prepare()
        return self.kernels[key]


class FastConvolution:
    """`convolution.convolve`, by Winograd's algorithm where that is faster."""

    def __init__(self, winograd: bool) -> None:
        self.winograd = winograd
        self.prepared = _Prepared()

    def __call__(self, x: tf.Tensor, kernel: tf.Tensor, resample: Resample = None) -> tf.Tensor:
        """Convolves."""
        if self.winograd and (fast := choose_winograd(x, kernel, resample)):
            return fast.convolve(x, self.prepared.get(fast, lambda: fast.transform_kernel(kernel)))
        key = resample, x.dtype
        plain = self.prepared.get(key, lambda: prepare_kernel(kernel, resample, x.dtype))
        return apply_kernel(x, plain, resample)


class FastProduct:
    """`convolution.multiply` with a kernel that is prepared once."""

    def __init__(self) -> None:
        self.prepared = _Prepared()

    def __call__(self, x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """Multiplies."""
        return tf.linalg.matmul(x, self.prepared.get(x.dtype, lambda: tf.cast(kernel, x.dtype)))


def speed_up(model: keras.Model, *, winograd: bool) -> None:
    """Has a model's layers compute the same in less time.

    Args:
        model: a generator or a discriminator.
        winograd: whether to convolve by Winograd's algorithm where it pays. On CPUs:
            libraries for GPUs choose for themselves. It computes in float32 whatever it is given.
    """
    for layer in model.layers:
        if isinstance(layer, EqualizedConv2D):
            layer.convolve = FastConvolution(winograd)
        elif isinstance(layer, EqualizedDense):
            layer.multiply = FastProduct()


@contextlib.contextmanager
def shared_kernels(model: keras.Model) -> Iterator[None]:
    """Within it each layer of a sped-up model prepares its kernel once, for all calls.

    For calls between which the weights do not change, as are the discriminator's in one step;
    with a gradient tape, the context belongs inside it.
    """
    ways = (getattr(one, "convolve", getattr(one, "multiply", None)) for one in model.layers)
    fast = (way for way in ways if isinstance(way, (FastConvolution, FastProduct)))
    all_prepared = [way.prepared for way in fast]
    for prepared in all_prepared:
        prepared.kernels = {}
    try:
        yield
    finally:
        for prepared in all_prepared:
            prepared.kernels = None


def choose_winograd(x: tf.Tensor, kernel: tf.Tensor, resample: Resample) -> Winograd | None:
    """Returns Winograd's algorithm where it convolves faster than the plain way, else None.

    Args:
        x: `(batch, height, width, in)`.
        kernel: see `convolution.convolve`.
        resample: see `convolution.convolve`.
    """
    sides = x.shape[1:3]
    if None in sides:
        return None
    convolved = [2 * side if resample == "up" else side for side in sides]
    if any(side % 2 for side in convolved) or not winograd_pays(
        tuple(kernel.shape),
        max(convolved),
        resamples=resample is not None,
        bfloat16=x.dtype == tf.bfloat16,
    ):
        return None
    # At 4x4 pixels the kernels are the larger part: fewer points to evaluate them at.
    large = min(convolved) > 4 and not any(side % 4 for side in convolved)
    return Winograd(4 if large else 2, resample)
