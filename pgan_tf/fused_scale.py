"""The kernel of fused up- and downscaling: 3x3 taps spread to 4x4."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

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
