"""Writes the page about a run, from all that the run left behind."""

from __future__ import annotations

import os
import posixpath

import tensorflow as tf
from tqdm import tqdm

from pgan_tf.generating import walk_video
from pgan_tf.generating.output import make_folder_of, writing
from pgan_tf.generating.painter import painter_of
from pgan_tf.generating.report.growth_strip import draw_growth
from pgan_tf.generating.report.page import Report, write_page
from pgan_tf.generating.video import write_video
from pgan_tf.metrics.score import comparable_scores
from pgan_tf.metrics.score_log import read_scores
from pgan_tf.runs import folder as run_folder
from pgan_tf.runs import history as run_history
from pgan_tf.runs import trained
from pgan_tf.runs.files import write_file
from pgan_tf.runs.small_files import read_file
from tfrecords.common.errors import UserError
from tfrecords.common.files import temporary_folder

_CLIP_FPS = 20
_CLIP_PICTURES = 4
_CLIP_HEIGHT = 128


def write_report(run_dir: str, path: str, clip_seconds: float) -> int:
    """Writes the page.

    Args:
        run_dir: of train.py.
        path: of the HTML file.
        clip_seconds: of the interpolation clip; 0 leaves it out.

    Returns:
        The page's size, in letters.

    Raises:
        UserError: something of the run is missing or damaged, or the page can't be written.
    """
    config = run_folder.read_config(run_dir)
    if config is None:
        raise UserError(f"--run_dir: expected a run folder with config.json, got {run_dir!r}")
    metrics = run_history.read_metrics(run_dir)
    sheets = run_history.list_sheets(run_dir)
    # A curve holds what compares; see `metrics.score`.
    measured = read_scores(run_dir)
    names = dict.fromkeys(score.metric for score in measured)
    scores = [score for name in names for score in comparable_scores(measured, name)]
    # All that can be wrong is looked at before anything is drawn.
    sheet, _ = run_history.read_sheet(sheets[-1].path)
    reals_path = posixpath.join(run_dir, "samples", "reals.png")
    reals = run_history.read_sheet(reals_path)[0] if tf.io.gfile.exists(reals_path) else None
    make_folder_of(path)
    page = write_page(
        Report(
            name=posixpath.basename(run_dir.rstrip("/")) or run_dir,
            config=config,
            metrics=metrics,
            scores=[score.to_row() for score in scores],
            growth=draw_growth(run_dir),
            sheet=sheet,
            reals=reals,
            clip=_draw_clip(run_dir, clip_seconds) if clip_seconds else None,
        )
    )
    with writing(path):
        write_file(path, page.encode())
    return len(page)


def _draw_clip(run_dir: str, seconds: float) -> bytes:
    painter = painter_of(trained.from_run(run_dir))
    num_frames = max(2, round(seconds * _CLIP_FPS))
    classes = list(range(max(1, painter.label_size)))
    num_keyframes = walk_video.num_keyframes(seconds, smoothing=1.0)
    walk = walk_video.random_walk(painter, 0, classes, _CLIP_PICTURES, num_frames, num_keyframes)
    scale = max(1, _CLIP_HEIGHT // painter.resolution)
    frames = walk_video.draw_walk(painter, walk, _CLIP_PICTURES, scale)
    with temporary_folder() as folder:
        path = os.path.join(folder, "clip.webp")
        bar = tqdm(frames, "Drawing", num_frames, unit=" frames", disable=None)
        write_video(path, bar, num_frames, _CLIP_FPS)
        return read_file(path)
