"""Writes scores to `metrics.jsonl`, TensorBoard, `scores.txt` (a table), `metrics.png` (a chart).

TensorBoard's files have a folder of their own, `scores/`, since it follows only the last file of a
folder. The table and the chart are made from `metrics.jsonl` each time.
"""

import math
import posixpath
from collections.abc import Sequence

import tensorflow as tf

from pgan_tf.config.training import ScheduleConfig
from pgan_tf.metrics.chart import draw_chart
from pgan_tf.metrics.score import Score, comparable_scores, scores_in
from pgan_tf.runs.log import append_rows, read_rows
from pgan_tf.runs.small_files import is_number
from tfrecords.common.files import write_file
from tfrecords.common.text import counted
from tfrecords.pictures.kinds import encode_picture

TABLE, CHART = "scores.txt", "metrics.png"


def read_scores(run_dir: str) -> list[Score]:
    """Returns the scores of a run, by images shown."""
    return scores_in(read_rows(run_dir))


def append_scores(run_dir: str, scores: Sequence[Score]) -> None:
    """Adds scores to a run's `metrics.jsonl` and to TensorBoard's curves."""
    append_rows(run_dir, (score.to_row() for score in scores))
    writer = tf.summary.create_file_writer(posixpath.join(run_dir, "scores"))
    with writer.as_default():
        for score in scores:
            for name, value in score.values.items():
                tf.summary.scalar(f"score/{name}", value, step=score.images_shown)
    writer.close()


def metrics_of(scores: Sequence[Score]) -> list[str]:
    """Returns the names of the metrics, in the order of their first scores."""
    return list(dict.fromkeys(score.metric for score in scores))


def draw_scores(run_dir: str, schedule: ScheduleConfig) -> None:
    """Writes the table and the chart of all scores of a run."""
    scores = read_scores(run_dir)
    write_file(posixpath.join(run_dir, TABLE), describe_scores(scores).encode())
    drawable = [score for score in scores if is_number(score.value)]  # the table has all
    curves = [comparable_scores(drawable, name) for name in metrics_of(drawable)]
    if curves:
        write_file(posixpath.join(run_dir, CHART), encode_picture(draw_chart(curves, schedule)))


def describe_scores(scores: Sequence[Score]) -> str:
    """Returns scores as a table in text: a line for each value, and its conditions."""
    metrics = metrics_of(scores)
    groups: dict[tuple[str | int, ...], list[Score]] = {}
    for score in sorted(scores, key=lambda score: metrics.index(score.metric)):
        groups.setdefault(score.conditions, []).append(score)
    return "".join(map(_describe_group, groups.values())) or "\n"


def _describe_group(group: Sequence[Score]) -> str:
    first = group[0]
    goal = "near the reals' is better" if first.better == "neither" else f"{first.better} is better"
    network = first.metric_weights_sha256 and f" {first.metric_weights_sha256[:8]}"
    names = list(first.values)
    floor = first.floor or {}
    few = "" if floor else "  (too few pictures for two sets: take half of --num_images)"
    rows = [("kimg", names, "  weights   checkpoint")]
    for score in group:
        values = [f"{score.values.get(name, math.nan):.4g}" for name in names]
        end = f"  {score.weights_sha256[:8]}  {score.checkpoint}"
        rows.append((f"{score.kimg:g}", values, end))
    rows.append(("reals", [f"{floor[name]:.4g}" if name in floor else "-" for name in names], few))
    width = max(10, *map(len, names)) + 1
    table = (
        f"{title:>10}{''.join(f'{cell:>{width}}' for cell in cells)}{end}\n"
        for title, cells, end in rows
    )
    return (
        f"{first.metric} version {first.metric_version} ({first.headline}: {goal}): "
        f"{counted(first.num_images, 'picture')} of {first.resolution} px, {first.filter}"
        f"{network}, seed {first.seed}, {first.network}; reals: {first.data}\n{''.join(table)}\n"
    )
