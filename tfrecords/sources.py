"""The sources by the names that users give them."""

import numpy as np

from tfrecords import pyramid, shapes
from tfrecords.errors import UserError
from tfrecords.folder_source import open_folder
from tfrecords.images import WHITE, convert_channels
from tfrecords.source import PictureOptions, Source, compute_fingerprint, settle_options
from tfrecords.tfds_source import open_tfds

_SHAPES_RESOLUTION = 32

SOURCES_HELP = "a folder of pictures, 'tfds:NAME', 'tfds:NAME:SPLIT' or 'shapes'"


def open_source(
    source: str,
    resolution: int | None = None,
    num_channels: int = 3,
    *,
    background: tuple[int, int, int] = WHITE,
    allow_upscaling: bool | None = None,
    labels: bool | None = None,
    tfds_data_dir: str | None = None,
) -> Source:
    """Finds the pictures that `source` names.

    Args:
        source: `shapes` (the built-in dataset), `tfds:NAME[:SPLIT]` (TensorFlow
            Datasets; the split is `train` when absent), or a folder, local or remote,
            of PNG, JPEG, WebP and BMP files, in sub-folders too.
        resolution: in pixels, a power of two, 4 or more; None is 32 for shapes, else
            the largest that half of (up to 1000 of) the pictures reach.
        num_channels: 1 for grey, 3 for RGB.
        background: what shows through transparent pixels; RGB, 0 to 255.
        allow_upscaling: whether pictures smaller than the resolution are enlarged
            or are errors; None enlarges them only when `resolution` is None too.
        labels: whether to keep class labels. None: those of shapes and TFDS, not
            those of a folder. True: of a folder, its first sub-folders are the classes.
        tfds_data_dir: where TensorFlow Datasets keeps its files.

    Raises:
        UserError: there is no such source, or it holds no pictures, or an option
            does not suit it.
    """
    if resolution is not None:
        pyramid.resolutions(resolution)
    if num_channels not in (1, 3):
        raise UserError(f"channels: expected 1 (grey) or 3 (RGB), got {num_channels}")
    options = PictureOptions(
        resolution, num_channels, background, allow_upscaling, labels, tfds_data_dir
    )
    # To add a kind of source, write `open_…(rest, options) -> Source` and name it here.
    kind, _, rest = source.partition(":")
    if source == "shapes":
        return _open_shapes(options)
    if kind == "tfds":
        return open_tfds(rest, options)
    return open_folder(source, options, expected=SOURCES_HELP)


def _open_shapes(options: PictureOptions) -> Source:
    resolution = options.resolution or _SHAPES_RESOLUTION
    if resolution > 1024:
        raise UserError(f"shapes: expected a resolution from 4 to 1024, got {resolution}")
    labels = options.labels is not False
    settled = settle_options(options, resolution, allow_upscaling=False, labels=labels)

    def read(index: int) -> np.ndarray:
        return convert_channels(shapes.draw(index, resolution), options.num_channels)

    def read_label_indices() -> np.ndarray:
        return np.array([shapes.label(index) for index in range(shapes.NUM_PICTURES)])

    return Source(
        name="shapes",
        description="shapes",
        num_pictures=shapes.NUM_PICTURES,
        resolution=resolution,
        num_channels=options.num_channels,
        read=read,
        fingerprint=compute_fingerprint("shapes", [shapes.VERSION], settled),
        options=settled,
        read_label_indices=read_label_indices if labels else None,
        label_names=shapes.LABEL_NAMES if labels else (),
    )
