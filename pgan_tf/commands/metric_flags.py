"""The flags of train.py and evaluate.py that say how generators are scored."""

from __future__ import annotations

from absl import flags

from pgan_tf.metrics.by_name import NAMES, parse_names
from tfrecords.common.bounds import COUNTS, SEEDS, Bounds
from tfrecords.common.checked_flags import define_number, define_path, define_text

EVAL_METRICS = define_text(
    "eval_metrics",
    None,
    f"Score while training: some of {', '.join(NAMES)}; docs/metrics.md.",
    lambda text: parse_names(text, "--eval_metrics"),
)
EVERY = define_number(
    "every", None, "Ticks from score to score. Default: 10; the last tick always.", COUNTS
)
KEEP_BEST = flags.DEFINE_enum(
    "keep_best", None, NAMES, "One of --eval_metrics: its best checkpoint stays as best-METRIC.npz."
)
NUM_IMAGES = define_number(
    "num_images",
    None,
    "Pictures in each set to score. Default: 2048, or half of the data.",
    Bounds(2, COUNTS.upper, whole=True),
)
EVAL_SEED = define_number(
    "eval_seed", 0, "Of the choice of reals, latents, patches and directions.", SEEDS
)
INCEPTION = define_path(
    "inception",
    None,
    "Frozen Inception graph of 2015 (.pb or .tgz) for fid, kid, is, pr. Default: it is fetched. "
    "Another one is a program: docs/security.md.",
)

DEFAULT_EVERY = 10
