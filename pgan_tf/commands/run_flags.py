"""The flags of a run: those of its settings, and how it is carried out."""

from __future__ import annotations

from absl import flags

from pgan_tf.commands import metric_flags
from pgan_tf.config.flags import define_flags
from pgan_tf.config.training import LossConfig, NetworkConfig, ScheduleConfig, TrainingConfig
from pgan_tf.devices.strategy import STRATEGIES
from tfrecords.common.bounds import COUNTS, COUNTS_OR_NONE
from tfrecords.common.checked_flags import define_number, define_path
from tfrecords.pictures import flags as picture_flags
from tfrecords.pictures.source import PictureOptions

flags.adopt_module_key_flags(metric_flags)
flags.adopt_module_key_flags(picture_flags)
define_flags(NetworkConfig, ScheduleConfig, LossConfig, TrainingConfig)

# What to train on, and where to
DATA = define_path(
    "data",
    None,
    "Folder or archive of pictures, folder of TFRecords, tfds:NAME, shapes (built in), and all "
    "else that python -m tfrecords.create takes.",
)
RUN_DIR = define_path(
    "run_dir", None, "Folder of the run; an existing one goes on. Default: runs/DATA-RESOLUTIONpx."
)
INIT_FROM = define_path(
    "init_from",
    None,
    "Folder of another run, or a pickle of the published implementation: a new run begins with "
    "its weights.",
)
DATA_CACHE = define_path("data_cache", "datasets", "Where pictures are kept as TFRecords.")
CHANNELS, LABELS = picture_flags.CHANNELS, picture_flags.LABELS
TFDS_DATA_DIR = picture_flags.TFDS_DATA_DIR
CONDITIONAL = flags.DEFINE_bool("conditional", False, "Train with the data's class labels.")

# How to train
STRATEGY = flags.DEFINE_enum("strategy", "auto", STRATEGIES, "Devices.")
KEEP_CHECKPOINTS = define_number(
    "keep_checkpoints", 3, "Newest checkpoints that stay, besides one per stage.", COUNTS
)
MAX_BAD_RECORDS = define_number(
    "max_bad_records", 0, "Damaged records that may be left out.", COUNTS_OR_NONE
)
MAX_BAD_STEPS = define_number(
    "max_bad_steps",
    100,
    "Iterations in a row that may be skipped since their numbers are not finite.",
    COUNTS_OR_NONE,
)
DETERMINISTIC = flags.DEFINE_bool(
    "deterministic", False, "The same bits every time, interrupted or not; can be slower."
)
DRY_RUN = flags.DEFINE_bool(
    "dry_run", False, "Print the stages, with the time, memory and disk they take, and end."
)
PREFLIGHT = flags.DEFINE_bool(
    "preflight", None, "Try an iteration of the heaviest stage first. Default: if there is a GPU."
)


def picture_options() -> PictureOptions:
    """Turns flags into what becomes of each picture."""
    return picture_flags.picture_options(flags.FLAGS["resolution"].value)
