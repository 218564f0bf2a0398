"""How long Inception takes to look, and the metrics of its features to compare.

    python benchmarks/inception_metrics.py [--pictures=2048]

Looks with Keras' InceptionV3, which has the same layers, with random weights: how long it
takes does not depend on them. Compares two sets of random features.
"""

import tfrecords.common.tensorflow_setup  # noqa: F401, I001  (first: it sets TensorFlow up)

import time

import keras
import numpy as np
import tensorflow as tf
from absl import app

from pgan_tf.metrics.frechet_distance import make_fid
from pgan_tf.metrics.inception import InceptionOutput
from pgan_tf.metrics.inception_score import make_is
from pgan_tf.metrics.kernel_distance import make_kid
from pgan_tf.metrics.precision_recall import make_pr
from tfrecords.common.bounds import COUNTS
from tfrecords.common.command_line import define_number

PICTURES = define_number("pictures", 2048, "In each of the two sets.", COUNTS)
BATCH_SIZE, FEATURES, CLASSES = 64, 2048, 1008
SECONDS = 15


def main(_: list[str]) -> None:
    """Measures and prints."""
    measure_looking()
    count = PICTURES.value
    random = np.random.default_rng(0)
    sets = []
    for _ in range(2):
        features = random.standard_normal((count, FEATURES), np.float32)
        probabilities = random.random((count, CLASSES), np.float32)
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        sets.append(InceptionOutput(features, probabilities))
    for metric in (make_fid(""), make_kid(""), make_is(count, ""), make_pr(count, "")):
        begin = time.monotonic()
        collectors = []
        for seen in sets:
            collector = metric.collect(0)
            for first in range(0, count, BATCH_SIZE):
                rows = slice(first, first + BATCH_SIZE)
                collector.add(InceptionOutput(seen.features[rows], seen.probabilities[rows]))
            collectors.append(collector)
        collected = time.monotonic()
        metric.compare(*collectors)
        compared = time.monotonic()
        metric.compare(*collectors)
        print(
            f"{metric.name}: {count} + {count} pictures summed up in {collected - begin:.2f} s, "
            f"compared in {compared - collected:.2f} s, with the same reals again in "
            f"{time.monotonic() - compared:.2f} s"
        )


def measure_looking() -> None:
    """Measures and prints how many pictures a second are looked at."""
    model = keras.applications.InceptionV3(weights=None, include_top=False, pooling="avg")
    look = tf.function(lambda pictures: model(tf.image.resize(pictures, (299, 299))))
    pictures = tf.zeros((BATCH_SIZE, 64, 64, 3))
    look(pictures)
    begin, batches = time.monotonic(), 0
    while time.monotonic() < begin + SECONDS:
        look(pictures).numpy()
        batches += 1
    rate = batches * BATCH_SIZE / (time.monotonic() - begin)
    print(f"InceptionV3 of Keras: {rate:.1f} pictures/s", flush=True)


if __name__ == "__main__":
    app.run(main)
