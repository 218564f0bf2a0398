"""What the tests of sources share."""

import pickle

import numpy as np
from PIL import Image


def open_elsewhere(source):
    """Opens the source's reader as a process that converts does."""
    return pickle.loads(pickle.dumps(source.open))()


def picture(seed, size=(16, 16)):
    """Returns a picture of noise, (height, width, 3) uint8; `size` is (width, height)."""
    return np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)


def save(path, size=(16, 16), seed=0):
    """Saves a picture of noise; PNG keeps it as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture(seed, size)).save(path)
    return path.read_bytes()
