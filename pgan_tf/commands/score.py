"""Scores of runs and exports, as evaluate.py's flags say."""

import tfrecords.common.tensorflow_setup  # noqa: F401, I001  (first: it sets TensorFlow up)

import dataclasses
import json
import posixpath
from collections.abc import Iterator, Sequence

import tensorflow as tf
from absl import flags
from tqdm import tqdm

from pgan_tf.commands import evaluate as own
from pgan_tf.commands import run_flags as given
from pgan_tf.generating.sampler import read_exported
from pgan_tf.metrics import score_log
from pgan_tf.metrics.by_name import MEMORIZATION, check_resolution
from pgan_tf.metrics.evaluation import Comparison, Evaluation, Generated, read_generated
from pgan_tf.metrics.score import Score
from pgan_tf.runs import checkpoint
from pgan_tf.runs.data import RunData, find_data, read_run_data
from pgan_tf.runs.folder import checkpoint_folder, read_config
from tfrecords.common.errors import UserError
from tfrecords.common.files import check_file_place, write_file
from tfrecords.common.paths import writing
from tfrecords.common.shape import Base
from tfrecords.common.text import counted
from tfrecords.format.dataset_info import DatasetInfo
from tfrecords.pictures.flags import picture_options


def score_run(run_dir: str, names: Sequence[str]) -> None:
    """Scores checkpoints of a run."""
    config = read_config(run_dir)
    if config is None:
        raise UserError(f"--run_dir: expected a folder of a run of train.py, got {run_dir!r}")
    check_file_place(posixpath.join(run_dir, "metrics.jsonl"), "--run_dir")
    paths = chosen_checkpoints(run_dir)
    network = config.network
    shape = network.resolution, network.base
    check_resolution(names, *shape)  # before pictures are converted
    share = config.augmentation.held_out
    needed = given.find_for_metrics(names, network.resolution, share, network.base)
    by_heart = MEMORIZATION in names
    # Others than the run's own pictures would pass for what it knows by heart.
    sizes = network.num_channels, network.label_size
    info = read_reals(*shape, *sizes, own_only=by_heart)
    before = len(score_log.read_scores(run_dir))
    generators = (read_generated(path, own.NETWORK.value, with_judge=by_heart) for path in paths)
    comparisons = given.make_comparisons(names, info, network.resolution, needed.converted())
    for found in score_all(generators, len(paths), comparisons):
        score_log.append_scores(run_dir, found)
    score_log.draw_scores(run_dir, config.schedule)
    scores = score_log.read_scores(run_dir)
    print(score_log.describe_scores([score for score in scores if score.metric in names]), end="")
    table, chart = (posixpath.join(run_dir, name) for name in (score_log.TABLE, score_log.CHART))
    number = f"{counted(len(scores), 'score')} ({before} before)"
    print(f"\n{number} in {run_dir}/metrics.jsonl; {table}, {chart}")


def score_saved_model(names: Sequence[str]) -> None:
    """Scores what export.py wrote."""
    if MEMORIZATION in names:
        raise UserError(
            f"{MEMORIZATION}: expected --run_dir, got --saved_model, which has no discriminator: "
            "score the run"
        )
    sampler, generated = read_exported(own.SAVED_MODEL.value)
    shape = sampler.resolution, sampler.base
    check_resolution(names, *shape)
    path = posixpath.join(sampler.source, "scores.jsonl")
    check_file_place(path, "--saved_model")
    needed = given.find_for_metrics(names, sampler.resolution, 0.0, sampler.base)
    info = read_reals(*shape, sampler.num_channels, sampler.label_size)
    comparisons = given.make_comparisons(names, info, sampler.resolution, needed)
    (scores,) = score_all(iter([generated]), 1, comparisons)
    with writing(path):
        write_file(path, "".join(json.dumps(one.to_row()) + "\n" for one in scores).encode())
    print(f"{score_log.describe_scores(scores)}\n{counted(len(scores), 'score')} in {path}")


def score_all(
    generators: Iterator[Generated], count: int, comparisons: Sequence[Comparison]
) -> Iterator[list[Score]]:
    """Sums the reals up, then scores each of `count` generators, read when due, with a bar."""
    total = sum(one.num_pictures(count) for one in comparisons)
    with tqdm(total=total, unit="img", dynamic_ncols=True) as bar:
        evaluations = [Evaluation(one, bar.update) for one in comparisons]
        for generated in generators:
            yield [score for one in evaluations for score in one.score(generated, bar.update)]


def chosen_checkpoints(run_dir: str) -> list[str]:
    """Returns the checkpoints that --checkpoint names; raises UserError if there are none."""
    folder, chosen = checkpoint_folder(run_dir), own.CHECKPOINT.value
    if chosen not in ("last", "all"):
        path = posixpath.join(folder, posixpath.basename(chosen))
        if not tf.io.gfile.exists(path):
            raise UserError(f"--checkpoint: expected a file of {folder}, got {chosen!r}")
        return [path]
    paths = checkpoint.list_checkpoints(folder)
    if not paths:
        raise UserError(f"--run_dir: expected a run with checkpoints, got {run_dir!r}: train it")
    return paths if chosen == "all" else paths[-1:]


def read_reals(
    resolution: int, base: Base, num_channels: int, label_size: int, *, own_only: bool = False
) -> DatasetInfo:
    """Returns the dataset that a generator was trained on. UserError if missing, or another one.

    Another one that --data names is taken all the same, unless `own_only`.
    """
    run_dir, options = given.RUN_DIR.value, picture_options(flags.FLAGS["resolution"].value)
    opened = recorded = None
    if run_dir:
        recorded, opened = read_run_data(run_dir), read_config(run_dir)
    else:
        options = dataclasses.replace(options, resolution=options.resolution or resolution)
    options = dataclasses.replace(options, base=base)
    # The run's flags.txt gives it once.
    chosen = flags.FLAGS["data"].present > (recorded is not None)
    places = given.DATA.value or "", given.DATA_CACHE.value, options
    looked_for = recorded.looked_for if recorded and not chosen else ()
    wanted = RunData(*places, given.LABELS.value, given.TFDS_DATA_DIR.value, looked_for)
    return find_data(wanted, num_channels, label_size, opened, chosen=chosen, own_only=own_only)
