"""Do samples show what augmentation did? `python benchmarks/augmentation_leaks.py RUN PICTURES`.

A shift uncovers, and a cut-out covers, pixels with gray. A picture is suspected if one of its outer
lines, or a square of a quarter of its side somewhere, is that gray. How gray is too gray is set by
PICTURES, real ones of the run's kind, of which at most a hundredth is suspected. Printed are the
shares of samples, of the pictures as they are, and of the pictures augmented.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

import tfrecords.common.tensorflow_setup  # noqa: F401, I001  (first: it sets TensorFlow up)

import numpy as np
import tensorflow as tf

import pgan_tf
from pgan_tf.networks.sampling import to_uint8
from pgan_tf.training.augmentation import Transforms, augment, draw_transforms
from tfrecords.cache import convert, find
from tfrecords.pictures.source import PictureOptions

_GRAY, _TOLERANCE = 127.5, 20.0  # of a uint8 channel, and how far from it a pixel still counts
_SQUARE = 4  # the side's part
_SUSPECTED_REALS = 0.01
_SAMPLES = 2000


def grayness(pictures: np.ndarray) -> np.ndarray:
    """Returns the largest share of gray in an outer line or a square: `(n,)`, 0 to 1.

    Pictures are `(n, side, side, 3)` uint8.
    """
    gray = np.all(np.abs(pictures - _GRAY) <= _TOLERANCE, axis=3).astype(np.float32)
    lines = (gray[:, 0], gray[:, -1], gray[:, :, 0], gray[:, :, -1])
    side = pictures.shape[1] // _SQUARE
    windows = np.lib.stride_tricks.sliding_window_view(gray, (side, side), axis=(1, 2))
    squares = windows.mean(axis=(3, 4)).max(axis=(1, 2))
    return np.maximum(squares, np.max([line.mean(axis=1) for line in lines], axis=0))


def augmented(pictures: np.ndarray) -> np.ndarray:
    """Shifts each picture, and covers a part of it, as `--augment` does; colors stay."""
    drawn = draw_transforms(len(pictures), tf.constant([0, 0]), 1.0)
    colors = {"brightness": 0.0, "saturation": 1.0, "contrast": 1.0}
    changes = {name: tf.fill([len(pictures)], value) for name, value in colors.items()}
    transforms: Transforms = drawn._replace(**changes)
    images = tf.constant(pictures / np.float32(127.5) - 1.0)
    return to_uint8(augment(images, transforms).numpy())


def main(run: str, folder: str) -> None:
    """Prints the three shares."""
    generator = pgan_tf.load(run)
    samples = generator.generate(range(_SAMPLES))
    reals = read_pictures(folder, generator.resolution)
    of_reals = grayness(reals)
    limit = np.quantile(of_reals, 1 - _SUSPECTED_REALS)
    for name, values in (
        ("samples", grayness(samples)),
        ("pictures", of_reals),
        ("pictures, augmented", grayness(augmented(reals))),
    ):
        print(f"{100 * np.mean(values > limit):5.1f}% of {len(values):,} {name}")


def read_pictures(folder: str, resolution: int) -> np.ndarray:
    """Returns the pictures of a folder, `(n, side, side, 3)` uint8."""
    from pgan_tf.data.dataset import make_dataset

    info = convert(find(folder, PictureOptions(resolution=resolution), labels="none"), "datasets")
    count = info.num_images
    dataset = make_dataset(info, resolution, global_batch_size=count, label_size=0, seed=0)
    images, _ = next(iter(dataset))
    return to_uint8(images.numpy())


if __name__ == "__main__":
    main(*sys.argv[1:])
