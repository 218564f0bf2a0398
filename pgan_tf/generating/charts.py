"""Curves as inline SVG, in the page's colors; its script shows the values at the pointer.

`metrics.chart` draws a PNG.
"""

import dataclasses
import json
from collections.abc import Sequence
from html import escape
from typing import Any

from pgan_tf.metrics.chart import round_ticks

# About as wide as a phone, so that letters have their size there.
_WIDTH, _HEIGHT = 400, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 20, 28


@dataclasses.dataclass(frozen=True)
class Line:
    """A curve of (kimg, value). None, NaN and infinite or huge values leave gaps."""

    name: str
    points: Sequence[tuple[float, float | None]]
    dashed: bool = False  # for a reference value


@dataclasses.dataclass(frozen=True)
class Band:
    """A part of the horizontal axis, in kimg, such as a stage."""

    name: str
    start: float
    end: float
    shaded: bool  # drawn darker, to tell it from its neighbors


def draw_chart(title: str, lines: Sequence[Line], bands: Sequence[Band] = ()) -> str:
    """Returns a chart over kimg as HTML, a `<figure>`, and in its legend lines without numbers.

    `data-chart` holds the numbers and the scales, in JSON, for the script of `report.html`.
    """
    curves = [_runs(line.points) for line in lines]
    numbers = [point for runs in curves for run in runs for point in run]
    end = max([kimg for kimg, _ in numbers] + [band.end for band in bands] + [1e-3])
    values = [value for _, value in numbers] or [0.0, 1.0]
    ticks = round_ticks(min(values), max(values))
    low, high = ticks[0], ticks[-1]

    def x(kimg: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * kimg / end

    def y(value: float) -> float:
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * (value - low) / (high - low)

    parts = [_draw_band(band, x(band.start), x(band.end)) for band in bands]
    for tick in ticks:
        ends = f'x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"'
        label = _text(_LEFT - 6, y(tick) + 4, _short(tick), "end")
        parts.append(f'<line class="grid" {ends}/>{label}')
    below = [tick for tick in round_ticks(0.0, end) if tick <= end]
    parts += [_text(x(tick), _HEIGHT - 15, _short(tick)) for tick in below]
    parts.append(_text(_WIDTH - _RIGHT, _HEIGHT - 3, "kimg", "end"))
    legend = ""
    for i, (line, runs) in enumerate(zip(lines, curves, strict=True)):
        color = f"c{i % 4}"
        dashed = " dashed" if line.dashed else ""
        for run in runs:
            places = " ".join(f"{x(kimg):.1f},{y(value):.1f}" for kimg, value in run)
            parts.append(f'<polyline class="line {color}{dashed}" points="{places}"/>')
            if len(run) == 1:  # a single point
                place = f'cx="{x(run[0][0]):.1f}" cy="{y(run[0][1]):.1f}"'
                parts.append(f'<circle class="dot {color}" {place} r="2.5"/>')
        last = f"{runs[-1][-1][1]:.4g}" if runs else "no number"
        name = f'<span class="swatch {color}"></span>{escape(line.name)}'
        legend += f"<li>{name} <b>{last}</b></li>"
    scales = {
        "frame": [_LEFT, _WIDTH - _RIGHT, _TOP, _HEIGHT - _BOTTOM],
        "end": end,
        "range": [low, high],
    }
    data = escape(json.dumps(scales | _tabulate(lines, curves, bands)))
    return (
        f'<figure data-chart="{data}"><figcaption>{escape(title)}</figcaption><div class="plot">'
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" tabindex="0" aria-label="'
        f'{escape(title)} over kimg; arrow keys read the values">{"".join(parts)}</svg>'
        f'<output class="tip" hidden></output></div><ul class="legend">{legend}</ul></figure>'
    )


def _tabulate(
    lines: Sequence[Line], curves: Sequence[list[list[tuple[float, float]]]], bands: Sequence[Band]
) -> dict[str, Any]:
    """Returns the numbers that a chart shows: a value, or None, of each line at each kimg."""
    found = [dict(point for run in runs for point in run) for runs in curves]
    places = sorted(set().union(*found))
    return {
        "names": [line.name for line in lines],
        "kimg": places,
        "values": [[values.get(kimg) for kimg in places] for values in found],
        "bands": [[band.name, band.end] for band in bands],
    }


def _draw_band(band: Band, left: float, right: float) -> str:
    style = "band shaded" if band.shaded else "band"
    rectangle = (
        f'<rect class="{style}" x="{left:.1f}" y="{_TOP}" width="{max(0.0, right - left):.1f}" '
        f'height="{_HEIGHT - _TOP - _BOTTOM}"><title>{escape(band.name)}</title></rect>'
    )
    is_named = not band.shaded and right - left >= 7 * len(band.name)
    return rectangle + _text((left + right) / 2, 14, escape(band.name)) * is_named


def _text(x: float, y: float, text: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text}</text>'


def _runs(points: Sequence[tuple[float, float | None]]) -> list[list[tuple[float, float]]]:
    """Splits a line at its gaps."""
    runs: list[list[tuple[float, float]]] = [[]]
    for kimg, value in points:
        if value is not None and abs(value) < 1e100:
            runs[-1].append((kimg, value))
        else:
            runs.append([])
    return [run for run in runs if run]


def _short(value: float) -> str:
    return f"{value / 1000:.6g}k" if abs(value) >= 1e4 else f"{value:.6g}"
