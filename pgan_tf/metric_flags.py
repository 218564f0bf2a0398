"""The flags of train.py and evaluate.py that say how generators are scored."""

from __future__ import annotations

from absl import flags

from pgan_tf.metrics.by_name import NAMES

EVAL_METRICS = flags.DEFINE_string(
    "eval_metrics", None, f"Score while training: some of {', '.join(NAMES)}; docs/metrics.md."
)
EVERY = flags.DEFINE_integer(
    "every", None, "Ticks from score to score. Default: 10; the last tick always.", lower_bound=1
)
KEEP_BEST = flags.DEFINE_string(
    "keep_best", None, "One of --eval_metrics: its best checkpoint stays as best-METRIC.npz."
)
NUM_IMAGES = flags.DEFINE_integer(
    "num_images",
    None,
    "Pictures in each set to score. Default: 2048, or half of the data.",
    lower_bound=2,
)
EVAL_SEED = flags.DEFINE_integer(
    "eval_seed", 0, "Of the choice of reals, latents, patches and directions.", lower_bound=0
)
INCEPTION = flags.DEFINE_string(
    "inception",
    None,
    "Frozen Inception graph of 2015 (.pb or .tgz) for fid, kid, is, pr. Default: it is fetched. "
    "Another one is a program: docs/security.md.",
)

DEFAULT_EVERY = 10
