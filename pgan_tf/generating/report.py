"""The report: one HTML file about a run, for wide and narrow screens, light and dark."""

import base64
import itertools
import json
import os
import pathlib
import posixpath
import string
from collections.abc import Callable, Iterator
from html import escape
from operator import itemgetter
from typing import Any

import tensorflow as tf

from pgan_tf.generating import interpolation
from pgan_tf.generating.charts import Band, Line, draw_chart
from pgan_tf.generating.pictures import make_folder_of
from pgan_tf.generating.sampler import make_sampler
from pgan_tf.generating.video import write_video
from pgan_tf.metrics.score import Score, comparable_scores
from pgan_tf.metrics.score_log import metrics_of, read_scores
from pgan_tf.networks import sampling
from pgan_tf.networks.folded import fold
from pgan_tf.runs import checkpoint, sheets, trained
from pgan_tf.runs.folder import checkpoint_folder, read_config
from pgan_tf.runs.log import describe_stage, read_metrics
from pgan_tf.runs.next_steps import next_steps
from tfrecords.common.errors import UserError
from tfrecords.common.files import temporary_folder, write_file
from tfrecords.common.paths import read_bytes, writing
from tfrecords.common.text import duration_in_words
from tfrecords.pictures.alpha import straight
from tfrecords.pictures.kinds import encode_picture

_STAGE_PICTURES, _SMALLEST_SIDE = 8, 64
_CLIP_FPS, _CLIP_PICTURES, _CLIP_HEIGHT = 20, 4, 128
# The titles of the charts, and their curves: names in metrics.jsonl.
_CHARTS = (
    ("Losses", ("discriminator_loss", "generator_loss")),
    ("Scores of the discriminator", ("real_score", "fake_score")),
    ("Norm of its gradient", ("gradient_norm",)),
    ("Images per second", ("images_per_second",)),
)
_PAGE = pathlib.Path(__file__).with_suffix(".html")


def write_report(
    run_dir: str, path: str, clip_seconds: float, command: Callable[[str], str]
) -> int:
    """Writes a run's page, without a clip of 0 s; returns its length. UserError if it can't.

    `command` gives the start of a command such as `train`, to be copied from the page.
    """
    config = read_config(run_dir)
    if config is None:
        raise UserError(f"--run_dir: expected a run folder with config.json, got {run_dir!r}")
    metrics = read_metrics(run_dir)
    samples = sheets.list_sheets(run_dir)
    scores = read_scores(run_dir)
    # Check everything before drawing anything.
    sheet, _ = sheets.read_sheet(samples[-1].path)
    reals_path = posixpath.join(run_dir, "samples", "reals.png")
    reals = sheets.read_sheet(reals_path)[0] if tf.io.gfile.exists(reals_path) else None
    make_folder_of(path)
    last = metrics[-1]
    took = duration_in_words(last.get("seconds", 0.0))
    progress = f"{describe_stage(last)}, {last['kimg']:.1f} kimg, {took} of training"
    page = string.Template(_PAGE.read_text()).substitute(
        name=escape(posixpath.basename(run_dir.rstrip("/")) or run_dir),
        summary=escape(f"{progress}, on {config.dataset}"),
        growth="".join(_draw_growth(run_dir)),
        clip=_draw_clip(run_dir, clip_seconds) if clip_seconds else "",
        charts="".join(_draw_charts(metrics, scores)),
        sheet=_image(sheet, "png", "Samples of the generator"),
        reals="<p>Reals.</p>" + _image(reals, "png", "Pictures it was trained on") if reals else "",
        settings="".join(_draw_settings(json.loads(config.to_json()))),
        next="".join(_draw_next(run_dir, command, last["kimg"], config.schedule.total_kimg)),
    )
    with writing(f"--output={path}"):
        write_file(path, page.encode())
    return len(page)


def _draw_growth(run_dir: str) -> Iterator[str]:
    """Draws the first latents of a run's sheets with the last checkpoint of each stage."""
    for path in checkpoint.last_of_stages(checkpoint_folder(run_dir)):
        one = trained.from_checkpoint(path)
        saved = checkpoint.read(path, [])
        latents, labels = sheets.sheet_inputs(one.network, saved.config.seed)
        base, last = one.network.base, one.network.resolution
        count = min(_STAGE_PICTURES, sheets.sheet_shape(base.size(last))[0])
        # Compiling does not pay for so few pictures.
        folded = fold(one.generator, one.network)
        pictures = straight(sampling.generate(folded, latents[:count], labels[:count]))
        while base.size(last)[1] < _SMALLEST_SIDE:
            last *= 2
        row = sheets.make_grid(pictures, count, base.size(last)[1])
        name = f"Stage {one.stage.number}: {one.stage}{base.beside(one.stage.resolution)}"
        caption = f"{escape(name)} <span>{saved.images_shown / 1000:.1f} kimg</span>"
        picture = _image(encode_picture(row), "png", f"Pictures at {name}")
        yield f'<div class="stage"><div>{caption}</div>{picture}</div>'


def _draw_clip(run_dir: str, seconds: float) -> str:
    """Draws a walk through latents, an animated WebP picture."""
    sampler = make_sampler(trained.from_run(run_dir))
    num_frames = max(2, round(seconds * _CLIP_FPS))
    classes = list(range(max(1, sampler.label_size)))
    num_keyframes = interpolation.num_keyframes(seconds, smoothing=1.0)
    walk = interpolation.random_walk(sampler, 0, classes, _CLIP_PICTURES, num_keyframes)
    scale = max(1, _CLIP_HEIGHT // sampler.size[1])
    frames = interpolation.draw_walk(sampler, walk, num_frames, _CLIP_PICTURES, scale)
    with temporary_folder() as folder:
        path = os.path.join(folder, "clip.webp")
        write_video(path, frames, num_frames, _CLIP_FPS)
        picture = _image(read_bytes(path), "webp", "Pictures that turn into one another")
    words = "<p>A walk through the space of latents, in a loop.</p>"
    return f"<h2>Interpolation</h2>{words}{picture}"


def stage_bands(metrics: list[dict[str, Any]]) -> list[Band]:
    """Returns the stages that a run has reached, from its ticks."""
    bands: list[Band] = []
    for (_, phase), rows in itertools.groupby(metrics, itemgetter("resolution", "phase")):
        *_, last = rows
        start, name = bands[-1].end if bands else 0.0, describe_stage(last).partition(",")[0]
        bands.append(Band(name, start, last["kimg"], phase == "fade_in"))
    return bands


def _draw_charts(metrics: list[dict[str, Any]], scores: list[Score]) -> Iterator[str]:
    bands = stage_bands(metrics)
    for title, names in _CHARTS:
        curves = {name: [(row["kimg"], row.get(name)) for row in metrics] for name in names}
        lines = [Line(name.replace("_", " "), curve) for name, curve in curves.items()]
        yield draw_chart(title, lines, bands)
    for metric in metrics_of(scores):
        curve = comparable_scores(scores, metric)
        lines = [Line(metric, [(score.kimg, score.value) for score in curve])]
        floor = [(score.kimg, score.floor_value) for score in curve if score.floor]
        if floor:
            lines.append(Line("reals against reals", floor, dashed=True))
        yield draw_chart(metric, lines, bands)


def _draw_next(
    run_dir: str, command: Callable[[str], str], kimg: float, total_kimg: float
) -> Iterator[str]:
    """Yields what to do next with the run. A finished run is continued to twice its length."""
    more = f"{2 * total_kimg:g}" if kimg >= total_kimg else None
    for step in next_steps(run_dir, command, more):
        yield f"<dt>{escape(step.purpose)}</dt><dd><code>{escape(step.command)}</code></dd>"


def _image(contents: bytes, kind: str, words: str) -> str:
    encoded = base64.b64encode(contents).decode()
    return f'<img alt="{escape(words)}" src="data:image/{kind};base64,{encoded}">'


def _draw_settings(values: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Yields rows of a table, of nested settings by names such as `schedule.batch_size`."""
    for key, value in values.items():
        if isinstance(value, dict) and value.keys() != {"steps"}:
            yield from _draw_settings(value, f"{prefix}{key}.")
            continue
        if isinstance(value, dict):  # set by resolution
            value = ", ".join(f"{size}:{number:g}" for size, number in value["steps"])
        name = escape(prefix + key).replace("_", "_<wbr>")
        yield f"<tr><th>{name}</th><td>{escape(str(value))}</td></tr>"
