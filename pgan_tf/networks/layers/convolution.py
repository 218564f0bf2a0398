"""Convolutions, fused with the resampling around them."""

from typing import Literal

import numpy as np
import tensorflow as tf

Resample = Literal["up", "down"] | None

# The 4x4 kernel that upsamples and convolves at once is the 3x3 kernel summed over shifts by
# (0 or 1, 0 or 1). Row (4i + j) says which taps of the 3x3 kernel add up to its tap (i, j).
_SHIFTS = np.stack([np.eye(4, 3), np.eye(4, 3, k=-1)]).sum(axis=0)
_SPREAD = np.kron(_SHIFTS, _SHIFTS).astype(np.float32)


def convolve(x: tf.Tensor, kernel: tf.Tensor, resample: Resample = None) -> tf.Tensor:
    """Convolves `(batch, height, width, in)` with stride 1 and same padding, in the type of `x`.

    The kernel is (size, size, in, out). `"up"` upsamples first (nearest neighbor) and takes the
    kernel of a transposed convolution: (3, 3, out, in), rotated. `"down"` averages 2x2 pixels
    afterwards. Both are computed with one 4x4 kernel and stride 2.
    """
    return apply_kernel(x, prepare_kernel(kernel, resample, x.dtype), resample)


def multiply(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Returns `(batch, in)` times `(in, out)`, in the type of `x`."""
    return tf.linalg.matmul(x, tf.cast(kernel, x.dtype))


def prepare_kernel(kernel: tf.Tensor, resample: Resample, dtype: tf.DType) -> tf.Tensor:
    """Returns the kernel for `apply_kernel`: spread to 4x4 if it resamples, cast to `dtype`."""
    if resample == "down":
        kernel *= 0.25  # averages 4 pixels
    return tf.cast(spread_kernel(kernel) if resample else kernel, dtype)


def apply_kernel(x: tf.Tensor, kernel: tf.Tensor, resample: Resample) -> tf.Tensor:
    """Convolves with a kernel from `prepare_kernel`."""
    if resample == "up":
        height, width = x.shape[1:3]
        shape = (tf.shape(x)[0], 2 * height, 2 * width, kernel.shape[2])
        return tf.nn.conv2d_transpose(x, kernel, shape, strides=2)
    return tf.nn.conv2d(x, kernel, strides=2 if resample == "down" else 1, padding="SAME")


def spread_kernel(kernel: tf.Tensor) -> tf.Tensor:
    """Spreads a (3, 3, a, b) kernel to (4, 4, a, b), its sum over four shifts."""
    a, b = kernel.shape[2:]
    # As one matrix product, so that its gradient is one, too.
    spread = tf.linalg.matmul(tf.cast(_SPREAD, kernel.dtype), tf.reshape(kernel, (9, a * b)))
    return tf.reshape(spread, (4, 4, a, b))
