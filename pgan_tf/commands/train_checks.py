"""What the flags of train.py make of data, and what is checked before anything is written."""

import dataclasses
from collections.abc import Callable

from absl import flags

from pgan_tf.commands import run_flags as given
from pgan_tf.config.flags import read_training_flags
from pgan_tf.config.training import ScheduleConfig, TrainingConfig
from pgan_tf.data.order import check_held_out
from pgan_tf.data.records import check_resolutions
from pgan_tf.devices.strategy import check_batch_sizes, has_gpu
from pgan_tf.devices.workers import Workers
from pgan_tf.metrics.by_name import check_resolution, parse_names
from pgan_tf.metrics.in_training import Scorer
from pgan_tf.planning.limits import check_memory, check_ticks, physical_memory
from pgan_tf.runs.folder import check_folder, check_place, check_same_run, read_config
from pgan_tf.training.pretrained import Weights, first_resolution
from pgan_tf.training.transfer import check_weights
from tfrecords.cache import FoundData, find, find_converted
from tfrecords.common.command_line import only_with
from tfrecords.common.errors import UserError
from tfrecords.common.shape import PAPER
from tfrecords.format.dataset_info import DatasetInfo
from tfrecords.format.identity import identify, in_words
from tfrecords.pictures.flags import SHAPE, num_channels, picture_options
from tfrecords.pictures.source import PictureOptions
from tfrecords.sources.tfds import needs_download

# Of --init_from and a run folder: see `pretrained.read_init_from`.
ReadWeights = Callable[[str | None, str], Weights | None]

_DEFAULT_EVERY = 10


@dataclasses.dataclass(frozen=True)
class PlannedRun:
    """A run as the flags and the data make it."""

    folder: str
    info: DatasetInfo
    config: TrainingConfig
    weights: Weights | None  # None for initial values, and for a run that resumes


def plan_run(info: DatasetInfo, data: str, read_weights: ReadWeights) -> PlannedRun:
    """Returns the run on a dataset, called `data`, which need not be there. UserError for flags."""
    resolution = given_resolution() or info.resolution
    size = f"{resolution}px" if info.base == PAPER else info.base.text(resolution)
    folder = (given.RUN_DIR.value or f"runs/{info.name}-{size}").rstrip("/") or "/"
    weights = read_weights(given.INIT_FROM.value, folder)
    first = ScheduleConfig.initial_resolution
    if given.INIT_FROM.value:
        first = first_resolution(weights, folder, resolution)
    label_size = info.label_size if given.CONDITIONAL.value else 0
    config = read_training_flags(
        *(data, resolution, info.num_channels, label_size, first, info.label_names, info.base),
        depth=info.depth,
        value_range=info.value_range,
    )
    return PlannedRun(folder, info, config, weights)


def has_data() -> bool:
    """True if --data names what is on this machine. UserError if it is needed all the same."""
    data = given.DATA.value
    if not data or not data.startswith("tfds:"):
        return bool(data)
    if not needs_download(data.removeprefix("tfds:"), given.TFDS_DATA_DIR.value):
        return True
    print(f"Data: {data}, which the run downloads first")
    if given_resolution() is None:
        got = f"got none, and {data} is not here to choose one: give it"
        raise UserError(f"--resolution: expected one with --dry_run, {got}")
    return False


def given_resolution() -> int | None:
    """Returns the resolution of --shape, or of --resolution, which a preset may have."""
    return picture_options(flags.FLAGS["resolution"].value).resolution


def options_for(run_dir: str | None) -> PictureOptions:
    """Returns how the flags ask for pictures; a run that resumes keeps the shape of its own."""
    options = picture_options(flags.FLAGS["resolution"].value)
    if run_dir and not options.resolution and (opened := read_config(run_dir)):
        return dataclasses.replace(options, base=opened.network.base)
    return options


def find_data(
    num_replicas: int, workers: Workers, read_weights: ReadWeights
) -> tuple[FoundData, PlannedRun, given.ForMetrics]:
    """Looks at the data, and checks all that can be before pictures are converted.

    That writes files and takes time. Returns what was found, the run on it, and what the run's
    metrics need; a dry run downloads no network. Raises UserError.
    """
    if workers.is_chief and given.RUN_DIR.value:
        check_place(given.RUN_DIR.value)
    if given.RUN_DIR.value:
        read_weights(given.INIT_FROM.value, given.RUN_DIR.value.rstrip("/") or "/")
    labels_note = None
    if workers.is_chief and (given.CONDITIONAL.value or given.LABELS.value or given.DRY_RUN.value):
        labels_note = "" if given.CONDITIONAL.value else " (not used: train with --conditional)"
    found = find(
        given.DATA.value,
        options_for(given.RUN_DIR.value),
        labels=given.LABELS.value or ("wanted" if given.CONDITIONAL.value else None),
        tfds_data_dir=given.TFDS_DATA_DIR.value,
        labels_note=labels_note,
    )
    planned = plan_run(found.info, "", read_weights)
    may_open = bool(not given.DRY_RUN.value or given.INCEPTION.value)
    network, share = planned.config.network, planned.config.augmentation.held_out
    needs = network.resolution, share, network.base
    needed = given.find_for_metrics(metric_names(), *needs, may_open_inception=may_open)
    schedule = planned.config.schedule
    if found.source is None:
        check_resolutions(found.info, schedule.initial_resolution, schedule.resolution)
    check_run(planned, num_replicas, needed, writes=workers.is_chief)
    return found, planned, needed


def check_data_of_run(found: FoundData, planned: PlannedRun, read_weights: ReadWeights) -> None:
    """Raises UserError if a run folder is of other data, as far as that is known now."""
    if not read_config(planned.folder):
        return
    info = find_converted(found, given.DATA_CACHE.value)
    if info is None:
        is_known = "whether these are its pictures shows when they are converted"
        print(f"{planned.folder} holds a run: {is_known}")
        return
    config = plan_run(info, in_words(info), read_weights).config
    with_labels = config.network.label_size > 0
    data = identify(info, config.network.resolution, "", with_labels=with_labels)
    check_folder(planned.folder, dataclasses.replace(config, data=data))


def check_flags(num_replicas: int) -> None:
    """Raises UserError for what can be known of the flags before the data is looked at."""
    only_with(["every", "keep_best"], given.EVAL_METRICS)
    only_with(["freeze_discriminator"], given.INIT_FROM)
    resolution, first = given_resolution(), flags.FLAGS["initial_resolution"].value
    base = SHAPE.value.base if SHAPE.value else PAPER
    if resolution:
        check_resolution(metric_names(), resolution, base)
    if first is None and not given.INIT_FROM.value:
        first = ScheduleConfig.initial_resolution
    resolution = resolution or first
    if resolution is not None:  # else --init_from will say
        sizes = resolution, num_channels(), 0, first or resolution
        config = read_training_flags("", *sizes, base=base)
        check_config(config, num_replicas)


def check_config(config: TrainingConfig, num_replicas: int) -> None:
    """Raises UserError unless a run can be split over the devices and fits into their memory."""
    check_batch_sizes(config, num_replicas)
    check_ticks(config)
    if not has_gpu():  # a GPU's memory is its own: --preflight tries
        check_memory(config, num_replicas, physical_memory())


def check_run(run: PlannedRun, num_replicas: int, needed: given.ForMetrics, writes: bool) -> None:
    """Raises UserError for what needs no pictures; `writes`: this process writes the run folder."""
    check_config(run.config, num_replicas)
    check_held_out(run.info.num_images, run.config.augmentation.held_out)
    if run.weights:
        check_weights(run.weights, run.config)
    make_scorer(run.config, run.info, run.folder, needed)
    opened = read_config(run.folder)
    if opened:  # which data these are is not known yet
        with_its_data = dataclasses.replace(run.config, dataset=opened.dataset, data=opened.data)
        check_same_run(opened, with_its_data, run.folder)
    elif writes:
        check_place(run.folder)


def metric_names() -> tuple[str, ...]:
    """Returns what --eval_metrics names."""
    metrics = given.EVAL_METRICS.value
    return parse_names(metrics, "--eval_metrics") if metrics else ()


def make_scorer(
    config: TrainingConfig, info: DatasetInfo, run_dir: str, needed: given.ForMetrics
) -> Scorer | None:
    """Returns what scores the run, None without metrics. UserError if one does not suit it."""
    names = metric_names()
    if not names:
        return None
    comparisons = given.make_comparisons(names, info, config.network.resolution, needed)
    every, keep_best = given.EVERY.value or _DEFAULT_EVERY, given.KEEP_BEST.value
    return Scorer(comparisons, run_dir, config.schedule, every, keep_best)
