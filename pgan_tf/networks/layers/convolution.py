"""How a convolution is computed: as it stands, fused with resampling, or by Winograd's products."""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np
import tensorflow as tf

from pgan_tf.networks.cost import winograd_pays
from pgan_tf.networks.layers.winograd import Winograd

Resample = Literal["up", "down"] | None

# Row (4i + j) says which of the nine taps of a 3x3 kernel fall on tap (i, j) of
# the 4x4 kernel that does the work of nearest upsampling and a 3x3 convolution
# in one: the sum of the 3x3 kernel shifted by (0 or 1, 0 or 1).
_SHIFTS = np.stack([np.eye(4, 3), np.eye(4, 3, k=-1)]).sum(axis=0)
_SPREAD = np.kron(_SHIFTS, _SHIFTS).astype(np.float32)


def spread_kernel(kernel: tf.Tensor) -> tf.Tensor:
    """Returns the (4, 4, a, b) kernel that is a (3, 3, a, b) one summed over four shifts.

    One product with a constant matrix, since its gradient is then one product too.
    """
    a, b = kernel.shape[2:]
    spread = tf.linalg.matmul(tf.cast(_SPREAD, kernel.dtype), tf.reshape(kernel, (9, a * b)))
    return tf.reshape(spread, (4, 4, a, b))


@dataclasses.dataclass(frozen=True)
class Direct:
    """TensorFlow's own convolution, same padding; used as `Winograd` is.

    Attributes:
        resample: `"up"`: nearest upsampling first; `"down"`: a 2x2 average afterwards; either
            with the convolution in one kernel of 4x4 taps and stride 2.
    """

    resample: Resample = None

    def transform_kernel(
        self, kernel: tf.Tensor, multiplier: float, dtype: tf.DType | None = None
    ) -> tf.Tensor:
        """Returns a kernel times a number, spread where it resamples, in the type of inputs."""
        if self.resample == "down":
            multiplier = multiplier * 0.25  # of the average
        kernel = kernel * multiplier
        kernel = spread_kernel(kernel) if self.resample else kernel
        return tf.cast(kernel, dtype or kernel.dtype)

    def convolve(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """Convolves `(batch, height, width, in)` with what `transform_kernel` gave."""
        if self.resample == "up":
            height, width = inputs.shape[1:3]
            shape = (tf.shape(inputs)[0], 2 * height, 2 * width, kernel.shape[2])
            return tf.nn.conv2d_transpose(inputs, kernel, shape, strides=2)
        strides = 2 if self.resample == "down" else 1
        return tf.nn.conv2d(inputs, kernel, strides=strides, padding="SAME")


def choose_algorithm(inputs: tf.Tensor, kernel: tf.Tensor, resample: Resample) -> Direct | Winograd:
    """Returns the fastest way to convolve.

    Winograd's for 3x3 kernels between many feature maps, on CPUs: libraries for GPUs choose for
    themselves. It computes in float32 whatever it is given.

    Args:
        inputs: `(batch, height, width, in)`.
        kernel: `(size, size, in, out)`, or (size, size, out, in) with `"up"`.
        resample: see `Direct`.
    """
    sides = inputs.shape[1:3]
    if None in sides or any(
        device.device_type != "CPU" for device in tf.config.list_logical_devices()
    ):
        return Direct(resample)
    convolved = [2 * side if resample == "up" else side for side in sides]
    if any(side % 2 for side in convolved) or not winograd_pays(
        tuple(kernel.shape),
        max(convolved),
        resamples=resample is not None,
        bfloat16=inputs.dtype == tf.bfloat16,
    ):
        return Direct(resample)
    # At 4x4 pixels the kernels are the larger part: fewer points to evaluate them at.
    large = min(convolved) > 4 and not any(side % 4 for side in convolved)
    return Winograd(4 if large else 2, resample)
