"""Convolutions, fused with the resampling around them."""

from typing import Literal

import numpy as np
import tensorflow as tf

Resample = Literal["up", "down"] | None

# Row (4i + j): which taps of a 3x3 kernel fall on tap (i, j) of the 4x4 kernel that upsamples and
# convolves in one, the sum of the 3x3 kernel shifted by (0 or 1, 0 or 1).
_SHIFTS = np.stack([np.eye(4, 3), np.eye(4, 3, k=-1)]).sum(axis=0)
_SPREAD = np.kron(_SHIFTS, _SHIFTS).astype(np.float32)


def convolve(x: tf.Tensor, kernel: tf.Tensor, resample: Resample = None) -> tf.Tensor:
    """Convolves `(batch, height, width, in)` with stride 1 and same padding, in its own type.

    The kernel is (size, size, in, out). `"up"` upsamples first (nearest neighbor) and takes the
    kernel of a transposed convolution: (3, 3, out, in), rotated; `"down"` averages 2x2 pixels
    afterwards. Either is one kernel of 4x4 taps and stride 2.
    """
    return apply_kernel(x, prepare_kernel(kernel, resample, x.dtype), resample)


def multiply(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Returns `(batch, in)` times `(in, out)`, in the type of `x`."""
    return tf.linalg.matmul(x, tf.cast(kernel, x.dtype))


def prepare_kernel(kernel: tf.Tensor, resample: Resample, dtype: tf.DType) -> tf.Tensor:
    """Returns the kernel that `apply_kernel` takes: spread where it resamples."""
    if resample == "down":
        kernel *= 0.25  # of the average
    return tf.cast(spread_kernel(kernel) if resample else kernel, dtype)


def apply_kernel(x: tf.Tensor, kernel: tf.Tensor, resample: Resample) -> tf.Tensor:
    """Convolves with a kernel from `prepare_kernel`."""
    if resample == "up":
        height, width = x.shape[1:3]
        shape = (tf.shape(x)[0], 2 * height, 2 * width, kernel.shape[2])
        return tf.nn.conv2d_transpose(x, kernel, shape, strides=2)
    return tf.nn.conv2d(x, kernel, strides=2 if resample == "down" else 1, padding="SAME")


def spread_kernel(kernel: tf.Tensor) -> tf.Tensor:
    """Returns the (4, 4, a, b) kernel that is a (3, 3, a, b) one summed over four shifts."""
    a, b = kernel.shape[2:]
    # One matrix product, since its gradient is then one too.
    spread = tf.linalg.matmul(tf.cast(_SPREAD, kernel.dtype), tf.reshape(kernel, (9, a * b)))
    return tf.reshape(spread, (4, 4, a, b))
