"""The flags of train.py, and the configuration that they make."""

from __future__ import annotations

from absl import flags

from pgan_tf.commands import metric_flags
from pgan_tf.config import network_flags
from pgan_tf.config.losses import LOSSES
from pgan_tf.config.setting_flags import define_setting
from pgan_tf.config.training import PRECISIONS, LossConfig, ScheduleConfig, TrainingConfig
from pgan_tf.devices.strategy import STRATEGIES
from tfrecords.common.bounds import COUNTS, COUNTS_OR_NONE
from tfrecords.common.checked_flags import define_number, define_path
from tfrecords.pictures import flags as picture_flags
from tfrecords.pictures.source import PictureOptions

flags.adopt_module_key_flags(network_flags)
flags.adopt_module_key_flags(metric_flags)
flags.adopt_module_key_flags(picture_flags)

SCHEDULE, LOSS, TRAINING = ScheduleConfig(), LossConfig(), TrainingConfig()

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
MIRROR_AUGMENT = flags.DEFINE_bool("mirror_augment", False, "Flip half of the real images.")

# Schedule
INITIAL_RESOLUTION = define_setting(
    ScheduleConfig,
    "initial_resolution",
    f"First resolution. Default: {SCHEDULE.initial_resolution}; with --init_from, the one that its "
    "weights had reached.",
    default=None,
)
STABILIZE_KIMG = define_setting(
    ScheduleConfig, "stabilize_kimg", "Thousands of images at a resolution."
)
FADE_IN_KIMG = define_setting(
    ScheduleConfig, "fade_in_kimg", "Thousands of images while the next one fades in."
)
TOTAL_KIMG = define_setting(
    ScheduleConfig, "total_kimg", "Thousands of images in all; may change when going on."
)
BATCH_SIZE = define_setting(
    ScheduleConfig, "batch_size", "Over all devices: 16, or 4:128,8:128,16:64."
)
LEARNING_RATE = define_setting(
    ScheduleConfig,
    "generator_learning_rate",
    "0.001, or 4:0.001,1024:0.0015.",
    flag="learning_rate",
)
DISCRIMINATOR_LEARNING_RATE = define_setting(
    ScheduleConfig, "discriminator_learning_rate", "Default: as --learning_rate.", default=None
)
RAMPUP_KIMG = define_setting(
    ScheduleConfig, "rampup_kimg", "Thousands of images over which learning rates rise."
)
ADAM_BETA_1 = define_setting(TrainingConfig, "adam_beta_1", "Adam's first decay.")
ADAM_BETA_2 = define_setting(TrainingConfig, "adam_beta_2", "Adam's second decay.")
TICK_KIMG = define_setting(ScheduleConfig, "tick_kimg", "Thousands of images between reports.")
DISCRIMINATOR_REPEATS = define_setting(
    TrainingConfig, "discriminator_repeats", "D steps for each G step."
)
SIMULTANEOUS_UPDATES = flags.DEFINE_bool(
    "simultaneous_updates",
    TRAINING.simultaneous_updates,
    "Compute the G step with the discriminator from before the D step.",
)
MINIBATCH_REPEATS = define_setting(
    TrainingConfig, "minibatch_repeats", "Iterations between looks at the schedule."
)

# Loss and optimizer
LOSS_NAME = flags.DEFINE_enum("loss", LOSS.name, LOSSES, "Loss.")
GRADIENT_PENALTY_WEIGHT = define_setting(
    LossConfig, "gradient_penalty_weight", "Lambda; of non_saturating R1's gamma."
)
GRADIENT_TARGET = define_setting(
    LossConfig, "gradient_target", "Gradient norm wanted; 750 for CIFAR-10."
)
DRIFT_WEIGHT = define_setting(LossConfig, "drift_weight", "On squared real scores.")
LABEL_WEIGHT = define_setting(LossConfig, "label_weight", "AC-GAN, if conditional.")
PENALTY_PIXELS = flags.DEFINE_enum(
    "penalty_pixels",
    LOSS.penalty_pixels,
    ["final", "stage"],
    "Measure the gradient in pixels of the final resolution, as published, or of the stage.",
)
AVERAGE_DECAY = define_setting(
    TrainingConfig, "average_decay", "Of the average generator, per D step."
)
KEEP_OPTIMIZER_STATE = flags.DEFINE_bool(
    "keep_optimizer_state", TRAINING.keep_optimizer_state, "Carry Adam's state through growth."
)

# Machine
PRECISION = flags.DEFINE_enum(
    "precision",
    TRAINING.precision,
    PRECISIONS,
    "Of most of the arithmetic; mixed_float16 with dynamic loss scaling.",
)
JIT_COMPILE = flags.DEFINE_bool(
    "jit_compile", TRAINING.jit_compile, "Compile with XLA: for GPUs, where it fuses kernels."
)
STRATEGY = flags.DEFINE_enum("strategy", "auto", STRATEGIES, "Devices.")
SEED = define_setting(TrainingConfig, "seed", "Of everything random.")
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


def make_config(
    dataset: str,
    resolution: int,
    num_channels: int,
    label_size: int,
    first_resolution: int = SCHEDULE.initial_resolution,
    label_names: tuple[str, ...] = (),
) -> TrainingConfig:
    """Turns flags and the data's properties into what a run computes.

    `first_resolution` holds unless --initial_resolution says otherwise.
    """
    return TrainingConfig(
        dataset=dataset,
        # Numbers that are no classes may have other names, or a few.
        label_names=label_names if len(label_names) == label_size else (),
        network=network_flags.make_network_config(
            resolution, num_channels, label_size, LOSS_NAME.value
        ),
        schedule=ScheduleConfig(
            resolution=resolution,
            initial_resolution=first_resolution
            if INITIAL_RESOLUTION.value is None
            else INITIAL_RESOLUTION.value,
            stabilize_kimg=STABILIZE_KIMG.value,
            fade_in_kimg=FADE_IN_KIMG.value,
            total_kimg=TOTAL_KIMG.value,
            batch_size=BATCH_SIZE.value,
            generator_learning_rate=LEARNING_RATE.value,
            discriminator_learning_rate=DISCRIMINATOR_LEARNING_RATE.value or LEARNING_RATE.value,
            tick_kimg=TICK_KIMG.value,
            rampup_kimg=RAMPUP_KIMG.value,
        ),
        loss=LossConfig(
            name=LOSS_NAME.value,
            gradient_penalty_weight=GRADIENT_PENALTY_WEIGHT.value,
            gradient_target=GRADIENT_TARGET.value,
            drift_weight=DRIFT_WEIGHT.value,
            label_weight=LABEL_WEIGHT.value,
            penalty_pixels=PENALTY_PIXELS.value,
        ),
        adam_beta_1=ADAM_BETA_1.value,
        adam_beta_2=ADAM_BETA_2.value,
        average_decay=AVERAGE_DECAY.value,
        discriminator_repeats=DISCRIMINATOR_REPEATS.value,
        simultaneous_updates=SIMULTANEOUS_UPDATES.value,
        minibatch_repeats=MINIBATCH_REPEATS.value,
        keep_optimizer_state=KEEP_OPTIMIZER_STATE.value,
        mirror_augment=MIRROR_AUGMENT.value,
        precision=PRECISION.value,
        jit_compile=JIT_COMPILE.value,
        seed=SEED.value,
    )


def picture_options() -> PictureOptions:
    """Turns flags into what becomes of each picture."""
    return picture_flags.picture_options(network_flags.RESOLUTION.value)
