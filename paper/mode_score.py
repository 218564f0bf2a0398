"""What a run's pictures come to in the mode test (paper, appendix E)."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from paper.digits import DigitClassifier, load_classifier, read_all
from paper.experiments import MODE_METRIC
from pgan_tf.metrics.evaluation import weights_sha256
from pgan_tf.metrics.mode_coverage import NUM_MODES, ModeCoverage, count_modes, mode_coverage
from pgan_tf.metrics.score import Score
from pgan_tf.networks import sampling
from pgan_tf.networks.folded import fold
from pgan_tf.runs import checkpoint, trained
from tfrecords.common.errors import UserError
from tfrecords.pictures.source import Source
from tfrecords.sources.idx import choose_digits

_BATCH_SIZE = 100


def measure_modes(run_dir: str, digits: Source, cache_dir: str, num_samples: int) -> Score:
    """Draws samples with a run's average generator and counts the modes.

    Args:
        run_dir: a run on `mnist_rgb:…` at 32 px.
        digits: the single digits, with labels, that the classifier learns.
        cache_dir: where the classifier is kept.
        num_samples: pictures drawn; seeds 0 and up.

    Returns:
        `modes` and `reverse_kl`; as the floor those of as many real pictures, read by the same
        classifier.

    Raises:
        UserError: the run's pictures are not of 32x32 in colour.
    """
    saved = checkpoint.read_run(run_dir, [])
    network = saved.config.network
    if (network.resolution, network.num_channels) != (32, 3):
        raise UserError(
            f"--run_dir: expected a generator of 32x32 in colour, got {network.resolution} px and "
            f"{network.num_channels} channels: train it on mnist_rgb:FOLDER"
        )
    found = trained.from_run(run_dir)
    classifier = load_classifier(digits, cache_dir)
    drawn = mode_coverage(count_modes(draw_pictures(found, num_samples), classifier))
    real = coverage_of_reals(digits, classifier, num_samples)
    return Score(
        metric=MODE_METRIC,
        values=_values(drawn),
        floor=_values(real),
        headline="reverse_kl",
        better="lower",
        images_shown=saved.images_shown,
        stage=saved.stage.index,
        stage_resolution=saved.stage.resolution,
        resolution=32,
        metric_version=1,
        num_images=num_samples,
        filter=f"classifier, {classifier.accuracy:.2%} of unseen digits right",
        seed=0,
        data=saved.config.dataset,
        network="average_generator",
        checkpoint=os.path.basename(saved.path),
        weights_sha256=weights_sha256(found.generator),
    )


def coverage_of_reals(
    digits: Source, classifier: DigitClassifier, num_samples: int
) -> ModeCoverage:
    """Returns what the first pictures of `mnist_rgb:…` come to.

    A picture's channels are digits, so each digit has to be read once only.
    """
    read = np.concatenate([classifier(part) for part in _batches_of(read_all(digits)[0])])
    triples = np.stack([choose_digits(index, len(read)) for index in range(num_samples)])
    red, green, blue = read[triples].T
    return mode_coverage(np.bincount(100 * red + 10 * green + blue, minlength=NUM_MODES))


def draw_pictures(found: trained.Trained, num_samples: int) -> Iterator[np.ndarray]:
    """Draws pictures of seeds 0 and up.

    Yields:
        `(n, 32, 32, 3)` uint8; of a stage below 32 px enlarged by repetition.
    """
    network = found.network
    generator = tf.function(fold(found.generator, network), reduce_retracing=True)
    for first in tqdm(range(0, num_samples, _BATCH_SIZE), desc="Drawing", unit="batch"):
        seeds = range(first, min(first + _BATCH_SIZE, num_samples))
        latents = sampling.latents_from_seeds(seeds, network.latent_size)
        labels = sampling.one_hot_labels(seeds, network.label_size)
        pictures = sampling.generate(generator, latents, labels, _BATCH_SIZE)
        scale = network.resolution // pictures.shape[1]
        yield pictures.repeat(scale, axis=1).repeat(scale, axis=2)


def _batches_of(pictures: np.ndarray) -> list[np.ndarray]:
    return np.array_split(pictures, -(-len(pictures) // _BATCH_SIZE))


def _values(coverage: ModeCoverage) -> dict[str, float]:
    return {"modes": float(coverage.modes), "reverse_kl": coverage.reverse_kl}
