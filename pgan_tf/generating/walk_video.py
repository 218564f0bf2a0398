"""The pictures of a walk through the space of latents, frame by frame."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from pgan_tf.generating.interpolation import mix_straight, walk_smoothly, walk_straight
from pgan_tf.generating.painter import BATCH_SIZE, Painter
from pgan_tf.generating.parsing import LARGEST_SEED
from pgan_tf.networks import sampling
from pgan_tf.runs import sheets
from tfrecords.common.errors import UserError

_FEWEST_KEYFRAMES = 3
_MOST_NUMBERS = 2**26


# A loop through the space of latents, of one picture or of several side by side: from a position
# in it, 0 to 1, to (pictures, latent_size) and (pictures, label_size) float32.
Walk = Callable[[float], tuple[np.ndarray, np.ndarray]]


def random_walk(
    painter: Painter, first_seed: int, classes: Sequence[int], num_pictures: int, num_keyframes: int
) -> Walk:
    """Returns a walk among random latents; see `interpolation.walk_smoothly`.

    The keyframes, at least 3, are latents of the first seed and the following ones. Each of the
    pictures goes its own way and keeps its class; they take turns with the classes.
    """
    count = num_keyframes * num_pictures
    _check_latents(count * painter.latent_size)
    seeds = [(first_seed + i) % (LARGEST_SEED + 1) for i in range(count)]
    keyframes = sampling.latents_from_seeds(seeds, painter.latent_size)
    keyframes = keyframes.reshape(num_pictures, num_keyframes, -1).swapaxes(0, 1)
    turns = [classes[i % len(classes)] for i in range(num_pictures)]
    labels = sampling.one_hot_labels(turns, painter.label_size)

    def walk(position: float) -> tuple[np.ndarray, np.ndarray]:
        return walk_smoothly(keyframes, position), labels

    return walk


def walk_between(
    painter: Painter, seeds: Sequence[int], classes: Sequence[int], num_pictures: int
) -> Walk:
    """Returns a walk from seed to seed, at least two, and back to the first.

    At a seed it shows what the seed's own picture shows, its class too: the seeds take turns with
    the classes. Latents follow great circles, labels change evenly. Each picture is one seed ahead
    of the one before.
    """
    _check_latents(len(seeds) * num_pictures * painter.latent_size)
    latents = sampling.latents_from_seeds(seeds, painter.latent_size)
    turns = [classes[i % len(classes)] for i in range(len(seeds))]
    labels = sampling.one_hot_labels(turns, painter.label_size)

    def ahead(keyframes: np.ndarray) -> np.ndarray:
        return np.stack([np.roll(keyframes, -i, axis=0) for i in range(num_pictures)], axis=1)

    latents, labels = ahead(latents), ahead(labels)

    def walk(position: float) -> tuple[np.ndarray, np.ndarray]:
        return walk_straight(latents, position), mix_straight(labels, position)

    return walk


def _check_latents(numbers: int) -> None:
    if numbers > _MOST_NUMBERS:
        raise UserError(
            f"--grid, --seconds, --smoothing, --seeds: expected a video whose latents have at most "
            f"{_MOST_NUMBERS:,} numbers, got {numbers:,}: fewer pictures, or a shorter video"
        )


def draw_walk(
    painter: Painter, walk: Walk, num_frames: int, columns: int, scale: int
) -> Iterator[np.ndarray]:
    """Yields the frames of a walk, `(height, width, channels)` uint8, enlarged by `scale`.

    The last frame is not the first again, but comes before it.
    """
    num_pictures = len(walk(0.0)[0])
    frames_at_once = max(1, BATCH_SIZE // num_pictures)
    positions = np.arange(num_frames) / num_frames
    for begin in range(0, num_frames, frames_at_once):
        places = [walk(position) for position in positions[begin : begin + frames_at_once]]
        latents, labels = (np.concatenate(parts) for parts in zip(*places, strict=True))
        pictures = np.stack(list(painter.draw(latents, labels)))
        for frame in np.split(pictures, len(places)):
            yield sheets.make_grid(frame, columns, painter.resolution * scale)


def num_keyframes(seconds: float, smoothing: float) -> int:
    """Returns how many keyframes a loop has; the Gaussian's deviation is about `smoothing` s."""
    return max(_FEWEST_KEYFRAMES, round(seconds / smoothing))
