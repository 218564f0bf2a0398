"""The flags of a run, which train.py and evaluate.py share, and what they say of its data."""

import dataclasses
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
from pgan_tf.metrics.by_name import MEMORIZATION, NAMES, make_metrics, need_inception, parse_names
from tfrecords.common.bounds import COUNTS, COUNTS_OR_NONE, SEEDS, Bounds
from tfrecords.common.command_line import define_number, define_path, define_text
from tfrecords.common.errors import UserError
from tfrecords.common.shape import PAPER, Base
from tfrecords.common.text import counted
from tfrecords.pictures import flags as picture_flags

if TYPE_CHECKING:  # they load TensorFlow, which --help does not wait for
    from pgan_tf.metrics.evaluation import Comparison
    from pgan_tf.metrics.inception import InceptionGraph
    from tfrecords.cache import FoundData
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
    "Start from the weights of another run, a pickle of the published code, or an export.",
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
HELD_OUT_DATA = define_path(
    "held_out_data",
    None,
    "For memorization: pictures that the run isn't trained on. Default: what --held_out keeps.",
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
        *("data", "shape", "conditional", "labels", "mirror_augment", "channels", "fit"),
        *("background", "allow_upscaling", "white_level", "depth", "value_range", "data_cache"),
        "tfds_data_dir",
        "max_bad_records",
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
        "held_out_data",
    ),
    "devices": _DEVICES,
}


@dataclasses.dataclass(frozen=True)
class ForMetrics:
    """What some metrics need besides the pictures that a run is trained on."""

    inception: "InceptionGraph | None" = None
    # For memorization: pictures from elsewhere, or else the share that the run keeps from training.
    held_out: "FoundData | None" = None
    held_out_share: float = 0.0

    def converted(self) -> "ForMetrics":
        """Returns the same with held-out pictures as TFRecords, converted if they are not yet."""
        from tfrecords.cache import FoundData, convert

        if not self.held_out:
            return self
        info = convert(self.held_out, DATA_CACHE.value)
        return dataclasses.replace(self, held_out=FoundData(self.held_out.data, info))


def find_for_metrics(
    names: Sequence[str],
    resolution: int,
    share: float,
    base: Base = PAPER,
    *,
    may_open_inception: bool = True,
) -> ForMetrics:
    """Finds what the metrics need. Raises UserError if it is not there; nothing is converted.

    The run keeps this share of its pictures from training.
    """
    from pgan_tf.metrics.inception import open_inception
    from tfrecords.cache import find

    inception = held_out = None
    if need_inception(names) and may_open_inception:
        inception = open_inception(INCEPTION.value, DATA_CACHE.value)
    if MEMORIZATION in names and not HELD_OUT_DATA.value and not share:
        raise UserError(
            f"{MEMORIZATION}: expected pictures that the run is not trained on, got none: give "
            "some of the same kind by --held_out_data=SOURCE, or train with --held_out=0.1"
        )
    if MEMORIZATION in names and HELD_OUT_DATA.value:
        options = dataclasses.replace(picture_flags.picture_options(resolution), base=base)
        held_out = find(HELD_OUT_DATA.value, options, tfds_data_dir=TFDS_DATA_DIR.value)
    return ForMetrics(inception, held_out, share)


def make_comparisons(
    names: Sequence[str], info: "DatasetInfo", resolution: int, needed: ForMetrics
) -> "list[Comparison]":
    """Returns metrics and what they compare with. UserError if one does not suit such pictures."""
    from pgan_tf.metrics.evaluation import Comparison, RealPictures, default_num_images

    options = EVAL_SEED.value, MAX_BAD_RECORDS.value
    sha256 = needed.inception.sha256 if needed.inception else ""
    found = []
    if others := [name for name in names if name != MEMORIZATION]:
        num_images = NUM_IMAGES.value or default_num_images(info)
        reals = RealPictures(info, resolution, num_images, *options)
        metrics = make_metrics(others, reals, sha256)
        found.append(Comparison(metrics, reals, inception=needed.inception))
    if MEMORIZATION in names:
        found.append(_compare_by_heart(info, resolution, needed))
    return found


def _compare_by_heart(info: "DatasetInfo", resolution: int, needed: ForMetrics) -> "Comparison":
    from pgan_tf.data.order import HELD_OUT, TRAINING, part_size
    from pgan_tf.metrics.evaluation import DEFAULT_NUM_IMAGES, Comparison, RealPictures

    share, most = needed.held_out_share, NUM_IMAGES.value or DEFAULT_NUM_IMAGES
    trained = part_size(info.num_images, share, TRAINING)
    if needed.held_out:
        other, part = needed.held_out.info, (0.0, TRAINING)  # all of them
        if other.num_channels != info.num_channels or other.num_images < 2:
            expected = f"at least 2 pictures with {counted(info.num_channels, 'channel')}"
            got = f"{other.num_images} with {other.num_channels}"
            raise UserError(f"--held_out_data: expected {expected}, got {got}: take others")
    else:
        other, part = info, (share, HELD_OUT)
    # As many of each: with more of one kind, one of that kind would be nearest by chance.
    count = min(most, trained, part_size(other.num_images, *part))
    options = resolution, count, EVAL_SEED.value, MAX_BAD_RECORDS.value
    reals = RealPictures(info, *options, share, TRAINING)
    held_out = RealPictures(other, *options, *part)
    return Comparison(make_metrics([MEMORIZATION], reals), reals, held_out)
