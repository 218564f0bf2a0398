"""One HTML file about a run: `python -m pgan_tf.report --run_dir=RUN`."""

import tfrecords.tensorflow_setup  # noqa: F401, I001  (first: it sets TensorFlow up)

import os
import posixpath
import tempfile

import tensorflow as tf
from absl import flags
from tqdm import tqdm

from pgan_tf import run_folder, run_history, trained
from pgan_tf.generating import walk_video
from pgan_tf.generating.output import make_folder_of, writing
from pgan_tf.generating.painter import painter_of
from pgan_tf.generating.video import write_video
from pgan_tf.metrics.score import comparable_scores
from pgan_tf.metrics.score_log import read_scores
from pgan_tf.reporting.growth_strip import draw_growth
from pgan_tf.reporting.page import Report, write_page
from pgan_tf.whole_file import write_file
from tfrecords.command_line import run
from tfrecords.errors import UserError
from tfrecords.in_words import size_in_words

RUN_DIR = flags.DEFINE_string("run_dir", None, "Folder of a run of train.py.")
OUTPUT = flags.DEFINE_string("output", None, "HTML file. Default: report.html in the run folder.")
CLIP_SECONDS = flags.DEFINE_float(
    "clip_seconds", 5.0, "Of the interpolation clip; 0 leaves it out.", 0.0, 120.0
)

_CLIP_FPS = 20
_CLIP_PICTURES = 4
_CLIP_HEIGHT = 128


def main() -> None:
    """Writes the page."""
    run_dir = RUN_DIR.value
    if not run_dir:
        raise UserError("--run_dir: expected the folder of a run of train.py, got none: name one")
    config = run_folder.read_config(run_dir)
    if config is None:
        raise UserError(f"--run_dir: expected a run folder with config.json, got {run_dir!r}")
    path = OUTPUT.value or posixpath.join(run_dir, "report.html")
    if not path.lower().endswith((".html", ".htm")):
        raise UserError(f"--output: expected NAME.html, got {path!r}: a page is written")
    metrics = run_history.read_metrics(run_dir)
    sheets = run_history.list_sheets(run_dir)
    # A curve holds what compares; see `metrics.score`.
    measured = read_scores(run_dir)
    names = dict.fromkeys(score.metric for score in measured)
    scores = [score for name in names for score in comparable_scores(measured, name)]
    reals = posixpath.join(run_dir, "samples", "reals.png")
    make_folder_of(path)
    page = write_page(
        Report(
            name=posixpath.basename(run_dir.rstrip("/")) or run_dir,
            config=config,
            metrics=metrics,
            scores=[score.to_row() for score in scores],
            growth=draw_growth(run_dir),
            sheet=_read(sheets[-1].path),
            reals=_read(reals) if tf.io.gfile.exists(reals) else None,
            clip=_draw_clip(run_dir, CLIP_SECONDS.value) if CLIP_SECONDS.value else None,
        )
    )
    with writing(path):
        write_file(path, page.encode())
    print(f"Wrote {path}: {size_in_words(len(page))}; open it in a browser")


def _draw_clip(run_dir: str, seconds: float) -> bytes:
    painter = painter_of(trained.from_run(run_dir))
    num_frames = max(2, round(seconds * _CLIP_FPS))
    classes = list(range(max(1, painter.label_size)))
    num_keyframes = walk_video.num_keyframes(seconds, smoothing=1.0)
    walk = walk_video.random_walk(painter, 0, classes, _CLIP_PICTURES, num_frames, num_keyframes)
    scale = max(1, _CLIP_HEIGHT // painter.resolution)
    frames = walk_video.draw_walk(painter, walk, _CLIP_PICTURES, scale)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "clip.webp")
        bar = tqdm(frames, "Drawing", num_frames, unit=" frames", disable=None)
        write_video(path, bar, num_frames, _CLIP_FPS)
        return _read(path)


def _read(path: str) -> bytes:
    with tf.io.gfile.GFile(path, "rb") as file:
        return file.read()


if __name__ == "__main__":
    run(main)
