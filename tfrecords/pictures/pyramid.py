"""A picture at every power of two down to 4 px, by averaging blocks of 2x2 pixels."""

import numpy as np

from tfrecords.common.errors import UserError

SMALLEST_RESOLUTION = 4


def resolutions(largest: int) -> tuple[int, ...]:
    """Lists the resolutions of a dataset, largest first: 32 gives (32, 16, 8, 4).

    Raises:
        UserError: `largest` is not a power of two, or below 4.
    """
    if largest < SMALLEST_RESOLUTION or largest & (largest - 1):
        below = max(SMALLEST_RESOLUTION, 1 << max(largest, 1).bit_length() - 1)
        raise UserError(
            f"resolution: expected a power of two, 4 or more, got {largest}: take {below}"
        )
    return tuple(1 << log2 for log2 in range(largest.bit_length() - 1, 1, -1))


def build_pyramid(image: np.ndarray) -> dict[int, np.ndarray]:
    """Averages a picture down to 4 px (the paper's section 3: the reals of each stage).

    The average is carried from level to level in float32, where it is exact: each
    level adds 2 bits to the 8 of the picture. Only what is returned is rounded.

    Args:
        image: (resolution, resolution, channels) uint8; resolution a power of two
            from 4 to 1024.

    Returns:
        Resolution to picture, (resolution, resolution, channels) uint8, largest first.

    Raises:
        ValueError: `image` is not such an array.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[0] != image.shape[1]:
        raise ValueError(
            "image must be uint8 of shape (resolution, resolution, channels), "
            f"got {image.dtype} of shape {image.shape}"
        )
    levels = {}
    level = image.astype(np.float32)
    for resolution in resolutions(image.shape[0]):
        if resolution != level.shape[0]:
            # Rows first: adding them runs along memory, which `mean` over blocks does not.
            rows = level[0::2] + level[1::2]
            level = (rows[:, 0::2] + rows[:, 1::2]) * np.float32(0.25)
        levels[resolution] = np.rint(level).astype(np.uint8)
    return levels
