"""Interpolation in latent space, which is a sphere, and its videos (paper, §6.3).

The generator first normalizes latents, `(..., latent_size)` float32, to length √latent_size (paper,
appendix A.1), where nearly all of N(0, 1) lies: only their direction matters. So they move along
great circles, and their average is brought back to the sphere. Scaling a latent towards their
mean, the origin, changes no picture: truncation needs another center, see `truncate`.
"""

import dataclasses
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from pgan_tf.generating.latents_file import Chosen, latents_of
from pgan_tf.generating.parsing import LARGEST_SEED
from pgan_tf.generating.sampler import BATCH_SIZE, Sampler
from pgan_tf.networks.sampling import latents_from_seeds, one_hot_labels
from pgan_tf.runs import sheets
from tfrecords.common.errors import UserError

_MOST_NUMBERS = 2**26  # of a walk's latents
_DEVIATIONS = 8  # beyond these, a Gaussian is 0 in float32


def slerp(begin: np.ndarray, end: np.ndarray, share: float) -> np.ndarray:
    """Interpolates along a great circle, from 0 to 1. Lengths change linearly."""
    lengths = [np.linalg.norm(vector, axis=-1, keepdims=True) for vector in (begin, end)]
    first, second = begin / np.maximum(lengths[0], 1e-12), end / np.maximum(lengths[1], 1e-12)
    cosine = np.sum(first * second, axis=-1, keepdims=True, dtype=np.float64)
    angle = np.arccos(np.clip(cosine, -1, 1))
    sine = np.sin(angle)
    # A straight line for (nearly) equal or opposite directions.
    straight = sine < 1e-6
    sine = np.where(straight, 1.0, sine)
    first = first * np.where(straight, 1 - share, np.sin((1 - share) * angle) / sine)
    second = second * np.where(straight, share, np.sin(share * angle) / sine)
    length = (1 - share) * lengths[0] + share * lengths[1]
    return ((first + second) * length).astype(np.float32)


def truncate(latents: np.ndarray, center: np.ndarray, truncation: float) -> np.ndarray:
    """Scales the angles of latents to a center, `(latent_size,)`: 1 keeps them, 0 is the center."""
    center = np.broadcast_to(center, latents.shape)
    return latents if truncation == 1 else slerp(center, latents, truncation)


# What is done to latents, `(batch, latent_size)` float32, before they are drawn.
Change = Callable[[np.ndarray], np.ndarray]


def truncation_to(seed: int, truncation: float, latent_size: int) -> Change:
    """Returns what draws latents towards those of a seed; see `truncate`."""
    (center,) = latents_from_seeds([seed], latent_size)
    return lambda latents: truncate(latents, center, truncation)


def changed(sampler: Sampler, change: Change) -> Sampler:
    """Returns a sampler that changes latents before it draws them."""
    return dataclasses.replace(
        sampler, images=lambda latents, labels: sampler.images(change(latents), labels)
    )


def walk_straight(keyframes: np.ndarray, position: float) -> np.ndarray:
    """Returns the latents at a position, 0 to 1, of a loop of great circles through keyframes."""
    return slerp(*_around(keyframes, position))


def mix_straight(keyframes: np.ndarray, position: float) -> np.ndarray:
    """Does the same along straight lines; used for labels."""
    begin, end, share = _around(keyframes, position)
    return ((1 - share) * begin + share * end).astype(np.float32)


def _around(keyframes: np.ndarray, position: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Returns the keyframes before and after a position, and how far it is between them."""
    count = len(keyframes)
    index, share = divmod(position % 1.0 * count, 1.0)
    begin = int(index) % count
    return keyframes[begin], keyframes[(begin + 1) % count], share


def walk_smoothly(keyframes: np.ndarray, position: float) -> np.ndarray:
    """Wanders among at least 3 random keyframes on the sphere, smoothed over time, in a loop."""
    # A Gaussian whose deviation is the time between two keyframes averages them: the speed hardly
    # changes, about 1/√2 radians in that time.
    count = len(keyframes)
    # The distance in time to each keyframe, in this loop and those before and after it.
    rounds = np.arange(-_DEVIATIONS // count, _DEVIATIONS // count + 2) * count
    distances = (np.arange(count) - position % 1.0 * count)[:, None] - rounds
    weights = np.exp(-0.5 * distances**2).sum(axis=1)
    mean = np.tensordot(weights, keyframes, axes=1)
    length = np.linalg.norm(mean, axis=-1, keepdims=True)
    return (mean * (np.sqrt(keyframes.shape[-1]) / length)).astype(np.float32)


# A loop: from a position in it, 0 to 1, to (pictures, latent_size) and (pictures, label_size).
Walk = Callable[[float], tuple[np.ndarray, np.ndarray]]


def random_walk(
    sampler: Sampler, first_seed: int, classes: Sequence[int], num_pictures: int, num_keyframes: int
) -> Walk:
    """Walks smoothly among latents of seeds from the first on; each picture keeps its class."""
    count = num_keyframes * num_pictures
    _check_latents(count * sampler.latent_size)
    seeds = [(first_seed + i) % (LARGEST_SEED + 1) for i in range(count)]
    keyframes = latents_from_seeds(seeds, sampler.latent_size)
    keyframes = keyframes.reshape(num_pictures, num_keyframes, -1).swapaxes(0, 1)
    labels = one_hot_labels(cycled(classes, num_pictures), sampler.label_size)
    return lambda position: (walk_smoothly(keyframes, position), labels)


def walk_among(
    sampler: Sampler, latents: np.ndarray, classes: Sequence[int], num_pictures: int
) -> Walk:
    """Does the same among three or more latents; each picture is one ahead of the last."""
    _check_latents(latents.size * num_pictures)
    keyframes = _one_ahead(latents, num_pictures)
    labels = one_hot_labels(cycled(classes, num_pictures), sampler.label_size)
    return lambda position: (walk_smoothly(keyframes, position), labels)


def walk_between(
    sampler: Sampler, chosen: Chosen, classes: Sequence[int], num_pictures: int
) -> Walk:
    """Walks through two or more and back to the first; each picture is one ahead of the last."""
    _check_latents(len(chosen) * num_pictures * sampler.latent_size)
    latents = _one_ahead(latents_of(chosen, sampler.latent_size), num_pictures)
    of_each = one_hot_labels(cycled(classes, len(chosen)), sampler.label_size)
    labels = _one_ahead(of_each, num_pictures)
    return lambda position: (walk_straight(latents, position), mix_straight(labels, position))


def _one_ahead(keyframes: np.ndarray, num_pictures: int) -> np.ndarray:
    return np.stack([np.roll(keyframes, -i, axis=0) for i in range(num_pictures)], axis=1)


def latents_of_walk(walk: Walk, num_frames: int) -> np.ndarray:
    """Returns the latents of all frames of `draw_walk`, picture by picture, frame by frame."""
    _check_latents(walk(0.0)[0].size * num_frames)
    return np.concatenate([walk(frame / num_frames)[0] for frame in range(num_frames)])


def draw_walk(
    sampler: Sampler, walk: Walk, num_frames: int, columns: int, scale: int
) -> Iterator[np.ndarray]:
    """Yields a walk's frames, `(height, width, channels)` uint8; the last repeats none."""
    frames_at_once = max(1, BATCH_SIZE // len(walk(0.0)[0]))
    positions = np.arange(num_frames) / num_frames
    for start in range(0, num_frames, frames_at_once):
        places = [walk(position) for position in positions[start : start + frames_at_once]]
        latents, labels = (np.concatenate(inputs) for inputs in zip(*places, strict=True))
        pictures = np.stack(list(sampler.draw(latents, labels)))
        for frame in np.split(pictures, len(places)):
            yield sheets.make_grid(frame, columns, sampler.size[1] * scale)


def num_keyframes(seconds: float, smoothing: float) -> int:
    """Returns how many keyframes a loop has; the Gaussian's deviation is about `smoothing` s."""
    return max(3, round(seconds / smoothing))


def cycled(classes: Sequence[int], count: int) -> list[int]:
    """Returns the class of each of `count` pictures, which cycle through the classes."""
    return [classes[i % len(classes)] for i in range(count)]


def _check_latents(numbers: int) -> None:
    if numbers > _MOST_NUMBERS:
        raise UserError(
            f"--grid, --seconds, --smoothing, --seeds, --latents: expected latents of at most "
            f"{_MOST_NUMBERS:,} numbers, got {numbers:,}: draw fewer pictures or a shorter video"
        )
