"""Scores generators: `python evaluate.py --run_dir=RUN --metrics=swd,ms_ssim`.

The real pictures are those that the run was trained on: its flags.txt says where they are.
With --saved_model=EXPORT --data=… in place of --run_dir it scores what export.py wrote.
Other flags of train.py that are given here hold instead, such as --data and --data_cache.
"""

import tfrecords.common.tensorflow_setup  # noqa: F401, I001  (first: it sets TensorFlow up)

import dataclasses
import json
import posixpath
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import tensorflow as tf
from absl import flags
from tqdm import tqdm

from pgan_tf.commands import metric_flags, run_flags
from pgan_tf.generating.exported import read_exported
from pgan_tf.metrics.by_name import (
    NAMES,
    check_resolution,
    make_metrics,
    need_inception,
    parse_names,
)
from pgan_tf.metrics.evaluation import Evaluation, RealPictures, default_num_images, read_generated
from pgan_tf.metrics.inception_file import read_inception_file
from pgan_tf.metrics.inception_graph import InceptionGraph
from pgan_tf.metrics.score_log import (
    CHART,
    TABLE,
    append_scores,
    describe_scores,
    draw_scores,
    read_scores,
)
from pgan_tf.runs import checkpoint
from pgan_tf.runs.data import RunData, find_data, read_run_data
from pgan_tf.runs.files import readable_errors, write_file
from pgan_tf.runs.flags_file import located_flags
from pgan_tf.runs.folder import checkpoint_folder, read_config
from tfrecords.common.checked_flags import define_path, define_text, not_with, read_path
from tfrecords.common.command_line import run
from tfrecords.common.errors import UserError
from tfrecords.common.files import check_file_place
from tfrecords.common.in_words import counted
from tfrecords.format.dataset_info import DatasetInfo

METRICS = define_text(
    "metrics",
    None,
    f"Some of {', '.join(NAMES)}; docs/metrics.md. Default: the run's --eval_metrics, or swd.",
    lambda text: parse_names(text, "--metrics"),
)
CHECKPOINT = define_path(
    "checkpoint", "last", "last, all of those that the run kept, or the name of one of its files."
)
NETWORK = flags.DEFINE_enum(
    "network", "average_generator", ["average_generator", "generator"], "Which weights."
)
SAVED_MODEL = define_path(
    "saved_model",
    None,
    "In place of --run_dir, a folder that export.py wrote. It is a program: docs/security.md.",
)
for name in ("run_dir", "data", "data_cache", "num_images", "eval_seed", "inception"):
    flags.declare_key_flag(name)
flags.declare_key_flag("max_bad_records")


def main() -> None:
    """Scores, and writes the scores to the run folder or beside the SavedModel."""
    run_dir = run_flags.RUN_DIR.value
    if bool(run_dir) == bool(SAVED_MODEL.value):
        got = "both" if run_dir else "none"
        raise UserError(
            f"--run_dir or --saved_model: expected one of them, got {got}: name what to score"
        )
    not_with(["checkpoint", "network"], SAVED_MODEL)
    names = parse_names(METRICS.value or metric_flags.EVAL_METRICS.value or "swd", "--metrics")
    if SAVED_MODEL.value:
        score_saved_model(names)
    else:
        score_run(run_dir, names)


def score_run(run_dir: str, names: Sequence[str]) -> None:
    """Scores checkpoints of a run."""
    config = read_config(run_dir)
    if config is None:
        raise UserError(f"--run_dir: expected a folder of a run of train.py, got {run_dir!r}")
    check_file_place(posixpath.join(run_dir, "metrics.jsonl"), "--run_dir")
    paths = chosen_checkpoints(run_dir)
    network = config.network
    check_resolution(names, network.resolution)  # before pictures are converted
    info = read_reals(network.resolution, network.num_channels, network.label_size)
    before = len(read_scores(run_dir))
    with evaluating(names, info, network.resolution, len(paths)) as (evaluation, report):
        for path in paths:
            generated = read_generated(path, NETWORK.value)
            append_scores(run_dir, evaluation.score(generated, report))
    draw_scores(run_dir, config.schedule)
    scores = read_scores(run_dir)
    wanted = [score for score in scores if score.metric in names]
    print(describe_scores(wanted), end="")
    table, chart = (posixpath.join(run_dir, name) for name in (TABLE, CHART))
    number = f"{counted(len(scores), 'score')} ({before} before)"
    print(f"\n{number} in {run_dir}/metrics.jsonl; {table}, {chart}")


def score_saved_model(names: Sequence[str]) -> None:
    """Scores what export.py wrote."""
    painter, generated = read_exported(SAVED_MODEL.value)
    check_resolution(names, painter.resolution)
    path = posixpath.join(painter.source, "scores.jsonl")
    check_file_place(path, "--saved_model")
    info = read_reals(painter.resolution, painter.num_channels, painter.label_size)
    with evaluating(names, info, painter.resolution, 1) as (evaluation, report):
        scores = evaluation.score(generated, report)
    with readable_errors(path):
        write_file(path, "".join(json.dumps(one.to_row()) + "\n" for one in scores).encode())
    print(f"{describe_scores(scores)}\n{counted(len(scores), 'score')} in {path}")


@contextmanager
def evaluating(
    names: Sequence[str], info: DatasetInfo, resolution: int, generators: int
) -> Iterator[tuple[Evaluation, Callable[[int], object]]]:
    """Sums the reals up, and shows a bar while generators are scored.

    Args:
        names: of the metrics.
        info: the real pictures.
        resolution: that pictures are compared at.
        generators: how many will be scored.

    Yields:
        The evaluation, and what moves the bar.
    """
    num_images = metric_flags.NUM_IMAGES.value or default_num_images(info)
    bad_records = run_flags.MAX_BAD_RECORDS.value
    reals = RealPictures(info, resolution, num_images, metric_flags.EVAL_SEED.value, bad_records)
    inception = None
    if need_inception(names):
        file = read_inception_file(metric_flags.INCEPTION.value, run_flags.DATA_CACHE.value)
        inception = InceptionGraph(file)
    checksum = inception.sha256 if inception else ""
    metrics = make_metrics(names, reals, checksum)
    total = Evaluation.num_pictures(reals, generators)
    with tqdm(total=total, unit="img", dynamic_ncols=True) as bar:
        yield Evaluation(metrics, reals, bar.update, inception), bar.update


def chosen_checkpoints(run_dir: str) -> list[str]:
    """Returns the checkpoints that --checkpoint names.

    Raises:
        UserError: there are none.
    """
    folder, chosen = checkpoint_folder(run_dir), CHECKPOINT.value
    if chosen not in ("last", "all"):
        path = posixpath.join(folder, posixpath.basename(chosen))
        if not tf.io.gfile.exists(path):
            raise UserError(f"--checkpoint: expected a file of {folder}, got {chosen!r}")
        return [path]
    paths = checkpoint.list_checkpoints(folder)
    if not paths:
        raise UserError(f"--run_dir: expected a run with checkpoints, got {run_dir!r}: train it")
    return paths if chosen == "all" else paths[-1:]


def read_reals(resolution: int, num_channels: int, label_size: int) -> DatasetInfo:
    """Returns the data set that a generator of such pictures was trained on.

    Raises:
        UserError: it is not there, or another one.
    """
    options = run_flags.picture_options()
    if not run_flags.RUN_DIR.value:
        options = dataclasses.replace(options, resolution=options.resolution or resolution)
    run_dir = run_flags.RUN_DIR.value
    recorded = read_run_data(run_dir) if run_dir else None
    # The run's flags.txt gives it once.
    chosen = flags.FLAGS["data"].present > (recorded is not None)
    wanted = RunData(
        run_flags.DATA.value or "",
        run_flags.DATA_CACHE.value,
        options,
        run_flags.LABELS.value,
        run_flags.TFDS_DATA_DIR.value,
        recorded.looked_for if recorded and not chosen else (),
    )
    begun = read_config(run_dir) if run_dir else None
    return find_data(wanted, num_channels, label_size, begun, chosen=chosen)


def with_flags_of_run(arguments: list[str]) -> list[str]:
    """Puts the lines of the run's flags.txt before the arguments, which win."""
    # "--run_dir RUN" is "--run_dir=RUN".
    pairs = zip(arguments, [*arguments, ""][1:], strict=True)
    found = [re.fullmatch(r"--?run_dir(?:=(.*))?", one) and (one, after) for one, after in pairs]
    given = [one.split("=", 1)[1] if "=" in one else after for one, after in filter(None, found)]
    try:
        run_dir = read_path(given[-1]) if given else ""
    except ValueError:  # the flag itself will say so
        return arguments
    return [*located_flags(run_dir), *arguments] if run_dir else arguments


def start() -> None:
    """Runs the command with the flags of the command line."""
    run(main, complete=with_flags_of_run)
