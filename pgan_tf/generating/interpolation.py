"""Ways through the space of latents, which is a sphere.

The generator first brings latents to length √latent_size (paper, appendix A.1), where nearly
all of N(0, 1) lies: only their direction matters. So a straight line between two latents is
followed as the great circle below it, and an average of latents is brought back to the sphere.

What has no meaning here is the mean of all latents. It is the origin, the one point that
lies in no direction, and a latent that is drawn towards it by scaling gives the same picture.
Truncation, which trades variety for likeness, therefore needs a centre that is itself on
the sphere, and moves along great circles towards it: see `truncate`.
"""

from __future__ import annotations

import numpy as np

# Beyond so many of its deviations a Gaussian is nothing, in float32.
_DEVIATIONS = 8


def slerp(begin: np.ndarray, end: np.ndarray, share: float) -> np.ndarray:
    """Goes a share of the way along a great circle; lengths change evenly.

    Args:
        begin: `(..., latent_size)` float32, at share 0.
        end: the same, at share 1. Where it is opposite `begin` there is no one shortest way,
            and a straight line is taken.
        share: 0 to 1.

    Returns:
        `(..., latent_size)` float32.
    """
    lengths = [np.linalg.norm(vector, axis=-1, keepdims=True) for vector in (begin, end)]
    first, second = (begin / np.maximum(lengths[0], 1e-12), end / np.maximum(lengths[1], 1e-12))
    cosine = np.clip(np.sum(first * second, axis=-1, keepdims=True, dtype=np.float64), -1, 1)
    angle = np.arccos(cosine)
    sine = np.sin(angle)
    # On (nearly) the same line the great circle is the straight line.
    straight = sine < 1e-6
    sine = np.where(straight, 1.0, sine)
    first = first * np.where(straight, 1 - share, np.sin((1 - share) * angle) / sine)
    second = second * np.where(straight, share, np.sin(share * angle) / sine)
    length = (1 - share) * lengths[0] + share * lengths[1]
    return ((first + second) * length).astype(np.float32)


def truncate(latents: np.ndarray, center: np.ndarray, truncation: float) -> np.ndarray:
    """Draws latents towards a centre: angles to it shrink to `truncation` times what they were.

    Args:
        latents: `(..., latent_size)` float32.
        center: `(latent_size,)` float32. Any direction is as good as any other.
        truncation: 1 leaves latents as they are, 0 puts all of them into the centre.

    Returns:
        `(..., latent_size)` float32.
    """
    if truncation == 1:
        return latents
    return slerp(np.broadcast_to(center, latents.shape), latents, truncation)


def walk_straight(keyframes: np.ndarray, position: float) -> np.ndarray:
    """Goes from keyframe to keyframe along great circles, and back to the first.

    Args:
        keyframes: `(count, ..., latent_size)` float32.
        position: in the loop, where 0 and 1 are the first keyframe.

    Returns:
        `(..., latent_size)` float32.
    """
    count = len(keyframes)
    index, share = divmod(position % 1.0 * count, 1.0)
    begin = int(index) % count
    return slerp(keyframes[begin], keyframes[(begin + 1) % count], share)


def mix_straight(keyframes: np.ndarray, position: float) -> np.ndarray:
    """Goes from keyframe to keyframe along straight lines: for labels, as `walk_straight`."""
    count = len(keyframes)
    index, share = divmod(position % 1.0 * count, 1.0)
    begin = int(index) % count
    mixed = (1 - share) * keyframes[begin] + share * keyframes[(begin + 1) % count]
    return mixed.astype(np.float32)


def walk_smoothly(keyframes: np.ndarray, position: float) -> np.ndarray:
    """Wanders among random keyframes: smoothed over time, on the sphere, in a loop.

    The keyframes are averaged with a Gaussian of time whose deviation is the time between two
    of them, and brought back to the sphere. It passes near each but reaches none; its
    speed hardly changes: about 1/√2 radians in the time of a keyframe.

    Args:
        keyframes: `(count, ..., latent_size)` float32, N(0, 1); count at least 3.
        position: in the loop, 0 to 1, which are the same.

    Returns:
        `(..., latent_size)` float32 of length √latent_size.
    """
    count = len(keyframes)
    # How far each keyframe is in time, this time round, the times before and the times after.
    rounds = np.arange(-_DEVIATIONS // count, _DEVIATIONS // count + 2) * count
    distances = (np.arange(count) - position % 1.0 * count)[:, None] - rounds
    weights = np.exp(-0.5 * distances**2).sum(axis=1)
    mean = np.tensordot(weights, keyframes, axes=1)
    length = np.linalg.norm(mean, axis=-1, keepdims=True)
    return (mean * (np.sqrt(keyframes.shape[-1]) / length)).astype(np.float32)
