"""From the flags of train.py to a run: devices, data, the run folder, training."""

import tfrecords.common.tensorflow_setup  # noqa: F401, I001  (first: it sets TensorFlow up)

import contextlib
import dataclasses
import functools
import os

import tensorflow as tf
from absl import flags

from pgan_tf.commands import run_flags as given
from pgan_tf.commands import train_checks as checks
from pgan_tf.commands.pgan import sibling
from pgan_tf.config.flags import read_training_flags
from pgan_tf.config.schedule import describe_end
from pgan_tf.devices.coordination import barrier, chief_first, readable_worker_errors
from pgan_tf.devices.strategy import (
    check_strategy,
    describe,
    has_gpu,
    make_strategy,
    warn_of_unseen_gpu,
)
from pgan_tf.devices.threads import choose_threads
from pgan_tf.devices.workers import Workers, read_workers
from pgan_tf.metrics.by_name import MEMORIZATION, need_inception
from pgan_tf.metrics.inception import needs_download
from pgan_tf.metrics.memorization import before_path, describe_begin, first_by_heart
from pgan_tf.metrics.score_log import read_scores
from pgan_tf.planning.dry_run import describe_run, this_device
from pgan_tf.planning.flops import cpu_days
from pgan_tf.planning.measurement import try_heaviest_stage
from pgan_tf.runs import folder
from pgan_tf.runs.flags_file import flags_text
from pgan_tf.runs.next_steps import next_steps
from pgan_tf.training.loop import train
from pgan_tf.training.pretrained import Weights, read_init_from
from pgan_tf.training.run import Run
from tfrecords.cache import convert
from tfrecords.common.errors import UserError
from tfrecords.common.shape import PAPER
from tfrecords.common.text import counted
from tfrecords.format.identity import identify, in_words
from tfrecords.pictures.flags import SHAPE, num_channels
from tfrecords.preview import describe_data


def start_run() -> None:
    """Trains, or says what it would do."""
    warn_of_unseen_gpu()
    if given.CONDITIONAL.value and given.LABELS.value == "none":
        raise UserError("--conditional: expected labels, got --labels=none: leave one of them out")
    resolution, dry_run = checks.given_resolution(), given.DRY_RUN.value
    if not given.DATA.value and not (dry_run and resolution):
        raise UserError("--data: expected pictures, TFRecords, tfds:NAME or shapes, got none")
    workers = read_workers(os.environ)
    if dry_run:
        print_plan(workers)
        return
    if given.DETERMINISTIC.value:
        tf.config.experimental.enable_op_determinism()
    # Both before anything else that uses TensorFlow's devices.
    choose_threads(flags.FLAGS.fmap_base, flags.FLAGS.fmap_decay, flags.FLAGS.batch_size)
    strategy = make_strategy(given.STRATEGY.value, workers)
    checks.check_flags(strategy.num_replicas_in_sync)
    with readable_worker_errors(workers):
        train_on_workers(strategy, workers)


def train_on_workers(strategy: tf.distribute.Strategy, workers: Workers) -> None:
    """Trains, this process alone or as one of several workers, of which the first one writes."""
    read_weights = functools.cache(read_init_from)
    with chief_first(strategy, workers):
        found, _, needed = checks.find_data(strategy.num_replicas_in_sync, workers, read_weights)
        info, needed = convert(found, given.DATA_CACHE.value), needed.converted()
    planned = checks.plan_run(info, in_words(info), read_weights)
    run_dir, config, network = planned.folder, planned.config, planned.config.network
    checks.check_run(planned, strategy.num_replicas_in_sync, needed, writes=workers.is_chief)
    with chief_first(strategy, workers):
        with_labels, cache = network.label_size > 0, given.DATA_CACHE.value
        data = identify(info, network.resolution, cache, with_labels=with_labels)
        config = dataclasses.replace(config, data=data)
        most = given.KEEP_CHECKPOINTS.value, given.MAX_BAD_RECORDS.value, given.MAX_BAD_STEPS.value
        run = Run(config, info, run_dir, strategy, workers, *most)
        if scorer := checks.make_scorer(config, info, run_dir, needed):
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
        network = config.network
        beside = network.base.beside(network.resolution)
        print(f"Training {network.resolution} px{beside} on {pictures}")
        print(f"Samples after each tick: {run.folder}/samples", flush=True)
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


def print_plan(workers: Workers) -> None:
    """Says what the run would take, after its checks of all that is here; writes nothing."""
    name = given.STRATEGY.value
    check_strategy(name, workers)
    # The other workers are not waited for.
    strategy = make_strategy("auto" if workers.number > 1 else name)
    num_replicas = strategy.num_replicas_in_sync * workers.number
    checks.check_flags(num_replicas)
    read_weights = functools.cache(read_init_from)
    if checks.has_data():
        found, planned, _ = checks.find_data(num_replicas, workers, read_weights)
        given_flags(planned.folder)  # which a flags.txt may be unable to hold
        print("\n".join(describe_data(found, given.DATA_CACHE.value)))
        checks.check_data_of_run(found, planned, read_weights)
        config, run_dir = planned.config, planned.folder
    else:
        run_dir = given.RUN_DIR.value
        resolution, base = checks.given_resolution(), SHAPE.value.base if SHAPE.value else PAPER
        config = read_training_flags("", resolution or 0, num_channels(), 0, base=base)
        checks.check_config(config, num_replicas)
    each = f" on each of {workers.number} workers" if workers.number > 1 else ""
    print(f"Devices: {describe(strategy, name)}{each}")
    kept = given.KEEP_CHECKPOINTS.value + (given.KEEP_BEST.value is not None)
    kept += MEMORIZATION in checks.metric_names()
    print(describe_run(config, num_replicas, this_device(), kept))
    published, cache = not given.INCEPTION.value, given.DATA_CACHE.value
    if published and need_inception(checks.metric_names()) and needs_download(cache):
        print(f"Inception: the run first downloads it to {cache}, 96 MB")
    if run_dir and (busy := folder.describe_lock(run_dir)):
        print(f"Now {busy}")


def given_flags(run_dir: str) -> str:
    """Returns the flags of this run as the contents of its flags.txt."""
    values = {flag.name: flag.value for flag in flags.FLAGS.get_key_flags_for_module(given)}
    del values["dry_run"]
    return flags_text(values | {"run_dir": run_dir})


def print_what_next(run_dir: str, images_shown: int) -> None:
    """Prints what one can do with a trained generator."""
    kimg = f"{images_shown / 1000:g}"
    print(f"\n{run_dir} has been trained on {kimg} thousand images: see {run_dir}/samples. Next:\n")
    by_heart, before = first_by_heart(read_scores(run_dir)), before_path(run_dir)
    has_before = bool(by_heart and tf.io.gfile.exists(before))
    for step in next_steps(run_dir, sibling, "MORE", before if has_before else None):
        print(f"  {step.name:<10} {step.command}")
    if by_heart:
        print(f"\n{describe_begin(by_heart)}")
