"""The flags of a run, which train.py and evaluate.py share, and what they say of its data."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from absl import flags

from pgan_tf.config.augmentation import AugmentConfig
from pgan_tf.config.flags import define_flags, flag_names
from pgan_tf.config.training import (
    STRATEGIES,
    LossConfig,
    NetworkConfig,
    ScheduleConfig,
    TrainingConfig,
)
from pgan_tf.metrics.by_name import NAMES, make_metrics, need_inception, parse_names
from tfrecords.common.bounds import COUNTS, COUNTS_OR_NONE, SEEDS, Bounds
from tfrecords.common.command_line import define_number, define_path, define_text
from tfrecords.pictures import flags as picture_flags

if TYPE_CHECKING:  # they load TensorFlow, which --help does not wait for
    from pgan_tf.metrics.evaluation import RealPictures
    from pgan_tf.metrics.inception import InceptionGraph
    from pgan_tf.metrics.metric import Metric
    from tfrecords.format.dataset_info import DatasetInfo

flags.adopt_module_key_flags(picture_flags)
define_flags(NetworkConfig, ScheduleConfig, LossConfig, AugmentConfig, TrainingConfig)

# What to train on, and where to
DATA = define_path(
    "data",
    None,
    "Folder or archive of pictures, TFRecords, tfds:NAME, shapes: see docs/datasets.md.",
)
RUN_DIR = define_path(
    "run_dir", None, "Folder of the run; resumes if it exists. Default: runs/DATA-RESOLUTIONpx."
)
INIT_FROM = define_path(
    "init_from",
    None,
    "Start from the weights of another run, or of a pickle of the published code.",
)
DATA_CACHE = define_path("data_cache", "datasets", "Folder where pictures are stored as TFRecords.")
LABELS, TFDS_DATA_DIR = picture_flags.LABELS, picture_flags.TFDS_DATA_DIR
CONDITIONAL = flags.DEFINE_bool("conditional", False, "Train with class labels.")

# How to train
STRATEGY = flags.DEFINE_enum("strategy", "auto", STRATEGIES, "Devices.")
KEEP_CHECKPOINTS = define_number(
    "keep_checkpoints", 3, "Newest checkpoints to keep, besides one per stage.", COUNTS
)
MAX_BAD_RECORDS = define_number(
    "max_bad_records", 0, "How many damaged records may be skipped.", COUNTS_OR_NONE
)
MAX_BAD_STEPS = define_number(
    "max_bad_steps", 100, "Non-finite iterations in a row that may be skipped.", COUNTS_OR_NONE
)
DETERMINISTIC = flags.DEFINE_bool(
    "deterministic", False, "Bit-exact results, also after resuming; can be slower."
)
DRY_RUN = flags.DEFINE_bool(
    "dry_run", False, "Print the stages with their time, memory and disk space, then exit."
)
PREFLIGHT = flags.DEFINE_bool(
    "preflight", None, "Try one iteration of the largest stage first. Default: on GPUs only."
)

# How to score
_AT_LEAST_TWO = Bounds(2, COUNTS.upper, whole=True)
EVAL_METRICS = define_text(
    "eval_metrics",
    None,
    f"Score while training: some of {', '.join(NAMES)}; docs/metrics.md.",
    lambda text: parse_names(text, "--eval_metrics"),
)
EVERY = define_number("every", None, "Ticks between scores. Default: 10; the last always.", COUNTS)
KEEP_BEST = flags.DEFINE_enum(
    "keep_best", None, NAMES, "One of --eval_metrics: keep its best checkpoint as best-METRIC.npz."
)
NUM_IMAGES = define_number(
    "num_images", None, "Pictures to score. Default: 2048, or half of the data.", _AT_LEAST_TWO
)
EVAL_SEED = define_number(
    "eval_seed", 0, "Random seed for choosing reals, latents, patches and directions.", SEEDS
)
INCEPTION = define_path(
    "inception",
    None,
    "Inception graph of 2015 (.pb or .tgz), see docs/security.md. Default: downloaded.",
)


# For --help: every flag of a run in one group.
_DEVICES = ("strategy", "precision", "jit_compile", "deterministic", "preflight")
_ELSEWHERE = (*_DEVICES, "mirror_augment")
GROUPS = {
    "data": (
        *("data", "conditional", "labels", "mirror_augment", "channels", "fit", "background"),
        *("allow_upscaling", "white_level", "data_cache", "tfds_data_dir", "max_bad_records"),
    ),
    "networks": flag_names(NetworkConfig),
    "schedule": flag_names(ScheduleConfig),
    "training": (
        *flag_names(LossConfig),
        *(name for name in flag_names(TrainingConfig) if name not in _ELSEWHERE),
    ),
    "few pictures": flag_names(AugmentConfig),
    "run": (
        *("preset", "run_dir", "init_from", "dry_run", "keep_checkpoints", "max_bad_steps"),
        *("eval_metrics", "every", "keep_best", "num_images", "eval_seed", "inception"),
    ),
    "devices": _DEVICES,
}


def read_inception(names: Sequence[str]) -> "InceptionGraph | None":
    """Returns the graph that the metrics see through, None if they need none."""
    from pgan_tf.metrics.inception import open_inception

    return open_inception(INCEPTION.value, DATA_CACHE.value) if need_inception(names) else None


def make_comparison(
    names: Sequence[str], info: "DatasetInfo", resolution: int, inception: "InceptionGraph | None"
) -> "tuple[Sequence[Metric], RealPictures]":
    """Returns metrics and what they compare with. UserError if one does not suit such pictures."""
    from pgan_tf.metrics.evaluation import RealPictures, default_num_images

    num_images = NUM_IMAGES.value or default_num_images(info)
    reals = RealPictures(info, resolution, num_images, EVAL_SEED.value, MAX_BAD_RECORDS.value)
    return make_metrics(names, reals, inception.sha256 if inception else ""), reals
