"""Writes the page about a run, from all that the run left behind."""

import os
import posixpath

import tensorflow as tf

from pgan_tf.generating import walk_video
from pgan_tf.generating.output import make_folder_of
from pgan_tf.generating.painter import painter_of
from pgan_tf.generating.report.page import Growth, write_page
from pgan_tf.generating.video import write_video
from pgan_tf.metrics.score import comparable_scores
from pgan_tf.metrics.score_log import metrics_of, read_scores
from pgan_tf.networks import sampling
from pgan_tf.networks.folded import fold
from pgan_tf.runs import checkpoint, sheets, trained
from pgan_tf.runs import folder as run_folder
from pgan_tf.runs.log import read_metrics
from pgan_tf.runs.small_files import read_file
from tfrecords.common.errors import UserError
from tfrecords.common.files import temporary_folder, write_file
from tfrecords.common.paths import writing

_STAGE_PICTURES = 8
_SMALLEST_SIDE = 64
_CLIP_FPS = 20
_CLIP_PICTURES = 4
_CLIP_HEIGHT = 128


def write_report(run_dir: str, path: str, clip_seconds: float) -> int:
    """Writes the page about a run as an HTML file, and returns its size in characters.

    An interpolation clip of 0 seconds is left out. Raises UserError if something of the run is
    missing or damaged, or the page can't be written.
    """
    config = run_folder.read_config(run_dir)
    if config is None:
        raise UserError(f"--run_dir: expected a run folder with config.json, got {run_dir!r}")
    metrics = read_metrics(run_dir)
    samples = sheets.list_sheets(run_dir)
    scores = read_scores(run_dir)
    # All that can be wrong is looked at before anything is drawn.
    sheet, _ = sheets.read_sheet(samples[-1].path)
    reals_path = posixpath.join(run_dir, "samples", "reals.png")
    reals = sheets.read_sheet(reals_path)[0] if tf.io.gfile.exists(reals_path) else None
    make_folder_of(path)
    page = write_page(
        name=posixpath.basename(run_dir.rstrip("/")) or run_dir,
        config=config,
        metrics=metrics,
        curves=[comparable_scores(scores, metric) for metric in metrics_of(scores)],
        growth=_draw_growth(run_dir),
        sheet=sheet,
        reals=reals,
        clip=_draw_clip(run_dir, clip_seconds) if clip_seconds else None,
    )
    with writing(f"--output={path}"):
        write_file(path, page.encode())
    return len(page)


def _draw_growth(run_dir: str) -> list[Growth]:
    """Draws the first latents of a run's sheets with the last checkpoint of each stage.

    Pictures are enlarged by nearest neighbor to the run's final resolution.
    """
    drawn = []
    for path in checkpoint.last_of_stages(run_folder.checkpoint_folder(run_dir)):
        one = trained.from_checkpoint(path)
        saved = checkpoint.read(path, [])
        latents, labels = sheets.sheet_inputs(one.network, saved.config.seed)
        columns, _ = sheets.sheet_shape(one.network.resolution)
        count = min(_STAGE_PICTURES, columns)
        # So few pictures of each are not worth compiling.
        folded = fold(one.generator, one.network)
        pictures = sampling.generate(folded, latents[:count], labels[:count])
        row = sheets.make_grid(pictures, count, max(_SMALLEST_SIDE, one.network.resolution))
        name = f"Stage {one.stage.number}: {one.stage}"
        drawn.append(Growth(name, saved.images_shown / 1000, row))
    return drawn


def _draw_clip(run_dir: str, seconds: float) -> bytes:
    painter = painter_of(trained.from_run(run_dir))
    num_frames = max(2, round(seconds * _CLIP_FPS))
    classes = list(range(max(1, painter.label_size)))
    num_keyframes = walk_video.num_keyframes(seconds, smoothing=1.0)
    walk = walk_video.random_walk(painter, 0, classes, _CLIP_PICTURES, num_keyframes)
    scale = max(1, _CLIP_HEIGHT // painter.resolution)
    frames = walk_video.draw_walk(painter, walk, num_frames, _CLIP_PICTURES, scale)
    with temporary_folder() as folder:
        path = os.path.join(folder, "clip.webp")
        write_video(path, frames, num_frames, _CLIP_FPS)
        return read_file(path)
