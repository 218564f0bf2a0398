"""Converts pictures from their embedded color profiles to sRGB."""

import functools
import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageCms

# Print profiles take 1 to 3 MiB. Larger ones are refused, since the last few stay in memory.
MAX_PROFILE_BYTES = 2**22
_KEPT_TRANSFORMS = 8

# Many profiles approximate sRGB. If no color changes by more than this, pictures stay as they are.
_SAME = 1  # of 255

_GAMMA, _GAMMA_TOLERANCE = 1 / 2.2, 0.05  # of PNGs whose numbers are close to sRGB
_GAMMAS = (0.1, 10)  # plausible range
_ROWS = 256  # rows converted at a time

# x and y of sRGB's white, red, green and blue, in the order of a PNG's cHRM.
_CHROMATICITIES = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
# From XYZ to cone responses of the eye, for adapting one white to another (Bradford).
_CONES = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
# Samples of all colors, uint8 (1, colors, 3), to see whether a profile changes any.
_STEPS = np.arange(0, 256, 15, dtype=np.uint8)
_COLORS = np.stack(np.meshgrid(_STEPS, _STEPS, _STEPS), -1).reshape(1, -1, 3)

# The note for `say`. Messages put the number of pictures before it.
DAMAGED = "with a color profile that is damaged or of another kind: taken as sRGB"


def to_srgb(image: Image.Image, say: Callable[[str], None]) -> Image.Image:
    """Converts an 8-bit picture in any mode to sRGB by its profile, with Pillow's ImageCms.

    A PNG without a profile may give gamma and primaries instead; others are taken as sRGB. Returns
    RGB or RGBA. Calls `say` with a note if the profile can't be used.
    """
    profile = image.info.get("icc_profile")
    if not profile:
        return image if "srgb" in image.info else _from_png(image, say)
    space, transform = _find_transform(profile) if len(profile) <= MAX_PROFILE_BYTES else ("", None)
    is_gray = image.mode in ("1", "L", "LA", "La")
    fits = (space == "CMYK") == (image.mode == "CMYK") and (space != "GRAY" or is_gray)
    if not space or not fits:
        say(DAMAGED)
        return image
    if transform is None:
        return image
    if space == "CMYK":
        return transform.apply(image)
    alpha = None
    if image.has_transparency_data:
        image = image.convert("RGBA")
        alpha = image.getchannel("A")
    converted = transform.apply(image.convert("L" if space == "GRAY" else "RGB"))
    if alpha is not None:
        converted.putalpha(alpha)
    return converted


def _from_png(image: Image.Image, say: Callable[[str], None]) -> Image.Image:
    """Converts a PNG by its gAMA and cHRM chunks, if it has them."""
    try:
        convert = _from_gamma(image.info.get("gamma"), image.info.get("chromaticity"))
    except (ValueError, ArithmeticError, np.linalg.LinAlgError):
        say(DAMAGED)
        return image
    if convert is None:
        return image
    pixels = np.array(image.convert("RGBA" if image.has_transparency_data else "RGB"))
    for row in range(0, len(pixels), _ROWS):
        pixels[row : row + _ROWS, :, :3] = convert(pixels[row : row + _ROWS, :, :3])
    return Image.fromarray(pixels)


@functools.lru_cache(_KEPT_TRANSFORMS)
def _from_gamma(
    gamma: float | None, colors: tuple[float, ...] | None
) -> Callable[[np.ndarray], np.ndarray] | None:
    """Returns a function from a PNG's pixels, uint8 (…, 3), to sRGB; None if it changes nothing."""
    levels = np.arange(256) / 255
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    if gamma is not None and abs(gamma - _GAMMA) > _GAMMA_TOLERANCE:
        if not _GAMMAS[0] <= gamma <= _GAMMAS[1]:
            raise ValueError(gamma)
        linear = levels ** (1 / gamma)
    matrix = np.linalg.inv(_to_xyz(_CHROMATICITIES)) @ _to_xyz(colors or _CHROMATICITIES)
    if not np.isfinite(matrix).all():
        raise ValueError(colors)

    def convert(pixels: np.ndarray) -> np.ndarray:
        light = np.clip(linear[pixels] @ matrix.T, 0, 1)
        encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
        return np.rint(255 * encoded).astype(np.uint8)

    return convert if _changes(_COLORS, convert(_COLORS)) else None


def _to_xyz(colors: tuple[float, ...]) -> np.ndarray:
    """Returns the matrix from linear RGB with these primaries to XYZ with sRGB's white."""
    with np.errstate(all="raise"):
        pairs = np.reshape(colors, (4, 2))
        white, *primaries = (np.array([x / y, 1, (1 - x - y) / y]) for x, y in pairs)
        channels = np.transpose(primaries)
        x, y = _CHROMATICITIES[:2]
        adapted = (_CONES @ [x / y, 1, (1 - x - y) / y]) / (_CONES @ white)
        matrix = channels * np.linalg.solve(channels, white)
        return np.linalg.solve(_CONES, adapted[:, None] * (_CONES @ matrix))


def _changes(before: np.ndarray, after: np.ndarray) -> bool:
    return np.abs(after.astype(int) - before).max() > _SAME


@functools.lru_cache(_KEPT_TRANSFORMS)
def _find_transform(profile: bytes) -> tuple[str, ImageCms.ImageCmsTransform | None]:
    """Returns a profile's color space ("" if unusable) and transform (None if not needed)."""
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space = opened.profile.xcolor_space.strip()
        mode = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}[space]
        transform = ImageCms.buildTransform(opened, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError, KeyError):
        return "", None
    if space == "CMYK":
        return space, transform
    grays = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    probe = grays if space == "GRAY" else _COLORS
    converted = transform.apply(Image.fromarray(probe).convert(mode))
    return space, transform if _changes(probe, np.asarray(converted)) else None
