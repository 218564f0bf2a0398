"""The mode test of a run (paper, appendix E): `python -m paper.mode_test --run_dir=RUN`.

Draws 25,600 pictures with the run's average generator, reads their digits and counts the modes.
The figures are appended to the run's metrics.jsonl, beside those of evaluate.py.
"""

import tfrecords.common.tensorflow_setup  # noqa: F401, I001  (first: it sets TensorFlow up)

from paper.mode_score import measure_modes
from pgan_tf.metrics.score_log import append_scores
from tfrecords.common.bounds import Bounds
from tfrecords.common.command_line import define_number, define_path, run
from tfrecords.common.errors import UserError
from tfrecords.sources.idx import open_mnist

RUN_DIR = define_path("run_dir", None, "Folder of a run of train.py on mnist_rgb:FOLDER.")
DIGITS = define_path("digits", None, "Folder of MNIST's IDX files, for the classifier.")
CACHE = define_path("cache", "datasets", "Where the classifier is kept.")
# The number that Metz et al. and the paper drew.
SAMPLES = define_number("samples", 25_600, "Pictures drawn.", Bounds(1, 10**7, whole=True))


def main() -> None:
    """Counts modes and writes the score."""
    run_dir, folder = RUN_DIR.value, DIGITS.value
    if not run_dir:
        raise UserError("--run_dir: expected the folder of a run of train.py, got none")
    if not folder:
        raise UserError("--digits: expected a folder of MNIST's IDX files, got none")
    score = measure_modes(run_dir, open_mnist(folder), CACHE.value, SAMPLES.value)
    append_scores(run_dir, [score])
    values, floor = score.values, score.floor or {}
    modes = f"{values['modes']:.0f} of 1,000 modes in {score.num_images:,} pictures"
    reals = f"reals: {floor['modes']:.0f} and {floor['reverse_kl']:.3f}"
    print(f"{modes}, reverse KL {values['reverse_kl']:.3f}; {reals}")


if __name__ == "__main__":
    run(main)
