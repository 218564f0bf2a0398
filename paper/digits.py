"""A classifier of handwritten digits, which the mode test reads generated pictures with."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import posixpath

import keras
import numpy as np
import tensorflow as tf

from tfrecords.common.errors import UserError
from tfrecords.common.files import copy_file, temporary_folder
from tfrecords.pictures.source import Source

_VERSION = 1  # raised when what follows changes, so that kept classifiers are trained again
_IMAGES_SHOWN = 180_000
_BATCH_SIZE = 100
_HELD_OUT = 0.1  # the share of digits that measures the accuracy


@dataclasses.dataclass(frozen=True)
class DigitClassifier:
    """Reads digits.

    Attributes:
        model: `(batch, 32, 32, 1)` float32 in [0, 1] → `(batch, 10)` logits.
        accuracy: the share of digits that it had not been shown and read right.
    """

    model: keras.Model
    accuracy: float

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """Returns the digits, `(pictures,)` int64, of `(pictures, 32, 32)` uint8."""
        logits = self.model.predict_on_batch(_to_inputs(pictures))
        return np.argmax(logits, axis=-1)


def load_classifier(source: Source, cache_dir: str) -> DigitClassifier:
    """Returns a classifier of a source's digits; trains it where the cache has none.

    Training takes about a minute on two cores.

    Args:
        source: single digits with labels: see `tfrecords.sources.idx.open_mnist`.
        cache_dir: where it is kept, by a fingerprint of the source.

    Raises:
        UserError: the source has no ten classes, or its pictures are not 32 px.
    """
    if source.labels is None or source.labels.shape[1] != 10:
        raise UserError(f"{source.description}: expected digits with labels 0 to 9")
    identity = f"{_VERSION} {list(source.identity)}"
    name = f"digits-{hashlib.sha256(identity.encode()).hexdigest()[:16]}.keras"
    path = posixpath.join(cache_dir, name)
    pictures, digits = read_all(source)
    held_out = np.random.default_rng(0).random(len(digits)) < _HELD_OUT
    if os.path.exists(path):
        model = keras.models.load_model(path)
    else:
        model = _train(pictures[~held_out], digits[~held_out])
        os.makedirs(cache_dir, exist_ok=True)
        with temporary_folder() as folder:
            model.save(f"{folder}/{name}")
            copy_file(f"{folder}/{name}", path)
    read = DigitClassifier(model, 0.0)(pictures[held_out])
    return DigitClassifier(model, float(np.mean(read == digits[held_out])))


def read_all(source: Source) -> tuple[np.ndarray, np.ndarray]:
    """Returns all digits as `(n, 32, 32)` uint8 and what they are as `(n,)` int64.

    Raises:
        UserError: the pictures are not 32 px.
    """
    read = source.open()
    pictures = np.stack([read(index) for index in range(source.num_pictures)])
    if pictures.shape[1:] != (32, 32):
        raise UserError(
            f"{source.description}: expected digits of 32x32 pixels, got {pictures.shape[1:]}"
        )
    if source.labels is None:
        raise UserError(f"{source.description}: expected digits with labels, got none")
    return pictures, np.argmax(source.labels[:], axis=-1)


def _train(pictures: np.ndarray, digits: np.ndarray) -> keras.Model:
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((32, 32, 1)),
            # Generated digits are not always in the middle.
            keras.layers.RandomTranslation(0.08, 0.08, fill_mode="constant"),
            keras.layers.Conv2D(24, 5, strides=2, padding="same", activation="relu"),
            keras.layers.Conv2D(48, 3, padding="same", activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Conv2D(64, 3, padding="same", activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Flatten(),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dense(10),
        ]
    )
    model.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(2e-3, _steps(len(digits)))),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    epochs = max(1, _IMAGES_SHOWN // len(digits))
    model.fit(_to_inputs(pictures), digits, batch_size=_BATCH_SIZE, epochs=epochs, verbose=0)
    return model


def _steps(num_digits: int) -> int:
    return max(1, _IMAGES_SHOWN // num_digits) * -(-num_digits // _BATCH_SIZE)


def _to_inputs(pictures: np.ndarray) -> tf.Tensor:
    return tf.constant(pictures[..., np.newaxis], tf.float32) / 255.0
