"""Data sets for tests, made in a moment."""

from tfrecords.cache import prepare
from tfrecords.pictures.source import PictureOptions


def prepare_shapes(folder, resolution, **options):
    """The built-in shapes as TFRecords."""
    return prepare("shapes", str(folder), PictureOptions(resolution, **options))
