"""3x3 convolutions with a quarter of the multiplications (Lavin and Gray, 2016; Winograd, 1980).

A tile of m x m outputs needs 9 m² multiplications for each pair of input and output map. Winograd's
F(m, 3) needs (m + 2)². Along each axis, inputs and kernel are polynomials: they are evaluated at
m + 2 points and multiplied, and the outputs are interpolated from the products:

    y = inverse · (Σ over input maps of (data · x) ⊙ (kernel · w))

The constant matrices include zero padding, nearest-neighbor upsampling before the convolution and a
2x2 average after it. So the forward pass and both derivatives are nothing but matrix products.
"""

import dataclasses
import functools
import math
from typing import Any

import numpy as np
import tensorflow as tf

from pgan_tf.networks.layers.convolution import Resample

# Where polynomials are evaluated, besides infinity. For m = 4, the usual points 0, ±1, ±2 would
# have four times the error in float32.
_POINTS = {
    2: (0.0, 1.0, -1.0),
    4: (0.0, math.sqrt(0.5), -math.sqrt(0.5), math.sqrt(2.0), -math.sqrt(2.0)),
}

# Up to this size one matrix transforms both axes. For more pixels it would be mostly zeros.
_LARGEST_DENSE = 8


@dataclasses.dataclass(frozen=True)
class Winograd:
    """A convolution by F(tile x tile, 3 x 3), same padding."""

    tile: int  # m: 2 or 4; must divide the picture's sides after upsampling, before averaging
    resample: Resample  # see `convolution.convolve`

    def transform_kernel(self, kernel: tf.Tensor) -> tf.Tensor:
        """Evaluates a (3, 3, a, b) kernel at all points: (points², a, b) float32."""
        a, b = kernel.shape[2:]
        taps = tf.reshape(tf.cast(kernel, tf.float32), (9, a * b))
        matrix = _kernel_matrix(self.tile, self.resample == "up")
        return tf.reshape(tf.linalg.matmul(matrix, taps), (-1, a, b))

    def convolve(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """Convolves pictures in float32 with a kernel from `transform_kernel`."""
        batch = tf.shape(inputs)[0] if inputs.shape[0] is None else inputs.shape[0]
        values = self._evaluate(tf.cast(inputs, tf.float32), batch)
        products = tf.linalg.matmul(values, kernel, transpose_b=self.resample == "up")
        return tf.cast(self._interpolate(products, batch, *inputs.shape[1:3]), inputs.dtype)

    def _evaluate(self, inputs: tf.Tensor, batch: Any) -> tf.Tensor:
        """Evaluates inputs at all points: (points², tiles x batch, in)."""
        height, width, channels = inputs.shape[1:]
        points, down, across = self.tile + 2, _data_matrix(height, self), _data_matrix(width, self)
        if max(height, width) <= _LARGEST_DENSE:
            pixels = tf.reshape(tf.transpose(inputs, (1, 2, 0, 3)), (height * width, -1))
            values = tf.linalg.matmul(_both_axes(down, across, points), pixels)
            return tf.reshape(values, (points**2, -1, channels))
        tiles, values = len(across) // points, tf.linalg.matmul(across, inputs)
        values = tf.reshape(values, (batch, height, points, tiles, channels))
        values = tf.reshape(tf.transpose(values, (2, 1, 3, 0, 4)), (points, height, -1))
        return tf.reshape(tf.linalg.matmul(down, values), (points**2, -1, channels))

    def _interpolate(self, products: tf.Tensor, batch: Any, height: int, width: int) -> tf.Tensor:
        """Interpolates the output pixels; `height` and `width` are those of the inputs."""
        points, channels = self.tile + 2, products.shape[-1]
        down, across = _inverse_matrix(height, self), _inverse_matrix(width, self)
        if max(height, width) <= _LARGEST_DENSE:
            both = _both_axes(down.T, across.T, points).T
            pixels = tf.linalg.matmul(both, tf.reshape(products, (both.shape[1], -1)))
            pixels = tf.reshape(pixels, (len(down), len(across), batch, channels))
            return tf.transpose(pixels, (2, 0, 1, 3))
        values = tf.linalg.matmul(down, tf.reshape(products, (points, down.shape[1], -1)))
        tiles = across.shape[1] // points
        values = tf.reshape(values, (points, len(down), tiles, batch, channels))
        values = tf.transpose(values, (3, 1, 0, 2, 4))
        values = tf.reshape(values, (batch, len(down), across.shape[1], channels))
        return tf.linalg.matmul(across, values)


def _both_axes(down: np.ndarray, across: np.ndarray, points: int) -> np.ndarray:
    """Returns one matrix for both axes: (points across, down, tiles down, across) x pixels."""
    rows = [one.reshape(points, len(one) // points, -1) for one in (down, across)]
    both = np.einsum("aih,bjw->baijhw", *rows)
    return both.reshape(len(down) * len(across), -1)


@functools.cache
def _data_matrix(size: int, plan: Winograd) -> np.ndarray:
    """Returns (points, tiles) x pixels, which evaluates a row of inputs at the points."""
    upsampled, points = 2 * size if plan.resample == "up" else size, plan.tile + 2
    matrix: np.ndarray = np.zeros((points, upsampled // plan.tile, upsampled + 2))
    for tile in range(upsampled // plan.tile):
        matrix[:, tile, tile * plan.tile :][:, :points] = _transforms(plan.tile)[0]
    matrix = matrix[:, :, 1:-1].reshape(-1, upsampled)  # drops the zero padding
    if plan.resample == "up":
        matrix = matrix @ np.repeat(np.eye(size), 2, axis=0)
    return matrix.astype(np.float32)


@functools.cache
def _inverse_matrix(size: int, plan: Winograd) -> np.ndarray:
    """Returns pixels x (points, tiles), which interpolates a row of outputs from products."""
    tiles = (2 * size if plan.resample == "up" else size) // plan.tile
    matrix = np.einsum("ip,tu->tipu", _transforms(plan.tile)[2], np.eye(tiles))
    matrix = matrix.reshape(tiles * plan.tile, -1)
    if plan.resample == "down":
        matrix = matrix.reshape(size // 2, 2, -1).mean(axis=1)
    return matrix.astype(np.float32)


@functools.cache
def _kernel_matrix(tile: int, rotated: bool) -> np.ndarray:
    """Returns (points across, points down) x (3 down, 3 across), which evaluates a kernel."""
    matrix = _transforms(tile)[1][:, :: -1 if rotated else 1]
    return np.einsum("ak,bl->bakl", matrix, matrix).reshape(-1, 9).astype(np.float32)


def _transforms(tile: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns, for one axis: points x input pixels, points x kernel taps, output pixels x points.

    The first is the transpose of interpolation by the points' Lagrange polynomials.
    """
    points = _POINTS[tile]
    others = [[q for q in points if q != p] for p in points]
    data = [*([*np.poly(roots)[::-1], 0.0] for roots in others), np.poly(points)[::-1]]
    scales = [math.prod(p - q for q in roots) for p, roots in zip(points, others, strict=True)]
    taps = [[p**tap / scale for tap in range(3)] for p, scale in zip(points, scales, strict=True)]
    inverse = np.array([[*(p**i for p in points), 0.0] for i in range(tile)])
    inverse[-1, -1] = 1.0
    return np.array(data), np.array([*taps, [0.0, 0.0, 1.0]]), inverse
