"""The flags that say what becomes of pictures: of tfrecords.create, train.py and evaluate.py."""

from __future__ import annotations

from absl import flags

from tfrecords.errors import UserError
from tfrecords.source import FITS, PictureOptions

CHANNELS = flags.DEFINE_enum("channels", "rgb", ["rgb", "gray"], "Colour or grey.")
BACKGROUND = flags.DEFINE_string(
    "background", "#ffffff", "Colour that shows through transparent pixels and fills bars."
)
FIT = flags.DEFINE_enum(
    "fit",
    "crop",
    FITS,
    "How pictures become square: cut to the middle, with bars added, or stretched.",
)
ALLOW_UPSCALING = flags.DEFINE_bool(
    "allow_upscaling",
    None,
    "Enlarge pictures smaller than the resolution. Default: only without --resolution.",
)
WHITE_LEVEL = flags.DEFINE_float(
    "white_level",
    None,
    "The number that becomes white in pictures of more than 8 bits a channel, such as 4095 for 12 "
    "bits. Default: found by the pictures, and told.",
)
LABELS = flags.DEFINE_string(
    "labels",
    None,
    "none; folders, whose first sub-folders are the classes; or the path of a CSV or JSON file of "
    "labels. Default: those that the source has of its own; of a folder, with train.py "
    "--conditional, its sub-folders.",
)
TFDS_DATA_DIR = flags.DEFINE_string(
    "tfds_data_dir", None, "Where TensorFlow Datasets keeps its files."
)


def num_channels() -> int:
    """Returns how many channels pictures will have, 1 or 3."""
    return 1 if CHANNELS.value == "gray" else 3


def picture_options(resolution: int | None) -> PictureOptions:
    """Turns flags into what becomes of each picture.

    Args:
        resolution: in pixels, None to choose by the pictures.

    Raises:
        UserError: --background is no colour, or --white_level is no number above 0.
    """
    from tfrecords.images import parse_background  # slow to import, for --help

    return PictureOptions(
        resolution=resolution,
        num_channels=num_channels(),
        background=parse_background(BACKGROUND.value),
        fit=FIT.value,
        allow_upscaling=ALLOW_UPSCALING.value,
        white_level=_white_level(),
    )


def _white_level() -> float | None:
    level = WHITE_LEVEL.value
    if level is not None and not 0 < level < 2**32:  # NaN is neither
        raise UserError(
            f"white_level: expected a number above 0 and below 2^32, got {level:g}: give such as "
            "4095 for 12 bits"
        )
    return level
