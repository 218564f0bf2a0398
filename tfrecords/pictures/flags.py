"""Flags of several commands that say what becomes of pictures."""

from __future__ import annotations

from absl import flags

from tfrecords.common.bounds import Bounds
from tfrecords.common.checked_flags import define_number, define_path, define_text
from tfrecords.pictures.source import FITS, PictureOptions

CHANNELS = flags.DEFINE_enum("channels", "rgb", ["rgb", "gray"], "Colour or grey.")
BACKGROUND = define_text(
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
WHITE_LEVEL = define_number(
    "white_level",
    None,
    "The number that becomes white in pictures of more than 8 bits a channel, such as 4095 for 12 "
    "bits. Default: found by the pictures, and told.",
    Bounds(0, 2**32, above=True),
)
LABELS = define_path(
    "labels",
    None,
    "none; folders, whose first sub-folders are the classes; or the path of a CSV or JSON file of "
    "labels. Default: those that the source has of its own, such as in a dataset.json; else, with "
    "train.py --conditional, a folder's sub-folders.",
)
TFDS_DATA_DIR = define_path("tfds_data_dir", None, "Where TensorFlow Datasets keeps its files.")


def num_channels() -> int:
    """Returns how many channels pictures will have, 1 or 3."""
    return 1 if CHANNELS.value == "gray" else 3


def picture_options(resolution: int | None) -> PictureOptions:
    """Returns the options that the flags give. Raises UserError if --background is no color."""
    from tfrecords.pictures.images import parse_background  # slow to import, for --help

    return PictureOptions(
        resolution=resolution,
        num_channels=num_channels(),
        background=parse_background(BACKGROUND.value),
        fit=FIT.value,
        allow_upscaling=ALLOW_UPSCALING.value,
        white_level=WHITE_LEVEL.value,
    )
