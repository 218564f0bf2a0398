"""Ways through the space of latents, which is a sphere.

The generator first brings latents to length √latent_size (paper, appendix A.1), where nearly
all of N(0, 1) lies: only their direction matters. So a straight line between two latents is
followed as the great circle below it, and an average of latents is brought back to the sphere.

The mean of all latents has no meaning here. It is the origin, the one point that lies in no
direction, and a latent that is scaled towards it gives the same picture. Truncation, which trades
variety for likeness, therefore needs a center that is itself on the sphere, and moves along great
circles towards it: see `truncate`.

Latents are `(..., latent_size)` float32.
"""

import numpy as np

# Beyond so many of its deviations a Gaussian is nothing, in float32.
_DEVIATIONS = 8


def slerp(begin: np.ndarray, end: np.ndarray, share: float) -> np.ndarray:
    """Goes a share, 0 to 1, of the way along a great circle; lengths change evenly.

    Between opposite latents there is no one shortest way, and a straight line is taken.
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
    """Draws latents towards a center: angles to it shrink to `truncation` times what they were.

    The center is `(latent_size,)`; any direction is as good as any other. A truncation of 1 leaves
    latents as they are, 0 puts all of them into the center.
    """
    if truncation == 1:
        return latents
    return slerp(np.broadcast_to(center, latents.shape), latents, truncation)


def walk_straight(keyframes: np.ndarray, position: float) -> np.ndarray:
    """Goes along great circles from keyframe to keyframe, along the first axis, and back.

    The position in the loop is 0 to 1, both of which are the first keyframe.
    """
    return slerp(*_around(keyframes, position))


def mix_straight(keyframes: np.ndarray, position: float) -> np.ndarray:
    """Does the same along straight lines: for labels."""
    begin, end, share = _around(keyframes, position)
    return ((1 - share) * begin + share * end).astype(np.float32)


def _around(keyframes: np.ndarray, position: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Returns the keyframes before and after a position, and its share of the way between them."""
    count = len(keyframes)
    index, share = divmod(position % 1.0 * count, 1.0)
    begin = int(index) % count
    return keyframes[begin], keyframes[(begin + 1) % count], share


def walk_smoothly(keyframes: np.ndarray, position: float) -> np.ndarray:
    """Wanders among at least 3 random keyframes: smoothed over time, on the sphere, in a loop.

    The keyframes, along the first axis, are averaged with a Gaussian of time whose deviation is
    the time between two of them, and brought back to the sphere. The walk passes near each but
    reaches none; its speed hardly changes: about 1/√2 radians in the time of a keyframe.
    """
    count = len(keyframes)
    # How far each keyframe is in time, this time round, the times before and the times after.
    rounds = np.arange(-_DEVIATIONS // count, _DEVIATIONS // count + 2) * count
    distances = (np.arange(count) - position % 1.0 * count)[:, None] - rounds
    weights = np.exp(-0.5 * distances**2).sum(axis=1)
    mean = np.tensordot(weights, keyframes, axes=1)
    length = np.linalg.norm(mean, axis=-1, keepdims=True)
    return (mean * (np.sqrt(keyframes.shape[-1]) / length)).astype(np.float32)
