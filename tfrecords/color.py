"""Embedded color profiles: what a file's numbers mean, brought to sRGB."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageCms

# A profile for printing takes 1 to 3 MiB; more is refused, as the last few are kept.
MAX_PROFILE_BYTES = 2**22
_KEPT_TRANSFORMS = 8

# Most programs write sRGB's own curve with small deviations. Pictures whose profile moves
# no color by more than this are left as they are, which is faster and loses nothing.
_SAME = 1  # of 255

_GAMMA = 1 / 2.2  # of a PNG whose numbers are about sRGB's
_GAMMA_TOLERANCE = 0.05

# What `say` is told, after the number of pictures.
DAMAGED = "with a color profile that is damaged or of another kind: taken as sRGB"
GAMMA = "with a PNG gamma that is not sRGB's and no color profile: taken as sRGB"


def to_srgb(image: Image.Image, say: Callable[[str], None]) -> Image.Image:
    """Converts a picture to sRGB by the profile that its file holds, if it holds one.

    As `ImageCms.profileToProfile` does: with the perceptual intent. Without a profile a
    picture is taken as sRGB. CMYK without one goes through Pillow's plain formula.

    Args:
        image: 8 bits a channel, any mode, with the file's `info`.
        say: told where the profile could not be used.

    Returns:
        The picture itself, or RGB or RGBA.
    """
    profile = image.info.get("icc_profile")
    if not profile:
        gamma = image.info.get("gamma")
        if gamma and "srgb" not in image.info and abs(gamma - _GAMMA) > _GAMMA_TOLERANCE:
            say(GAMMA)
        return image
    found = _find_transform(profile) if len(profile) <= MAX_PROFILE_BYTES else None
    if found is None:
        say(DAMAGED)
        return image
    space, transform = found
    is_gray = image.mode in ("1", "L", "LA", "La")
    if (space == "CMYK") != (image.mode == "CMYK") or (space == "GRAY" and not is_gray):
        say(DAMAGED)
        return image
    if transform is None:
        return image
    if space == "CMYK":
        return ImageCms.applyTransform(image, transform)
    alpha = None
    if image.has_transparency_data:
        image = image.convert("RGBA")
        alpha = image.getchannel("A")
    converted = ImageCms.applyTransform(image.convert("L" if space == "GRAY" else "RGB"), transform)
    if alpha is not None:
        converted.putalpha(alpha)
    return converted


@functools.lru_cache(_KEPT_TRANSFORMS)
def _find_transform(profile: bytes) -> tuple[str, ImageCms.ImageCmsTransform | None] | None:
    """Returns a profile's kind of color and its way to sRGB, None where that changes nothing.

    Returns:
        None where the profile cannot be used.
    """
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space = opened.profile.xcolor_space.strip()
        mode = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}[space]
        transform = ImageCms.buildTransform(opened, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError, KeyError):
        return None
    if space == "CMYK":
        return space, transform
    steps = np.arange(0, 256, 15 if space == "RGB" else 1, np.uint8)
    probe = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(1, -1, 3)
    if space == "GRAY":
        probe = np.repeat(steps[None, :, None], 3, axis=2)
    given = Image.fromarray(probe).convert(mode)
    moved = np.asarray(ImageCms.applyTransform(given, transform)).astype(int) - probe
    return space, None if np.abs(moved).max() <= _SAME else transform
