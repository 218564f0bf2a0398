"""From the flags of train.py to a run: devices, data, the run folder, training."""

import tfrecords.common.tensorflow_setup  # noqa: F401, I001  (first: it sets TensorFlow up)

import contextlib
import dataclasses
import functools
import os
import posixpath
import shlex
import sys

import tensorflow as tf
from absl import flags

from pgan_tf.commands import run_flags as given
from pgan_tf.commands import train_checks as checks
from pgan_tf.commands.pgan import sibling
from pgan_tf.config.flags import read_training_flags
from pgan_tf.config.schedule import describe_end
from pgan_tf.config.training import TrainingConfig
from pgan_tf.data.records import check_resolutions
from pgan_tf.devices.coordination import barrier, chief_first, readable_worker_errors
from pgan_tf.devices.strategy import describe, has_gpu, make_strategy, warn_of_unseen_gpu
from pgan_tf.devices.workers import ALONE, Workers, read_workers
from pgan_tf.planning.dry_run import describe_run
from pgan_tf.planning.flops import cpu_days
from pgan_tf.planning.measurement import try_heaviest_stage
from pgan_tf.runs import folder
from pgan_tf.runs.flags_file import flags_text
from pgan_tf.training.loop import train
from pgan_tf.training.pretrained import Weights, read_init_from
from pgan_tf.training.run import Run
from tfrecords.cache import prepare
from tfrecords.common.errors import UserError
from tfrecords.common.text import counted
from tfrecords.format.dataset_info import DatasetInfo
from tfrecords.format.identity import identify, in_words
from tfrecords.pictures.flags import num_channels, picture_options


def start_run() -> None:
    """Trains, or says what it would do."""
    warn_of_unseen_gpu()
    if given.CONDITIONAL.value and given.LABELS.value == "none":
        raise UserError("--conditional: expected labels, got --labels=none: leave one of them out")
    resolution = flags.FLAGS["resolution"].value
    if resolution is not None and given.DRY_RUN.value:
        config = read_training_flags(given.DATA.value, resolution, num_channels(), 0)
        print_dry_run(config, make_strategy(given.STRATEGY.value))
        return
    if not given.DATA.value:
        raise UserError("--data: expected pictures, TFRecords, tfds:NAME or shapes, got none")
    if given.DETERMINISTIC.value:
        tf.config.experimental.enable_op_determinism()
    workers = ALONE if given.DRY_RUN.value else read_workers(os.environ)
    # Before anything else that uses TensorFlow's devices: several workers need that.
    strategy = make_strategy(given.STRATEGY.value, workers)
    checks.check_flags(strategy)
    with readable_worker_errors(workers):
        train_on_workers(strategy, workers)


def train_on_workers(strategy: tf.distribute.Strategy, workers: Workers) -> None:
    """Trains, this process alone or as one of several workers, of which the first one writes."""
    inception = labels_note = None
    if workers.is_chief and (given.CONDITIONAL.value or given.LABELS.value):
        labels_note = "" if given.CONDITIONAL.value else " (not used: train with --conditional)"
    read_weights = functools.cache(read_init_from)

    def check_before_converting(info: DatasetInfo) -> None:
        planned = checks.plan_run(info, "", read_weights)
        if given.DRY_RUN.value:
            print_dry_run(planned.config, strategy)
            sys.exit()
        checks.check_run(planned, strategy, inception, writes=workers.is_chief)

    with chief_first(strategy, workers):
        if not given.DRY_RUN.value:
            # Before pictures are converted, which writes files and takes time.
            if workers.is_chief and given.RUN_DIR.value:
                folder.check_place(given.RUN_DIR.value)
            inception = given.read_inception(checks.metric_names())
            if given.RUN_DIR.value:
                read_weights(given.INIT_FROM.value, given.RUN_DIR.value.rstrip("/") or "/")
        info = prepare(
            given.DATA.value,
            given.DATA_CACHE.value,
            picture_options(flags.FLAGS["resolution"].value),
            labels=given.LABELS.value or ("wanted" if given.CONDITIONAL.value else None),
            tfds_data_dir=given.TFDS_DATA_DIR.value,
            labels_note=labels_note,
            before_converting=check_before_converting,
        )
    planned = checks.plan_run(info, in_words(info), read_weights)
    run_dir, config, network = planned.folder, planned.config, planned.config.network
    check_resolutions(info, config.schedule.initial_resolution, network.resolution)
    if given.DRY_RUN.value:
        print_dry_run(config, strategy)
        return
    checks.check_run(planned, strategy, inception, writes=workers.is_chief)
    with chief_first(strategy, workers):
        with_labels, cache = network.label_size > 0, given.DATA_CACHE.value
        data = identify(info, network.resolution, cache, with_labels=with_labels)
        config = dataclasses.replace(config, data=data)
        most = given.KEEP_CHECKPOINTS.value, given.MAX_BAD_RECORDS.value, given.MAX_BAD_STEPS.value
        run = Run(config, info, run_dir, strategy, workers, *most)
        if scorer := checks.make_scorer(config, info, run_dir, inception):
            run = dataclasses.replace(run, after_checkpoint=scorer)
    with contextlib.ExitStack() as until_the_end, contextlib.ExitStack() as until_compared:
        with chief_first(strategy, workers):
            if workers.is_chief:
                until_the_end.enter_context(folder.locked_run(run_dir))
                folder.check_folder(run_dir, config)
                if workers.number > 1:
                    until_compared.enter_context(folder.shown_to_workers(run_dir, config))
            else:
                folder.join_run(run_dir, config)
        barrier(strategy, workers)
        until_compared.close()
        train_in_folder(run, planned.weights)


def train_in_folder(run: Run, weights: Weights | None) -> None:
    """Trains, when the run folder is locked."""
    config, workers = run.config, run.workers
    devices = describe(run.strategy, given.STRATEGY.value, workers)
    print(f"Devices: {devices}. Run folder: {run.folder}")
    if workers.is_chief:
        if not has_gpu() and (days := cpu_days(config)) > 2:
            print(f"Without a GPU this takes about {days:.0f} days: try --preset=laptop")
        pictures = f"{counted(run.info.num_images, 'picture')} of {run.info.name}"
        print(f"Training {config.network.resolution} px on {pictures}", flush=True)
        if too_short := describe_end(config.schedule):
            print(too_short, flush=True)
    if has_gpu() if given.PREFLIGHT.value is None else given.PREFLIGHT.value:
        stage = try_heaviest_stage(config, run.info, run.strategy, run.max_bad_records)
        if workers.is_chief:
            print(f"Preflight: one iteration of stage {stage.number} ({stage}) fits", flush=True)
    opening = functools.partial(folder.open_run, run.folder, config, given_flags(run.folder))
    images_shown = train(run, weights, opening if workers.is_chief else lambda: None)
    if workers.is_chief:
        print_what_next(run.folder, images_shown)


def print_dry_run(config: TrainingConfig, strategy: tf.distribute.Strategy) -> None:
    """Prints what the run would take."""
    checks.check_config(config, strategy)
    print(f"Devices: {describe(strategy, given.STRATEGY.value, ALONE)}")
    kept = given.KEEP_CHECKPOINTS.value + (given.KEEP_BEST.value is not None)
    print(describe_run(config, strategy, kept))


def given_flags(run_dir: str) -> str:
    """Returns the flags of this run as the contents of its flags.txt."""
    values = {flag.name: flag.value for flag in flags.FLAGS.get_key_flags_for_module(given)}
    del values["dry_run"]
    return flags_text(values | {"run_dir": run_dir})


def print_what_next(run_dir: str, images_shown: int) -> None:
    """Prints what one can do with a trained generator."""
    run, name = shlex.quote(run_dir), shlex.quote(posixpath.basename(run_dir))
    flagfile = shlex.quote(f"{run_dir}/flags.txt")
    print(
        f"""
{run_dir} has been trained on {images_shown / 1000:g} thousand images: see {run_dir}/samples. Next:

  resume     {sibling("train")} --flagfile={flagfile} --total_kimg=MORE
  generate   {sibling("generate")} --run_dir={run} --grid=8x4 --output=grid.png
  export     {sibling("export")} --run_dir={run} --export_dir=exports/{name}
  watch      tensorboard --logdir={run}"""
    )
