"""Sources of pictures that tests make themselves, which other processes can open too."""

import io
import os
import signal
import sys
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from tfrecords.common.errors import UserError
from tfrecords.pictures.source import PictureOptions, Source


@dataclass(frozen=True)
class OpenPictures:
    """Reads pictures from memory; a string is why one cannot be read."""

    pictures: tuple

    def __call__(self):
        return self._read

    def _read(self, index):
        picture = self.pictures[index]
        if isinstance(picture, str):
            if picture == "die":
                os.kill(os.getpid(), signal.SIGKILL)
            if picture == "tensorflow?":
                loaded = any(name.split(".")[0] == "tensorflow" for name in sys.modules)
                raise UserError(f"{index}.png: TensorFlow is {'' if loaded else 'not '}loaded")
            raise UserError(f"{index}.png: {picture}")
        if isinstance(picture, BaseException):
            raise picture
        return picture


def name_picture(index):
    return f"{index}.png"


def make_source(pictures, **fields):
    pictures = tuple(pictures)
    return replace(
        Source(
            name="made",
            description="made",
            num_pictures=len(pictures),
            open=OpenPictures(pictures),
            identity=["made"],
            picture_name=name_picture,
        ),
        **fields,
    )


def options(resolution=8, num_channels=3, **fields):
    return PictureOptions(resolution, num_channels, **{"allow_upscaling": False, **fields})


def noise(count, resolution=8, channels=3, seed=0):
    shape = (count, resolution, resolution, channels)
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def encode(image, kind="PNG", **settings):
    file = io.BytesIO()
    image = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    image.save(file, kind, **settings)
    return file.getvalue()


def contents(folder):
    """Name to bytes of a folder's files."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
