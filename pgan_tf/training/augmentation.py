"""Random color, shifts and cut-outs for all that the discriminator sees (Zhao et al., 2020).

With few pictures a discriminator learns them by heart. If it sees reals, fakes and the pictures
between them transformed alike, and never as they are, it learns them later, and the generator is
still asked for the distribution of the originals.

All can be differentiated twice: the generator learns through it, under a gradient penalty too.
"""

from typing import Any, NamedTuple

import tensorflow as tf

_LARGEST_SHIFT = 8  # the side's part: an eighth, and no pixel at all at 4 px
_CUTOUT = 2  # half of the side
_LEAST_SEEN = 0.01  # mean opacity: a generator's first pictures may have none, or less


class Transforms(NamedTuple):
    """What happens to each picture of a batch, at any resolution: `(batch,)` float32 each."""

    brightness: tf.Tensor  # added to pixels in [-1, 1]; 0 changes nothing
    saturation: tf.Tensor  # factor of each pixel's distance from its gray; 1 changes nothing
    contrast: tf.Tensor  # factor of each pixel's distance from the picture's mean
    down: tf.Tensor  # shift, from -1 to 1 times the largest
    right: tf.Tensor
    cutout: tf.Tensor  # 1 where a part is cut out, else 0
    cutout_down: tf.Tensor  # its center, from 0 (the upper or left edge) to 1
    cutout_right: tf.Tensor


def draw_transforms(batch_size: int, seed: tf.Tensor, strength: tf.Tensor | float) -> Transforms:
    """Draws each picture's transforms from a seed, `(2,)` integers.

    `strength`, from 0 to 1, is the probability of each of the three: color, shift and cut-out.
    """
    uniform = tf.random.stateless_uniform((10, batch_size), seed)
    color, shift, cutout = tf.unstack(tf.cast(uniform[:3] < strength, tf.float32))
    brightness, saturation, contrast, down, right, *center = tf.unstack(uniform[3:])
    return Transforms(
        brightness=color * (brightness - 0.5),
        saturation=1.0 + color * (2.0 * saturation - 1.0),
        contrast=1.0 + color * (contrast - 0.5),
        down=shift * (2.0 * down - 1.0),
        right=shift * (2.0 * right - 1.0),
        cutout=cutout,
        cutout_down=center[0],
        cutout_right=center[1],
    )


def augment(images: tf.Tensor, transforms: Transforms) -> tf.Tensor:
    """Transforms `(batch, height, width, channels)` pictures in [-1, 1], of any float type.

    Results may lie outside of [-1, 1]. What a shift uncovers and a cut-out covers is 0, gray; of
    RGBA, premultiplied by alpha, half-transparent gray.
    """
    changed = _shift(_recolor(tf.cast(images, tf.float32), transforms), transforms)
    return tf.cast(_cut_out(changed, transforms), images.dtype)


def _recolor(images: tf.Tensor, transforms: Transforms) -> tf.Tensor:
    """Changes brightness, then saturation, then contrast."""
    if images.shape[3] == 4:
        return _recolor_straight(images, transforms)
    images += _of_pictures(transforms.brightness)
    gray = tf.reduce_mean(images, axis=3, keepdims=True)
    images = gray + (images - gray) * _of_pictures(transforms.saturation)
    mean = tf.reduce_mean(images, axis=(1, 2, 3), keepdims=True)
    return mean + (images - mean) * _of_pictures(transforms.contrast)


def _recolor_straight(images: tf.Tensor, transforms: Transforms) -> tf.Tensor:
    """Does so to RGBA's straight color, of which opacity times the change is added; alpha stays.

    The picture's mean is that of what is seen: of each pixel by its opacity.
    """
    color, opacity = (images[..., :3] + 1.0) / 2.0, (images[..., 3:] + 1.0) / 2.0
    color += opacity * _of_pictures(transforms.brightness) / 2.0
    gray = tf.reduce_mean(color, axis=3, keepdims=True)
    color = gray + (color - gray) * _of_pictures(transforms.saturation)
    seen = tf.maximum(tf.reduce_mean(opacity, axis=(1, 2, 3), keepdims=True), _LEAST_SEEN)
    mean = opacity * tf.reduce_mean(color, axis=(1, 2, 3), keepdims=True) / seen
    color = mean + (color - mean) * _of_pictures(transforms.contrast)
    return tf.concat([2.0 * color - 1.0, images[..., 3:]], axis=3)


def _shift(images: tf.Tensor, transforms: Transforms) -> tf.Tensor:
    """Shifts by whole pixels, each number of them from minus to plus the largest equally likely."""
    most = [side // _LARGEST_SHIFT for side in images.shape[1:3]]
    if not any(most):
        return images
    shifts = []
    for fraction, largest in zip((transforms.down, transforms.right), most, strict=True):
        # Which of 2 * largest + 1 equal parts of -1 to 1 it lies in.
        part = tf.cast(tf.floor((fraction + 1.0) / 2.0 * (2 * largest + 1)), tf.int32)
        shifts.append(tf.minimum(part - largest, largest))
    return _moved(images, *shifts)


@tf.custom_gradient
def _moved(images: tf.Tensor, down: tf.Tensor, right: tf.Tensor) -> Any:
    """Moves each picture by `(batch,)` whole pixels; its derivative moves back by as many.

    TensorFlow's derivative of `gather` adds row to row instead, which is slower, and on GPUs in
    any order.
    """

    def derivative(upstream: tf.Tensor) -> tuple[tf.Tensor, None, None]:
        return _moved(upstream, -down, -right), None, None

    for axis, pixels in ((1, down), (2, right)):
        side = images.shape[axis]
        origins = tf.range(side) - pixels[:, None]
        inside = tf.cast((origins >= 0) & (origins < side), images.dtype)
        images = tf.gather(images, tf.clip_by_value(origins, 0, side - 1), axis=axis, batch_dims=1)
        images *= tf.reshape(inside, (-1, *((side, 1, 1) if axis == 1 else (1, side, 1))))
    return images, derivative


def _cut_out(images: tf.Tensor, transforms: Transforms) -> tf.Tensor:
    """Cuts out rectangles of the picture's ratio, which may lie half outside."""
    covered = []
    centers = (transforms.cutout_down, transforms.cutout_right)
    for side, center in zip(images.shape[1:3], centers, strict=True):
        size, pixels = side // _CUTOUT, tf.range(side)
        first = tf.cast(tf.floor(center * (side + 1)), tf.int32)[:, None] - size // 2
        covered.append(tf.cast((pixels >= first) & (pixels < first + size), images.dtype))
    square = covered[0][:, :, None] * covered[1][:, None, :] * transforms.cutout[:, None, None]
    return images * (1.0 - square)[..., None]


def _of_pictures(numbers: tf.Tensor) -> tf.Tensor:
    return numbers[:, None, None, None]
