"""The mode test (paper, appendix E): how many modes of MNIST-RGB a run draws, and how evenly."""

import dataclasses
import hashlib
import os
import posixpath
from collections.abc import Iterable

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from paper.experiments import MODE_METRIC
from pgan_tf.metrics.evaluation import draw_batches, read_generated
from pgan_tf.metrics.mode_coverage import mode_coverage
from pgan_tf.metrics.score import Score
from pgan_tf.networks.sampling import one_hot_labels
from pgan_tf.runs import checkpoint
from tfrecords.common.errors import UserError
from tfrecords.common.files import copy_file, temporary_folder
from tfrecords.pictures.source import Source
from tfrecords.sources.idx import choose_digits

NUM_MODES = 1000  # a digit in red, another in green and a third in blue
_VERSION = 1  # increased when the classifier changes, so that cached ones are trained again
_IMAGES_SHOWN = 180_000
_BATCH_SIZE = 100
_HELD_OUT = 0.1  # share of digits held out to measure accuracy


@dataclasses.dataclass(frozen=True)
class DigitClassifier:
    """A classifier of handwritten digits."""

    model: keras.Model  # (batch, 32, 32, 1) float32 in [0, 1] → (batch, 10) logits
    accuracy: float  # share of held-out digits that it classifies correctly

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """Classifies `(pictures, 32, 32)` uint8. Returns the digits, `(pictures,)` int64."""
        return np.argmax(self.model.predict_on_batch(_to_inputs(pictures)), axis=-1)


def measure_modes(run_dir: str, digits: Source, cache_dir: str, num_samples: int) -> Score:
    """Draws samples with a run's average generator, from seeds 0 and up, and counts their modes.

    The classifier is trained on `digits` and cached in `cache_dir`. Returns `modes` and
    `reverse_kl`; the floor is from as many real pictures. UserError unless the run is 32x32 RGB.
    """
    saved = checkpoint.read_run(run_dir, [])
    network = saved.config.network
    if (network.resolution, network.num_channels) != (32, 3):
        got = f"{network.resolution} px and {network.num_channels} channels"
        words = f"expected a generator of 32x32 in color, got {got}"
        raise UserError(f"--run_dir: {words}: train it on mnist_rgb:FOLDER")
    generated = read_generated(saved.path, "average_generator")
    classifier = load_classifier(digits, cache_dir)
    seeds, total = range(num_samples), -(-num_samples // _BATCH_SIZE)
    labels = one_hot_labels(seeds, network.label_size)
    batches = draw_batches(generated, seeds, labels, 32, _BATCH_SIZE)
    counts = count_modes(tqdm(batches, "Drawing", unit="batch", total=total), classifier)
    return Score(
        metric=MODE_METRIC,
        values=_values(counts),
        floor=_values(_count_reals(digits, classifier, num_samples)),
        headline="reverse_kl",
        better="lower",
        images_shown=generated.images_shown,
        stage=generated.stage,
        stage_resolution=generated.stage_resolution,
        resolution=32,
        metric_version=1,
        num_images=num_samples,
        filter=f"classifier, {classifier.accuracy:.2%} of unseen digits right",
        seed=0,
        data=saved.config.dataset,
        network=generated.network,
        checkpoint=generated.checkpoint,
        weights_sha256=generated.weights_sha256,
    )


def count_modes(batches: Iterable[np.ndarray], classifier: DigitClassifier) -> np.ndarray:
    """Counts modes in `(n, 32, 32, 3)` uint8 batches: `(1000,)` int64, at 100 r + 10 g + b."""
    counts = np.zeros(NUM_MODES, np.int64)
    for pictures in batches:
        counts += _count([classifier(pictures[..., channel]) for channel in range(3)])
    return counts


def _count_reals(digits: Source, classifier: DigitClassifier, num_samples: int) -> np.ndarray:
    """Counts the modes of the first pictures of `mnist_rgb:…`."""
    pictures, _ = read_all(digits)
    batches = np.array_split(pictures, -(-len(pictures) // _BATCH_SIZE))
    read = np.concatenate([classifier(batch) for batch in batches])
    # The channels of a picture are digits, so it is enough to classify each digit once.
    return _count(read[[choose_digits(index, len(read)) for index in range(num_samples)]].T)


def _count(digits: Iterable[np.ndarray]) -> np.ndarray:
    red, green, blue = digits
    return np.bincount(100 * red + 10 * green + blue, minlength=NUM_MODES)


def _values(counts: np.ndarray) -> dict[str, float]:
    modes, reverse_kl = mode_coverage(counts)
    return {"modes": float(modes), "reverse_kl": reverse_kl}


def load_classifier(source: Source, cache_dir: str) -> DigitClassifier:
    """Returns a classifier for these digits, cached by fingerprint. Training takes a minute."""
    pictures, digits = read_all(source)
    identity = hashlib.sha256(f"{_VERSION} {list(source.identity)}".encode()).hexdigest()
    name = f"digits-{identity[:16]}.keras"
    path = posixpath.join(cache_dir, name)
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
    """Returns digits, `(n, 32, 32)` uint8 and `(n,)` int64. UserError for other data."""
    if source.labels is None or source.labels.shape[1] != 10:
        raise UserError(f"{source.description}: expected digits with labels 0 to 9")
    pictures = np.stack([*map(source.open(), range(source.num_pictures))])
    if (size := pictures.shape[1:]) != (32, 32):
        raise UserError(f"{source.description}: expected digits of 32x32 pixels, got {size}")
    return pictures, np.argmax(source.labels[:], axis=-1)


def _train(pictures: np.ndarray, digits: np.ndarray) -> keras.Model:
    keras.utils.set_random_seed(1)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((32, 32, 1)),
            # Generated digits are not always centered.
            layers.RandomTranslation(0.08, 0.08, fill_mode="constant"),
            layers.Conv2D(24, 5, strides=2, padding="same", activation="relu"),
            layers.Conv2D(48, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(128, activation="relu"),
            layers.Dense(10),
        ]
    )
    epochs = max(1, _IMAGES_SHOWN // len(digits))
    steps = epochs * -(-len(digits) // _BATCH_SIZE)
    model.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(2e-3, steps)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    model.fit(_to_inputs(pictures), digits, batch_size=_BATCH_SIZE, epochs=epochs, verbose=0)
    return model


def _to_inputs(pictures: np.ndarray) -> tf.Tensor:
    return tf.constant(pictures[..., np.newaxis], tf.float32) / 255.0
