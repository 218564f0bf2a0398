"""Flags for converting pictures, shared by several commands."""

from __future__ import annotations

from absl import flags

from tfrecords.common.bounds import Bounds
from tfrecords.common.command_line import define_number, define_path, define_read, define_text
from tfrecords.common.errors import UserError
from tfrecords.common.shape import parse_shape
from tfrecords.pictures.source import DEPTHS, FITS, NUM_CHANNELS, PictureOptions, parse_value_range

SHAPE = define_read(
    "shape",
    None,
    "WIDTHxHEIGHT in pixels, such as 96x64: 1 to 8 cells a side times a power of two. Default: the "
    "data's where most pictures agree, else squares; squares with --resolution.",
    parse_shape,
    "WIDTHxHEIGHT",
)
CHANNELS = flags.DEFINE_enum(
    "channels", "rgb", list(NUM_CHANNELS), "Color, grayscale, or color with transparency."
)
BACKGROUND = define_text(
    "background", "#ffffff", "Color behind transparent pixels and of letterbox bars."
)
FIT = flags.DEFINE_enum(
    "fit", "crop", FITS, "How pictures fill the shape: crop the center, add bars, or stretch."
)
ALLOW_UPSCALING = flags.DEFINE_bool(
    "allow_upscaling",
    None,
    "Enlarge pictures smaller than the resolution. Default: only without --resolution.",
)
_WHITE = "Value of white above 8 bits per channel, 4095 for 12 bits. Default: by the pictures."
WHITE_LEVEL = define_number("white_level", None, _WHITE, Bounds(0, 2**32, above=True))
DEPTH = flags.DEFINE_enum(
    "depth", "8", list(map(str, DEPTHS)), "Bits per channel; 16 keeps them, with --channels=gray."
)
VALUE_RANGE = define_read(
    "value_range",
    None,
    "LOW,HIGH of the numbers in a NumPy or HDF5 file. Default: its type's, or as found.",
    parse_value_range,
    "two numbers, LOW,HIGH",
)
LABELS = define_path(
    "labels",
    None,
    "none; folders (top-level subfolders are classes); or a CSV or JSON file of labels. "
    "Default: the source's own labels, or subfolders with train.py --conditional.",
)
TFDS_DATA_DIR = define_path("tfds_data_dir", None, "Where TensorFlow Datasets keeps its files.")


def num_channels() -> int:
    """Returns the number of channels, one of `NUM_CHANNELS`."""
    return NUM_CHANNELS[CHANNELS.value]


def picture_options(resolution: int | None) -> PictureOptions:
    """Returns the options from the flags, --shape over `resolution`.

    Raises UserError if --background is not a color, or for 16 bits of more than one channel.
    """
    from tfrecords.pictures.images import parse_background  # slow to import, for --help

    if DEPTH.value != "8" and num_channels() != 1:
        raise UserError(f"--depth=16: expected --channels=gray, got --channels={CHANNELS.value}")
    return PictureOptions(
        resolution=SHAPE.value.resolution if SHAPE.value else resolution,
        base=SHAPE.value.base if SHAPE.value else None,
        num_channels=num_channels(),
        background=parse_background(BACKGROUND.value),
        fit=FIT.value,
        allow_upscaling=ALLOW_UPSCALING.value,
        white_level=WHITE_LEVEL.value,
        depth=int(DEPTH.value),
        value_range=VALUE_RANGE.value,
    )
