"""Transparent pictures: premultiplied in records and networks, straight in files.

Premultiplied color is color times opacity, so a transparent pixel is 0 and no hidden color can be
learned; averages and fades are right, too. Files want straight color.
"""

import numpy as np

_SQUARE = 8  # pixels of a square of the checkerboard
_LIGHT, _DARK = 255, 204  # its grays


def clip_to_alpha(pictures: np.ndarray) -> np.ndarray:
    """Lowers premultiplied color, `(…, 4)` uint8, to at most alpha.

    Resizing and networks may exceed it.
    """
    return np.minimum(pictures, pictures[..., 3:])


def straight(pictures: np.ndarray) -> np.ndarray:
    """Divides the color of `(…, 4)` premultiplied uint8 by alpha; other pictures stay as they are.

    Transparent pixels become transparent black.
    """
    if pictures.shape[-1] != 4:
        return pictures
    alpha = pictures[..., 3:].astype(np.float32)
    color = np.rint(pictures[..., :3] * (255 / np.maximum(alpha, 1)))
    return np.concatenate([np.minimum(color, 255).astype(np.uint8), pictures[..., 3:]], axis=-1)


def in_colors(pictures: np.ndarray) -> np.ndarray:
    """Returns what can be looked at of `(…, channels)`: gray, RGB and RGBA as they are.

    Of others the first three channels are red, green and blue; without a third, blue is 0.
    """
    channels = pictures.shape[-1]
    if channels in (1, 3, 4):
        return pictures
    if channels == 2:
        return np.concatenate([pictures, np.zeros_like(pictures[..., :1])], axis=-1)
    return pictures[..., :3]


def on_white(pictures: np.ndarray) -> np.ndarray:
    """Lays `(…, 4)` premultiplied uint8 on white: `(…, 3)`; other pictures stay as they are."""
    if pictures.shape[-1] != 4:
        return pictures
    pictures = clip_to_alpha(pictures)
    return pictures[..., :3] + (255 - pictures[..., 3:])


def on_checkerboard(picture: np.ndarray) -> np.ndarray:
    """Lays one straight `(height, width, 4)` uint8 picture on gray squares: `(height, width, 3)`.

    Other pictures stay as they are.
    """
    if picture.shape[-1] != 4:
        return picture
    rows, columns = (np.arange(side) // _SQUARE for side in picture.shape[:2])
    squares = np.where((rows[:, None] + columns) % 2, _DARK, _LIGHT)[..., None]
    return _blend(picture, squares)


def straight_on_white(picture: np.ndarray) -> np.ndarray:
    """Lays straight `(…, 4)` uint8 on white: `(…, 3)`; other pictures stay as they are."""
    return _blend(picture, np.array(255)) if picture.shape[-1] == 4 else picture


def _blend(picture: np.ndarray, below: np.ndarray) -> np.ndarray:
    alpha = picture[..., 3:] / np.float32(255)
    return np.rint(picture[..., :3] * alpha + below * (1 - alpha)).astype(np.uint8)
