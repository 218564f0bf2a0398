"""Trains the small classifier in whose features the metric `emoji_fd` compares pictures.

    npm pack emoji-datasource-google@16.0.0 && tar xzf emoji-datasource-google-16.0.0.tgz
    PYTHONPATH=. python benchmarks/emoji_classifier.py package pgan_tf/metrics/emoji.npz

Prints what share of held-out emoji it puts into the right one of 99 subcategories, and the SHA-256
of the file, which belongs into `pgan_tf/metrics/emoji_distance.py`. Every training makes another
network, whose distances are not comparable: increase `Metric.version` then.
"""

import tfrecords.common.tensorflow_setup  # noqa: F401, I001  (first: it sets TensorFlow up)

import hashlib
import json
import pathlib
import sys

import keras
import numpy as np
import tensorflow as tf

from pgan_tf.metrics.emoji_distance import SIDE, build_network, pack_weights
from pgan_tf.networks.sampling import average_down
from tfrecords.pictures.images import prepare_picture
from tfrecords.pictures.source import PictureOptions

HELD_OUT, EPOCHS, BATCH_SIZE, SHIFT = 0.1, 40, 64, 2


def read_emoji(package: pathlib.Path) -> tuple[np.ndarray, np.ndarray]:
    """Returns pictures, `(n, 32, 32, 3)` on white, 0 to 255, and their subcategories, `(n,)`."""
    pictures, names = [], []
    options = PictureOptions(64, 3)
    for emoji in json.loads((package / "emoji.json").read_text()):
        for form in (emoji, *emoji.get("skin_variations", {}).values()):
            file = package / "img/google/64" / form["image"]
            if file.exists():
                pictures.append(prepare_picture(file.read_bytes(), options))
                names.append(emoji["subcategory"])
    return average_down(np.stack(pictures), SIDE), np.unique(names, return_inverse=True)[1]


def vary(pictures: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Mirrors some pictures of a batch, and shifts all by up to two pixels."""
    pictures = tf.image.random_flip_left_right(pictures)
    edges = [[0, 0], [SHIFT, SHIFT], [SHIFT, SHIFT], [0, 0]]
    wider = tf.pad(pictures, edges, constant_values=255)
    row, column = (tf.random.uniform((), 0, 2 * SHIFT + 1, tf.int32) for _ in range(2))
    return wider[:, row : row + SIDE, column : column + SIDE], labels


def main(package: str, output: str) -> None:
    """Trains, measures and writes."""
    pictures, labels = read_emoji(pathlib.Path(package))
    held_out = np.random.default_rng(0).random(len(labels)) < HELD_OUT
    print(f"{len(labels)} emoji, {labels.max() + 1} subcategories, {held_out.sum()} held out")
    keras.utils.set_random_seed(1)
    network = build_network()
    logits = keras.layers.Dense(int(labels.max()) + 1)(keras.layers.Dropout(0.2)(network.output))
    model = keras.Model(network.input, logits)
    data = tf.data.Dataset.from_tensor_slices((pictures[~held_out], labels[~held_out]))
    data = data.cache().shuffle(len(labels)).batch(BATCH_SIZE).map(vary).prefetch(4)
    steps = EPOCHS * len(data)
    model.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(2e-3, steps)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(data, epochs=EPOCHS, verbose=2)
    _, right = model.evaluate(pictures[held_out], labels[held_out], verbose=0)
    contents = pack_weights(network.get_weights())
    pathlib.Path(output).write_bytes(contents)
    sha256 = hashlib.sha256(contents).hexdigest()
    print(f"{right:.1%} of held-out emoji right\n{output}: {len(contents):,} bytes, {sha256}")


if __name__ == "__main__":
    main(*sys.argv[1:])
