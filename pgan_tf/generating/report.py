"""The report: one HTML file about a run, for wide and narrow screens, light and dark."""

import base64
import itertools
import json
import os
import posixpath
from collections.abc import Iterator
from html import escape
from operator import itemgetter
from typing import Any

import tensorflow as tf

from pgan_tf.config.training import TrainingConfig
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
from pgan_tf.runs import folder as run_folder
from pgan_tf.runs.log import describe_stage, read_metrics
from tfrecords.common.errors import UserError
from tfrecords.common.files import temporary_folder, write_file
from tfrecords.common.paths import read_bytes, writing
from tfrecords.common.text import duration_in_words
from tfrecords.pictures.kinds import encode_picture

_STAGE_PICTURES = 8
_SMALLEST_SIDE = 64
_CLIP_FPS = 20
_CLIP_PICTURES = 4
_CLIP_HEIGHT = 128
# The titles of the charts, and their curves: names in metrics.jsonl.
_CHARTS = (
    ("Losses", ("discriminator_loss", "generator_loss")),
    ("Scores of the discriminator", ("real_score", "fake_score")),
    ("Norm of its gradient", ("gradient_norm",)),
    ("Images per second", ("images_per_second",)),
)
_STYLE = """
:root { color-scheme: light dark; --back: #fff; --ink: #1c1e21; --soft: #63686e; --rule: #dde0e4;
  --band: #f0f2f5; --c0: #1f6fb4; --c1: #c2570c; --c2: #2b8a3e; --c3: #8b3fb0; }
@media (prefers-color-scheme: dark) { :root { --back: #15171a; --ink: #e6e8ea; --soft: #9aa1a9;
  --rule: #33373c; --band: #1f2327; --c0: #6cb2f2; --c1: #f2a05c; --c2: #6fce83; --c3: #cf95ec; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 70rem; background: var(--back); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
p { margin: .25rem 0; color: var(--soft); }
img { display: block; width: 100%; max-width: 64rem; height: auto; image-rendering: pixelated; }
.stage { display: grid; grid-template-columns: 7rem 1fr; gap: .5rem; align-items: center;
  margin-bottom: .25rem; font-size: .85rem; }
.stage span { color: var(--soft); }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 21rem), 1fr));
  gap: 1.5rem; }
figure { margin: 0; } figcaption { font-weight: 600; }
svg { width: 100%; height: auto; display: block; }
svg text { fill: var(--soft); font-size: 11px; font-family: inherit; }
.grid { stroke: var(--rule); stroke-width: 1; }
.band { fill: none; } .band.shaded { fill: var(--band); }
.c0 { color: var(--c0); } .c1 { color: var(--c1); } .c2 { color: var(--c2); }
.c3 { color: var(--c3); } .dot { fill: currentColor; }
.line { fill: none; stroke: currentColor; stroke-width: 1.75; stroke-linejoin: round; }
.dashed { stroke-dasharray: 5 4; }
.swatch { display: inline-block; width: .7em; height: .7em; border-radius: 2px;
  background: currentColor; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 0 1rem; padding: 0; margin: 0;
  font-size: .85rem; }
table { border-collapse: collapse; font-size: .9rem; width: 100%; }
th, td { text-align: left; padding: .2rem .5rem .2rem 0; border-bottom: 1px solid var(--rule);
  vertical-align: top; }
th { font-weight: 400; color: var(--soft); }
@media (max-width: 40rem) { .stage { grid-template-columns: 1fr; } }
"""


def write_report(run_dir: str, path: str, clip_seconds: float) -> int:
    """Writes the page about a run as an HTML file, and returns its size in characters.

    It needs nothing else: no network, no script. An interpolation clip of 0 seconds is skipped.
    Raises UserError if something of the run is missing or damaged, or the page can't be written.
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

    name = posixpath.basename(run_dir.rstrip("/")) or run_dir
    last = metrics[-1]
    summary = (
        f"{describe_stage(last)}, {last['kimg']:.1f} kimg, "
        f"{duration_in_words(last.get('seconds', 0.0))} of training, on {config.dataset}"
    )
    body = [
        f"<h1>{escape(name)}</h1><p>{escape(summary)}</p>",
        "<h2>Growth</h2><p>The same latents at the end of each stage.</p>",
        *_draw_growth(run_dir),
    ]
    if clip_seconds:
        body += [
            "<h2>Interpolation</h2><p>A walk through the space of latents, in a loop.</p>",
            _image(_draw_clip(run_dir, clip_seconds), "webp", "Pictures that turn into others"),
        ]
    body += [
        "<h2>Curves</h2><p>Over thousands of images shown; every other stage is shaded.</p>"
        '<div class="charts">',
        *_draw_charts(metrics, scores),
        "</div><h2>Samples</h2><p>The last sheet, as it stands.</p>",
        _image(sheet, "png", "Samples of the generator"),
    ]
    if reals:
        body += ["<p>Reals.</p>", _image(reals, "png", "Pictures it was trained on")]
    body += ["<h2>Configuration</h2>", _draw_table(config)]
    page = (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(name)}</title><style>{_STYLE}</style></head>"
        f"<body>{''.join(body)}</body></html>\n"
    )
    with writing(f"--output={path}"):
        write_file(path, page.encode())
    return len(page)


def _draw_growth(run_dir: str) -> Iterator[str]:
    """Draws the first latents of a run's sheets with the last checkpoint of each stage.

    Pictures are enlarged by nearest neighbor to the run's final resolution.
    """
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
        caption = f"{escape(name)} <span>{saved.images_shown / 1000:.1f} kimg</span>"
        picture = _image(encode_picture(row), "png", f"Pictures at {name}")
        yield f'<div class="stage"><div>{caption}</div>{picture}</div>'


def _draw_clip(run_dir: str, seconds: float) -> bytes:
    """Returns a walk through latents as an animated WebP file."""
    sampler = make_sampler(trained.from_run(run_dir))
    num_frames = max(2, round(seconds * _CLIP_FPS))
    classes = list(range(max(1, sampler.label_size)))
    num_keyframes = interpolation.num_keyframes(seconds, smoothing=1.0)
    walk = interpolation.random_walk(sampler, 0, classes, _CLIP_PICTURES, num_keyframes)
    scale = max(1, _CLIP_HEIGHT // sampler.resolution)
    frames = interpolation.draw_walk(sampler, walk, num_frames, _CLIP_PICTURES, scale)
    with temporary_folder() as folder:
        path = os.path.join(folder, "clip.webp")
        write_video(path, frames, num_frames, _CLIP_FPS)
        return read_bytes(path)


def stage_bands(metrics: list[dict[str, Any]]) -> list[Band]:
    """Returns the stages of a run as far as it has come, from its ticks."""
    bands: list[Band] = []
    for (_, phase), rows in itertools.groupby(metrics, itemgetter("resolution", "phase")):
        *_, last = rows
        name = describe_stage(last).partition(",")[0]
        start = bands[-1].end if bands else 0.0
        bands.append(Band(name, start, last["kimg"], phase == "fade_in"))
    return bands


def _draw_charts(metrics: list[dict[str, Any]], scores: list[Score]) -> Iterator[str]:
    bands = stage_bands(metrics)
    for title, names in _CHARTS:
        lines = [
            Line(name.replace("_", " "), [(row["kimg"], row.get(name)) for row in metrics])
            for name in names
        ]
        yield draw_chart(title, lines, bands)
    for metric in metrics_of(scores):
        curve = comparable_scores(scores, metric)
        lines = [Line(metric, [(score.kimg, score.value) for score in curve])]
        floor = [(score.kimg, score.floor_value) for score in curve if score.floor]
        if floor:
            lines.append(Line("reals against reals", floor, dashed=True))
        yield draw_chart(metric, lines, bands)


def _image(contents: bytes, kind: str, words: str) -> str:
    encoded = base64.b64encode(contents).decode()
    return f'<img alt="{escape(words)}" src="data:image/{kind};base64,{encoded}">'


def _draw_table(config: TrainingConfig) -> str:
    rows = "".join(
        f"<tr><th>{escape(name).replace('_', '_<wbr>')}</th><td>{escape(text)}</td></tr>"
        for name, text in _flatten(json.loads(config.to_json()))
    )
    return f"<table>{rows}</table>"


def _flatten(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, dict) and value.keys() == {"steps"}:  # set by resolution
            steps = (f"{size}:{number:g}" for size, number in value["steps"])
            yield prefix + name, ", ".join(steps)
        elif isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield prefix + name, str(value)
