"""Trains a progressive GAN: `python train.py`, or `python train.py --data=FOLDER …`.

Without --data it trains the built-in shapes with presets/shapes.flags. SIGINT (Ctrl-C) and
SIGTERM let the step finish and save: the exit status is then 130 or 143, and the same command
goes on. Where TF_CONFIG names several workers, the same command on each trains with all of them.
"""

import tfrecords.tensorflow_setup  # noqa: F401, I001  (first: it sets TensorFlow up)

import contextlib
import dataclasses
import functools
import itertools
import os
import pathlib
import posixpath
import shlex

import tensorflow as tf
from absl import flags

from pgan_tf import flags_file, metric_flags
from pgan_tf import train_flags as given
from pgan_tf.config import TrainingConfig
from pgan_tf.cost import cpu_days
from pgan_tf.distribution import check_batch_sizes, describe, has_gpu, make_strategy
from pgan_tf.dry_run import describe_run
from pgan_tf.init_from import Weights, first_resolution, weights_to_begin_with
from pgan_tf.limits import check_memory, check_ticks, physical_memory
from pgan_tf.metrics.by_name import check_resolution, make_metrics, need_inception, parse_names
from pgan_tf.metrics.evaluation import RealPictures, default_num_images
from pgan_tf.metrics.in_training import Plan, Scorer
from pgan_tf.metrics.inception_file import read_inception_file
from pgan_tf.metrics.inception_graph import InceptionGraph
from pgan_tf.network_flags import RESOLUTION
from pgan_tf.records import check_resolutions
from pgan_tf.run_folder import check_folder, check_place, join_run, locked_run, open_run
from pgan_tf.schedule import describe_end
from pgan_tf.together import chief_first, ends_together
from pgan_tf.tolerance import Tolerance
from pgan_tf.training_loop import train
from pgan_tf.trial import try_heaviest_stage
from pgan_tf.unseen_gpu import warn_of_unseen_gpu
from pgan_tf.workers import ALONE, Workers, read_workers
from tfrecords.cache import prepare
from tfrecords.checked_flags import only_with
from tfrecords.command_line import run
from tfrecords.dataset_info import DatasetInfo, describe_labels
from tfrecords.errors import UserError
from tfrecords.identity import identify, in_words
from tfrecords.picture_flags import num_channels

flags.adopt_module_key_flags(given)


def main() -> None:
    """Trains, or says what it would do."""
    warn_of_unseen_gpu()
    if given.CONDITIONAL.value and given.LABELS.value == "none":
        raise UserError("--conditional: expected labels, got --labels=none: leave one of them out")
    if RESOLUTION.value is not None and given.DRY_RUN.value:
        config = given.make_config(given.DATA.value, RESOLUTION.value, num_channels(), 0)
        print_dry_run(config, make_strategy(given.STRATEGY.value))
        return

    if not given.DATA.value:
        raise UserError("--data: expected pictures, TFRecords, tfds:NAME or shapes, got none")
    if given.DETERMINISTIC.value:
        tf.config.experimental.enable_op_determinism()
    workers = ALONE if given.DRY_RUN.value else read_workers(os.environ)
    # Before anything else that uses TensorFlow's devices: several workers need that.
    strategy = make_strategy(given.STRATEGY.value, workers)
    check_flags(strategy)
    with ends_together(workers):
        train_together(strategy, workers)


def check_flags(strategy: tf.distribute.Strategy) -> None:
    """Checks all that can be checked of the flags before the data is looked at.

    Raises:
        UserError: they make no run, or none that this machine bears.
    """
    only_with(["every", "keep_best"], metric_flags.EVAL_METRICS)
    if (metrics := metric_flags.EVAL_METRICS.value) and RESOLUTION.value:
        check_resolution(parse_names(metrics, "--eval_metrics"), RESOLUTION.value)
    first = given.INITIAL_RESOLUTION.value
    if first is None and not given.INIT_FROM.value:
        first = given.SCHEDULE.initial_resolution
    resolution = RESOLUTION.value or first
    if resolution is not None:  # else --init_from will say
        config = given.make_config("", resolution, num_channels(), 0, first or resolution)
        check_config(config, strategy)


def check_config(config: TrainingConfig, strategy: tf.distribute.Strategy) -> None:
    """Checks that a run can be split over the devices and is none too large for them.

    Raises:
        UserError: it is not so.
    """
    check_batch_sizes(config, strategy.num_replicas_in_sync)
    check_ticks(config)
    if not has_gpu():  # a GPU's memory is its own: --preflight tries
        check_memory(config, strategy.num_replicas_in_sync, physical_memory())


def train_together(strategy: tf.distribute.Strategy, workers: Workers) -> None:
    """Trains, this process alone or as one of several workers, of which the first one writes."""
    inception = weights = None
    with chief_first(strategy, workers):
        if not given.DRY_RUN.value:
            # Before pictures are converted, which writes files and takes time.
            if workers.is_chief and given.RUN_DIR.value:
                check_place(given.RUN_DIR.value)
            inception = read_inception()
            if given.RUN_DIR.value:
                weights = weights_to_begin_with(given.INIT_FROM.value, given.RUN_DIR.value)
        info = prepare(
            given.DATA.value,
            given.DATA_CACHE.value,
            given.picture_options(),
            labels=given.LABELS.value or ("wanted" if given.CONDITIONAL.value else None),
            tfds_data_dir=given.TFDS_DATA_DIR.value,
        )
        if workers.is_chief and (given.CONDITIONAL.value or given.LABELS.value):
            unused = "" if given.CONDITIONAL.value else " (not used: train with --conditional)"
            print(f"{describe_labels(info)}{unused}", flush=True)
    resolution = RESOLUTION.value or info.resolution
    run_dir = given.RUN_DIR.value or f"runs/{info.name}-{resolution}px"
    run_dir = run_dir.rstrip("/") or "/"
    text = flags_text(run_dir)
    weights = weights or weights_to_begin_with(given.INIT_FROM.value, run_dir)
    config = given.make_config(
        in_words(info),
        resolution,
        info.num_channels,
        info.label_size if given.CONDITIONAL.value else 0,
        given.SCHEDULE.initial_resolution
        if not given.INIT_FROM.value
        else first_resolution(weights, run_dir, resolution),
        info.label_names,
    )
    check_resolutions(info, config.schedule.initial_resolution, resolution)
    if given.DRY_RUN.value:
        print_dry_run(config, strategy)
        return

    check_config(config, strategy)
    with chief_first(strategy, workers):
        with_labels = config.network.label_size > 0
        data = identify(info, resolution, given.DATA_CACHE.value, with_labels=with_labels)
        config = dataclasses.replace(config, data=data)
        scorer = make_scorer(config, info, run_dir, inception)
    with contextlib.ExitStack() as until_the_end:
        with chief_first(strategy, workers):
            if workers.is_chief:
                until_the_end.enter_context(locked_run(run_dir))
                check_folder(run_dir, config)
                if workers.number > 1:  # the others compare their flags with what is in it
                    open_run(run_dir, config, text)
            else:
                join_run(run_dir, config)
        train_in_folder(config, info, run_dir, strategy, weights, workers, scorer, text)


def train_in_folder(
    config: TrainingConfig,
    info: DatasetInfo,
    run_dir: str,
    strategy: tf.distribute.Strategy,
    weights: Weights | None,
    workers: Workers,
    scorer: Scorer | None,
    text: str,
) -> None:
    """Trains, when the run folder is locked; `text` is for its flags.txt."""
    resolution = config.network.resolution
    print(f"Devices: {describe(strategy, given.STRATEGY.value, workers)}. Run folder: {run_dir}")
    if workers.is_chief:
        days = cpu_days(config)
        if not has_gpu() and days > 2:
            print(f"Without a GPU this takes about {days:.0f} days: try presets/laptop.flags")
        print(f"Training {resolution} px on {info.num_images} pictures of {info.name}", flush=True)
        if too_short := describe_end(config.schedule):
            print(too_short, flush=True)
    preflight = given.PREFLIGHT.value
    if has_gpu() if preflight is None else preflight:
        stage = try_heaviest_stage(config, info, strategy, given.MAX_BAD_RECORDS.value)
        if workers.is_chief:
            print(f"Preflight: one iteration of stage {stage.number} ({stage}) fits", flush=True)
    opening = functools.partial(open_run, run_dir, config, text)
    images_shown = train(
        config,
        info,
        run_dir,
        strategy,
        Tolerance(
            given.KEEP_CHECKPOINTS.value, given.MAX_BAD_RECORDS.value, given.MAX_BAD_STEPS.value
        ),
        weights,
        workers,
        **({"after_checkpoint": scorer} if scorer else {}),
        **({"before_writing": opening} if workers.number == 1 else {}),
    )
    if workers.is_chief:
        print_what_next(run_dir, images_shown)


def read_inception() -> InceptionGraph | None:
    """Returns the graph that --eval_metrics needs, None without.

    Raises:
        UserError: the metrics are unknown, or it can't be read.
    """
    wanted = metric_flags.EVAL_METRICS.value
    if not wanted or not need_inception(parse_names(wanted, "--eval_metrics")):
        return None
    cache = given.DATA_CACHE.value
    return InceptionGraph(read_inception_file(metric_flags.INCEPTION.value, cache))


def make_scorer(
    config: TrainingConfig, info: DatasetInfo, run_dir: str, inception: InceptionGraph | None
) -> Scorer | None:
    """Returns what scores the run as --eval_metrics wants it, None without.

    Raises:
        UserError: the metrics are unknown, or not for such pictures.
    """
    if not metric_flags.EVAL_METRICS.value:
        return None
    names = parse_names(metric_flags.EVAL_METRICS.value, "--eval_metrics")
    num_images = metric_flags.NUM_IMAGES.value or default_num_images(info)
    seed = metric_flags.EVAL_SEED.value
    reals = RealPictures(
        info, config.network.resolution, num_images, seed, given.MAX_BAD_RECORDS.value
    )
    checksum = inception.sha256 if inception else ""
    metrics = make_metrics(names, info, reals.resolution, num_images, seed, checksum)
    every = metric_flags.EVERY.value or metric_flags.DEFAULT_EVERY
    plan = Plan(metrics, every, metric_flags.KEEP_BEST.value, inception)
    return Scorer(plan, reals, run_dir, config)


def print_dry_run(config: TrainingConfig, strategy: tf.distribute.Strategy) -> None:
    """Prints what the run would take."""
    check_config(config, strategy)
    print(f"Devices: {describe(strategy, given.STRATEGY.value, ALONE)}")
    kept = given.KEEP_CHECKPOINTS.value + (metric_flags.KEEP_BEST.value is not None)
    print(describe_run(config, strategy, kept))


def flags_text(run_dir: str) -> str:
    """Returns the flags as a --flagfile that does the same again."""
    values = {
        flag.name: flag.value if flag.name != "run_dir" else run_dir
        for flag in flags.FLAGS.get_key_flags_for_module(given)
        if flag.name != "dry_run"
    }
    return flags_file.flags_text(values)


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
    for word, after in itertools.pairwise([*arguments, ""]):
        name, equals, value = word.lstrip("-").partition("=")
        # "--data shapes" is "--data=shapes".
        other_data = name == "data" and (value if equals else after) != "shapes"
        if word.startswith("-") and (other_data or name == "flagfile"):
            return arguments
    return [f"--flagfile={preset}", *arguments]


if __name__ == "__main__":
    run(main, complete=with_default_preset)
