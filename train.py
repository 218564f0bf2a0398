"""Trains a progressive GAN: `python train.py`, or `python train.py --data=FOLDER …`.

Without --data it trains the built-in shapes with presets/shapes.flags.
"""

import tfrecords.tensorflow_setup  # noqa: F401, I001  (first: it sets TensorFlow up)

import pathlib
import posixpath
import shlex
import sys

from absl import flags

from pgan_tf.config import (
    LossConfig,
    NetworkConfig,
    ScheduleConfig,
    TrainingConfig,
)
from pgan_tf.cost import cpu_days
from pgan_tf.distribution import STRATEGIES, check_batch_sizes, describe, has_gpu, make_strategy
from pgan_tf.per_resolution import PerResolution, check_resolution
from pgan_tf.run_folder import open_run
from pgan_tf.schedule import describe_stages
from pgan_tf.training_loop import train
from tfrecords.cache import prepare
from tfrecords.command_line import run
from tfrecords.errors import UserError
from tfrecords.images import parse_background

NETWORK, SCHEDULE, LOSS, TRAINING = (
    NetworkConfig(),
    ScheduleConfig(),
    LossConfig(),
    TrainingConfig(),
)

# What to train on, and where to
DATA = flags.DEFINE_string(
    "data", None, "Folder of pictures, folder of TFRecords, tfds:NAME, or shapes (built in)."
)
RUN_DIR = flags.DEFINE_string(
    "run_dir", None, "Folder of the run; an existing one goes on. Default: runs/DATA-RESOLUTIONpx."
)
DATA_CACHE = flags.DEFINE_string("data_cache", "datasets", "Where pictures are kept as TFRecords.")
CHANNELS = flags.DEFINE_enum("channels", "rgb", ["rgb", "gray"], "How pictures are converted.")
BACKGROUND = flags.DEFINE_string("background", "#ffffff", "Colour behind transparent pictures.")
ALLOW_UPSCALING = flags.DEFINE_bool(
    "allow_upscaling",
    None,
    "Enlarge pictures that are smaller than the resolution. Default: only without --resolution.",
)
TFDS_DATA_DIR = flags.DEFINE_string("tfds_data_dir", None, "Where tfds: keeps its data sets.")
CONDITIONAL = flags.DEFINE_bool(
    "conditional", False, "Train with the data's class labels, or with a folder's sub-folders."
)
MIRROR_AUGMENT = flags.DEFINE_bool("mirror_augment", False, "Flip half of the real images.")

# Networks
RESOLUTION = flags.DEFINE_integer("resolution", None, "Final resolution. Default: the data's.")
FMAP_BASE = flags.DEFINE_integer("fmap_base", NETWORK.fmap_base, "Feature maps, overall.")
FMAP_MAX = flags.DEFINE_integer("fmap_max", NETWORK.fmap_max, "Most feature maps of a layer.")
FMAP_DECAY = flags.DEFINE_float("fmap_decay", NETWORK.fmap_decay, "How they fall with resolution.")
LATENT_SIZE = flags.DEFINE_integer("latent_size", None, "Latent components. Default: fmap_max.")
MBSTD_GROUP_SIZE = flags.DEFINE_integer(
    "mbstd_group_size", NETWORK.mbstd_group_size, "Minibatch stddev group; 0: no such layer."
)
EQUALIZED = flags.DEFINE_bool("equalized", NETWORK.equalized, "Equalized learning rate.")
PIXEL_NORM = flags.DEFINE_bool("pixel_norm", NETWORK.pixel_norm, "Pixel norm in the generator.")
NORMALIZE_LATENTS = flags.DEFINE_bool(
    "normalize_latents", NETWORK.normalize_latents, "Bring latents to the hypersphere."
)
GENERATOR_LEAKY_RELU = flags.DEFINE_bool(
    "generator_leaky_relu", NETWORK.generator_leaky_relu, "Leaky ReLU, or plain ReLU."
)
DISCRIMINATOR_LEAKY_RELU = flags.DEFINE_bool(
    "discriminator_leaky_relu", NETWORK.discriminator_leaky_relu, "Leaky ReLU, or plain ReLU."
)
FUSED_SCALE = flags.DEFINE_bool("fused_scale", NETWORK.fused_scale, "Fused up- and downscaling.")

# Schedule
INITIAL_RESOLUTION = flags.DEFINE_integer(
    "initial_resolution", SCHEDULE.initial_resolution, "First resolution."
)
STABILIZE_KIMG = flags.DEFINE_float(
    "stabilize_kimg", SCHEDULE.stabilize_kimg, "Thousands of images at a resolution."
)
FADE_IN_KIMG = flags.DEFINE_float(
    "fade_in_kimg", SCHEDULE.fade_in_kimg, "Thousands of images while the next one fades in."
)
TOTAL_KIMG = flags.DEFINE_float(
    "total_kimg", SCHEDULE.total_kimg, "Thousands of images in all; may change when going on."
)
BATCH_SIZE = flags.DEFINE_string(
    "batch_size", str(SCHEDULE.batch_size), "Over all devices: 16, or 4:128,8:128,16:64."
)
LEARNING_RATE = flags.DEFINE_string(
    "learning_rate", str(SCHEDULE.generator_learning_rate), "0.001, or 4:0.001,1024:0.0015."
)
DISCRIMINATOR_LEARNING_RATE = flags.DEFINE_string(
    "discriminator_learning_rate", None, "Default: as --learning_rate."
)
TICK_KIMG = flags.DEFINE_string(
    "tick_kimg", str(SCHEDULE.tick_kimg), "Thousands of images between reports."
)
DISCRIMINATOR_REPEATS = flags.DEFINE_integer(
    "discriminator_repeats", TRAINING.discriminator_repeats, "D steps for each G step."
)
MINIBATCH_REPEATS = flags.DEFINE_integer(
    "minibatch_repeats", TRAINING.minibatch_repeats, "Iterations between looks at the schedule."
)

# Loss and optimizer
LOSS_NAME = flags.DEFINE_enum("loss", LOSS.name, ["wgan_gp"], "Loss.")
GRADIENT_PENALTY_WEIGHT = flags.DEFINE_float(
    "gradient_penalty_weight", LOSS.gradient_penalty_weight, "Lambda."
)
GRADIENT_TARGET = flags.DEFINE_float(
    "gradient_target", LOSS.gradient_target, "Gradient norm wanted; 750 for CIFAR-10."
)
DRIFT_WEIGHT = flags.DEFINE_float("drift_weight", LOSS.drift_weight, "On squared real scores.")
LABEL_WEIGHT = flags.DEFINE_float("label_weight", LOSS.label_weight, "AC-GAN, if conditional.")
PENALTY_PIXELS = flags.DEFINE_enum(
    "penalty_pixels",
    LOSS.penalty_pixels,
    ["final", "stage"],
    "Measure the gradient in pixels of the final resolution, as published, or of the stage.",
)
AVERAGE_DECAY = flags.DEFINE_float(
    "average_decay", TRAINING.average_decay, "Of the average generator, per D step."
)
KEEP_OPTIMIZER_STATE = flags.DEFINE_bool(
    "keep_optimizer_state", TRAINING.keep_optimizer_state, "Carry Adam's state through growth."
)

# Machine
PRECISION = flags.DEFINE_enum(
    "precision", TRAINING.precision, ["float32", "mixed_bfloat16"], "Of the arithmetic."
)
STRATEGY = flags.DEFINE_enum("strategy", "auto", STRATEGIES, "Devices.")
SEED = flags.DEFINE_integer("seed", TRAINING.seed, "Of everything random.")
KEEP_CHECKPOINTS = flags.DEFINE_integer(
    "keep_checkpoints", 3, "Newest checkpoints that stay, besides one per stage.", lower_bound=1
)
DRY_RUN = flags.DEFINE_bool("dry_run", False, "Print the stages and end.")


def make_config(
    dataset: str, resolution: int, num_channels: int, label_size: int
) -> TrainingConfig:
    """Turns flags and the data's properties into what a run computes."""
    fmap_max = FMAP_MAX.value
    generator_learning_rate = PerResolution.parse(LEARNING_RATE.value, "--learning_rate")
    return TrainingConfig(
        dataset=dataset,
        network=NetworkConfig(
            resolution=resolution,
            num_channels=num_channels,
            label_size=label_size,
            latent_size=fmap_max if LATENT_SIZE.value is None else LATENT_SIZE.value,
            fmap_base=FMAP_BASE.value,
            fmap_decay=FMAP_DECAY.value,
            fmap_max=fmap_max,
            normalize_latents=NORMALIZE_LATENTS.value,
            equalized=EQUALIZED.value,
            pixel_norm=PIXEL_NORM.value,
            generator_leaky_relu=GENERATOR_LEAKY_RELU.value,
            discriminator_leaky_relu=DISCRIMINATOR_LEAKY_RELU.value,
            fused_scale=FUSED_SCALE.value,
            mbstd_group_size=MBSTD_GROUP_SIZE.value,
        ),
        schedule=ScheduleConfig(
            resolution=resolution,
            initial_resolution=INITIAL_RESOLUTION.value,
            stabilize_kimg=STABILIZE_KIMG.value,
            fade_in_kimg=FADE_IN_KIMG.value,
            total_kimg=TOTAL_KIMG.value,
            batch_size=PerResolution.parse(BATCH_SIZE.value, "--batch_size"),
            generator_learning_rate=generator_learning_rate,
            discriminator_learning_rate=generator_learning_rate
            if DISCRIMINATOR_LEARNING_RATE.value is None
            else PerResolution.parse(
                DISCRIMINATOR_LEARNING_RATE.value, "--discriminator_learning_rate"
            ),
            tick_kimg=PerResolution.parse(TICK_KIMG.value, "--tick_kimg"),
        ),
        loss=LossConfig(
            name=LOSS_NAME.value,
            gradient_penalty_weight=GRADIENT_PENALTY_WEIGHT.value,
            gradient_target=GRADIENT_TARGET.value,
            drift_weight=DRIFT_WEIGHT.value,
            label_weight=LABEL_WEIGHT.value,
            penalty_pixels=PENALTY_PIXELS.value,
        ),
        average_decay=AVERAGE_DECAY.value,
        discriminator_repeats=DISCRIMINATOR_REPEATS.value,
        minibatch_repeats=MINIBATCH_REPEATS.value,
        keep_optimizer_state=KEEP_OPTIMIZER_STATE.value,
        mirror_augment=MIRROR_AUGMENT.value,
        precision=PRECISION.value,
        seed=SEED.value,
    )


def main() -> None:
    """Trains, or says what it would do."""
    num_channels = 3 if CHANNELS.value == "rgb" else 1
    if RESOLUTION.value is not None:
        check_resolution(RESOLUTION.value, "--resolution")
        if DRY_RUN.value:
            print(
                describe_stages(make_config(DATA.value, RESOLUTION.value, num_channels, 0).schedule)
            )
            return

    if not DATA.value:
        raise UserError("--data: expected pictures, TFRecords, tfds:NAME or shapes, got none")
    info = prepare(
        DATA.value,
        DATA_CACHE.value,
        resolution=RESOLUTION.value,
        num_channels=num_channels,
        background=parse_background(BACKGROUND.value),
        allow_upscaling=ALLOW_UPSCALING.value,
        # A folder's sub-folders are classes only when asked for.
        labels=True if CONDITIONAL.value else None,
        tfds_data_dir=TFDS_DATA_DIR.value,
    )
    config = make_config(
        # The folder's name: where pictures were converted, it changes when they do.
        f"{posixpath.basename(info.folder)}, {info.num_images} pictures",
        RESOLUTION.value or info.resolution,
        info.num_channels,
        info.label_size if CONDITIONAL.value else 0,
    )
    if DRY_RUN.value:
        print(describe_stages(config.schedule))
        return

    run_dir = RUN_DIR.value or f"runs/{info.name}-{config.network.resolution}px"
    run_dir = run_dir.rstrip("/") or "/"
    strategy = make_strategy(STRATEGY.value)
    check_batch_sizes(config, strategy.num_replicas_in_sync)
    open_run(run_dir, config, flags_text(run_dir))
    days = cpu_days(config)
    if not has_gpu() and days > 2:
        print(f"Without a GPU this takes about {days:.0f} days: try presets/laptop.flags")
    print(f"Training {config.network.resolution} px on {info.num_images} pictures of {info.name}")
    print(f"Devices: {describe(strategy)}. Run folder: {run_dir}")
    images_shown = train(config, info, run_dir, strategy, KEEP_CHECKPOINTS.value)
    print_what_next(run_dir, images_shown)


def flags_text(run_dir: str) -> str:
    """Returns the flags as a --flagfile that does the same again."""
    values = {
        flag.name: flag.value if flag.name != "run_dir" else run_dir
        for flag in flags.FLAGS.get_key_flags_for_module(sys.argv[0])
        if flag.name != "dry_run"
    }
    lines = []
    for name, value in sorted(values.items()):
        if isinstance(value, bool):
            lines.append(f"--{name}" if value else f"--no{name}")
        elif value is not None:
            lines.append(f"--{name}={value}")
    return "\n".join(lines) + "\n"


def print_what_next(run_dir: str, images_shown: int) -> None:
    """Prints what one can do with a trained generator."""
    run, name = shlex.quote(run_dir), shlex.quote(posixpath.basename(run_dir))
    flagfile = shlex.quote(f"{run_dir}/flags.txt")
    print(
        f"""
{run_dir} has been trained on {images_shown / 1000:g} thousand images: see {run_dir}/samples. Next:

  go on      python train.py --flagfile={flagfile} --total_kimg=MORE
  generate   python generate.py --run_dir={run} --grid=8x4 --output=grid.png
  export     python export.py --run_dir={run} --export_dir=exports/{name}
  watch      tensorboard --logdir={run}"""
    )


def with_default_preset(arguments: list[str]) -> list[str]:
    """Puts the shapes preset before the arguments, unless they choose data or a preset."""
    preset = pathlib.Path(__file__).parent / "presets" / "shapes.flags"
    # "--data shapes" is "--data=shapes".
    words = " ".join(arguments).replace("-data ", "-data=").split(" ")
    chosen = [word.lstrip("-") for word in words if word.startswith("-")]
    if any(name.split("=")[0] in ("data", "flagfile") for name in chosen if name != "data=shapes"):
        return arguments
    return [f"--flagfile={preset}", *arguments]


if __name__ == "__main__":
    sys.argv[1:] = with_default_preset(sys.argv[1:])
    run(main)
