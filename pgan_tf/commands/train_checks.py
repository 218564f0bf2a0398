"""What the flags of train.py make of data, and what is checked before anything is written."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import tensorflow as tf
from absl import flags

from pgan_tf.commands import metric_flags
from pgan_tf.commands import run_flags as given
from pgan_tf.config.flags import read_training_flags
from pgan_tf.config.training import ScheduleConfig, TrainingConfig
from pgan_tf.devices.strategy import check_batch_sizes, has_gpu
from pgan_tf.metrics.by_name import check_resolution, make_metrics, need_inception, parse_names
from pgan_tf.metrics.evaluation import RealPictures, default_num_images
from pgan_tf.metrics.in_training import Scorer
from pgan_tf.metrics.inception_file import read_inception_file
from pgan_tf.metrics.inception_graph import InceptionGraph
from pgan_tf.planning.limits import check_memory, check_ticks, physical_memory
from pgan_tf.runs.folder import check_place, check_same_run, read_config
from pgan_tf.training.given_weights import Weights, check_weights, first_resolution
from tfrecords.common.checked_flags import only_with
from tfrecords.format.dataset_info import DatasetInfo
from tfrecords.pictures.flags import num_channels

# Of --init_from and a run folder: see `given_weights.weights_to_begin_with`.
ReadWeights = Callable[[str | None, str], Weights | None]


@dataclasses.dataclass(frozen=True)
class PlannedRun:
    """A run as the flags and the data make it.

    Attributes:
        folder: where it is.
        config: what it computes.
        weights: what it begins with; None for initial values, and where it goes on.
    """

    folder: str
    config: TrainingConfig
    weights: Weights | None


def plan_run(info: DatasetInfo, data: str, read_weights: ReadWeights) -> PlannedRun:
    """Returns the run on a dataset, which need not be there yet.

    Args:
        info: the dataset.
        data: what people call it.
        read_weights: see `given_weights.weights_to_begin_with`.

    Raises:
        UserError: the flags do not make one.
    """
    resolution = flags.FLAGS["resolution"].value or info.resolution
    folder = given.RUN_DIR.value or f"runs/{info.name}-{resolution}px"
    folder = folder.rstrip("/") or "/"
    weights = read_weights(given.INIT_FROM.value, folder)
    config = read_training_flags(
        data,
        resolution,
        info.num_channels,
        info.label_size if given.CONDITIONAL.value else 0,
        ScheduleConfig.initial_resolution
        if not given.INIT_FROM.value
        else first_resolution(weights, folder, resolution),
        info.label_names,
    )
    return PlannedRun(folder, config, weights)


def check_run(
    run: PlannedRun,
    info: DatasetInfo,
    strategy: tf.distribute.Strategy,
    inception: InceptionGraph | None,
    *,
    writes: bool,
) -> None:
    """Checks all of a run that can be checked without its pictures.

    Args:
        run: the run.
        info: what it is trained on, as for `plan_run`.
        strategy: the devices.
        inception: what metrics need of it.
        writes: whether this process writes the run folder.

    Raises:
        UserError: it cannot be.
    """
    check_config(run.config, strategy)
    if run.weights:
        check_weights(run.weights, run.config)
    make_scorer(run.config, info, run.folder, inception)
    begun = read_config(run.folder)
    if begun is None and writes:
        check_place(run.folder)
    elif begun is not None:  # which data these are is not known yet
        with_its_data = dataclasses.replace(run.config, dataset=begun.dataset, data=begun.data)
        check_same_run(begun, with_its_data, run.folder)


def check_flags(strategy: tf.distribute.Strategy) -> None:
    """Checks all that can be checked of the flags before the data is looked at.

    Raises:
        UserError: they make no run, or none that this machine bears.
    """
    only_with(["every", "keep_best"], metric_flags.EVAL_METRICS)
    resolution, first = (flags.FLAGS[f"{one}resolution"].value for one in ("", "initial_"))
    if (metrics := metric_flags.EVAL_METRICS.value) and resolution:
        check_resolution(parse_names(metrics, "--eval_metrics"), resolution)
    if first is None and not given.INIT_FROM.value:
        first = ScheduleConfig.initial_resolution
    resolution = resolution or first
    if resolution is not None:  # else --init_from will say
        config = read_training_flags("", resolution, num_channels(), 0, first or resolution)
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
    metrics = make_metrics(names, reals, checksum)
    every = metric_flags.EVERY.value or metric_flags.DEFAULT_EVERY
    keep_best = metric_flags.KEEP_BEST.value
    return Scorer(metrics, reals, run_dir, config.schedule, every, keep_best, inception)
