"""The page: one HTML file with everything in it, for a desk and a telephone, light and dark."""

import base64
import dataclasses
import itertools
import json
from html import escape
from operator import itemgetter
from typing import Any

import numpy as np

from pgan_tf.config.training import TrainingConfig
from pgan_tf.generating.report.charts import Band, Line, draw_chart
from pgan_tf.metrics.score import Score
from pgan_tf.runs.log import describe_stage
from tfrecords.common.text import duration_in_words
from tfrecords.pictures.kinds import encode_picture

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
.line { fill: none; stroke-width: 1.75; stroke-linejoin: round; } .dashed { stroke-dasharray: 5 4; }
.line.c0 { stroke: var(--c0); } .line.c1 { stroke: var(--c1); }
.line.c2 { stroke: var(--c2); } .line.c3 { stroke: var(--c3); }
.swatch { display: inline-block; width: .7em; height: .7em; border-radius: 2px; }
.swatch.c0 { background: var(--c0); } .swatch.c1 { background: var(--c1); }
.swatch.c2 { background: var(--c2); } .swatch.c3 { background: var(--c3); }
.dot.c0 { fill: var(--c0); } .dot.c1 { fill: var(--c1); }
.dot.c2 { fill: var(--c2); } .dot.c3 { fill: var(--c3); }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 0 1rem; padding: 0; margin: 0;
  font-size: .85rem; }
table { border-collapse: collapse; font-size: .9rem; width: 100%; }
th, td { text-align: left; padding: .2rem .5rem .2rem 0; border-bottom: 1px solid var(--rule);
  vertical-align: top; }
th { font-weight: 400; color: var(--soft); }
@media (max-width: 40rem) { .stage { grid-template-columns: 1fr; } }
"""

# What belongs into one chart: title, and names in metrics.jsonl.
_CHARTS = (
    ("Losses", ("discriminator_loss", "generator_loss")),
    ("Scores of the discriminator", ("real_score", "fake_score")),
    ("Norm of its gradient", ("gradient_norm",)),
    ("Images per second", ("images_per_second",)),
)


@dataclasses.dataclass(frozen=True)
class Growth:
    """What the first latents of a run's sheets looked like at the end of a stage."""

    name: str  # the stage, in words
    kimg: float
    row: np.ndarray  # pictures side by side, (height, width, channels) uint8, of one size


def write_page(
    name: str,
    config: TrainingConfig,
    metrics: list[dict[str, Any]],  # see `runs.log.read_metrics`
    curves: list[list[Score]],  # by metric, those that compare
    growth: list[Growth],
    sheet: bytes,  # the last sheet of samples, a PNG file
    reals: bytes | None,  # the sheet of reals, a PNG file, if it is still there
    clip: bytes | None,  # a walk through latents, an animated WebP file
) -> str:
    """Returns the page about a run as HTML that needs nothing else: no network, no script."""
    last = metrics[-1]
    summary = (
        f"{describe_stage(last)}, {last['kimg']:.1f} kimg, "
        f"{duration_in_words(last.get('seconds', 0.0))} of training, on {config.dataset}"
    )
    parts = [
        f"<h1>{escape(name)}</h1><p>{escape(summary)}</p>",
        "<h2>Growth</h2><p>The same latents at the end of each stage.</p>",
        *(_draw_stage(stage) for stage in growth),
    ]
    if clip:
        parts += [
            "<h2>Interpolation</h2><p>A walk through the space of latents, in a loop.</p>",
            _image(clip, "webp", "An animation of pictures that turn into one another"),
        ]
    parts += [
        "<h2>Curves</h2><p>Over thousands of images shown; every other stage is shaded.</p>"
        '<div class="charts">',
        *_draw_charts(metrics, curves),
        "</div><h2>Samples</h2><p>The last sheet, as it stands.</p>",
        _image(sheet, "png", "Samples of the generator"),
    ]
    if reals:
        parts += ["<p>Reals.</p>", _image(reals, "png", "Pictures it was trained on")]
    parts += ["<h2>Configuration</h2>", _draw_table(config)]
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(name)}</title><style>{_STYLE}</style></head>"
        f"<body>{''.join(parts)}</body></html>\n"
    )


def stage_bands(metrics: list[dict[str, Any]]) -> list[Band]:
    """Returns the stages of a run as far as it has come, from its ticks."""
    bands: list[Band] = []
    for (_, phase), rows in itertools.groupby(metrics, itemgetter("resolution", "phase")):
        *_, last = rows
        name = describe_stage(last).partition(",")[0]
        begin = bands[-1].end if bands else 0.0
        bands.append(Band(name, begin, last["kimg"], phase == "fade_in"))
    return bands


def _draw_charts(metrics: list[dict[str, Any]], curves: list[list[Score]]) -> list[str]:
    bands = stage_bands(metrics)
    drawn = []
    for title, names in _CHARTS:
        lines = [
            Line(name.replace("_", " "), [(row["kimg"], row.get(name)) for row in metrics])
            for name in names
        ]
        drawn.append(draw_chart(title, lines, bands))
    for scores in curves:
        metric = scores[0].metric
        lines = [Line(metric, [(score.kimg, score.value) for score in scores])]
        floor = [(score.kimg, score.floor_value) for score in scores if score.floor]
        if floor:
            lines.append(Line("reals against reals", floor, dashed=True))
        drawn.append(draw_chart(metric, lines, bands))
    return drawn


def _draw_stage(growth: Growth) -> str:
    picture = _image(encode_picture(growth.row), "png", f"Pictures at {growth.name}")
    caption = f"<div>{escape(growth.name)} <span>{growth.kimg:.1f} kimg</span></div>"
    return f'<div class="stage">{caption}{picture}</div>'


def _image(contents: bytes, kind: str, words: str) -> str:
    encoded = base64.b64encode(contents).decode()
    return f'<img alt="{escape(words)}" src="data:image/{kind};base64,{encoded}">'


def _draw_table(config: TrainingConfig) -> str:
    rows = "".join(
        f"<tr><th>{escape(name).replace('_', '_<wbr>')}</th><td>{escape(text)}</td></tr>"
        for name, text in _flatten(json.loads(config.to_json()))
    )
    return f"<table>{rows}</table>"


def _flatten(values: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    found = []
    for name, value in values.items():
        if isinstance(value, dict) and value.keys() == {"steps"}:  # set by resolution
            text = ", ".join(f"{size}:{number:g}" for size, number in value["steps"])
            found.append((prefix + name, text))
        elif isinstance(value, dict):
            found += _flatten(value, f"{prefix}{name}.")
        else:
            found.append((prefix + name, str(value)))
    return found
