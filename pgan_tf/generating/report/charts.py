"""Curves as inline SVG: no script, colors from the page's style. Pure Python."""

import dataclasses
import math
from collections.abc import Sequence
from html import escape

# About as wide as a phone, so that letters have their size there.
_WIDTH, _HEIGHT = 400, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 20, 28


@dataclasses.dataclass(frozen=True)
class Line:
    """A curve of (kimg, value); None, NaN, or what is endless or nearly so, leaves a gap."""

    name: str
    points: Sequence[tuple[float, float | None]]
    dashed: bool = False  # for what is compared with


@dataclasses.dataclass(frozen=True)
class Band:
    """A part of the horizontal axis, in kimg, such as a stage."""

    name: str
    begin: float
    end: float
    shaded: bool  # drawn darker, to be told from its neighbors


def draw_chart(title: str, lines: Sequence[Line], bands: Sequence[Band] = ()) -> str:
    """Returns a chart over kimg as HTML: a `<figure>` with its legend.

    There is at least one line; those without a number are named all the same.
    """
    curves = [_runs(line.points) for line in lines]
    numbers = [point for runs in curves for run in runs for point in run]
    end = max([kimg for kimg, _ in numbers] + [band.end for band in bands] + [1e-3])
    low = min([value for _, value in numbers], default=0.0)
    high = max([value for _, value in numbers], default=1.0)
    ticks = nice_ticks(low, high)
    low, high = min(low, ticks[0]), max(high, ticks[-1])

    def x(kimg: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * kimg / end

    def y(value: float) -> float:
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * (value - low) / (high - low)

    parts = [_draw_band(band, x(band.begin), x(band.end)) for band in bands]
    for tick in ticks:
        parts.append(
            f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(tick):.1f}" '
            f'y2="{y(tick):.1f}"/><text x="{_LEFT - 6}" y="{y(tick) + 4:.1f}" '
            f'text-anchor="end">{_short(tick)}</text>'
        )
    for tick in nice_ticks(0.0, end):
        if tick <= end:
            parts.append(
                f'<text x="{x(tick):.1f}" y="{_HEIGHT - 10}" text-anchor="middle">'
                f"{_short(tick)}</text>"
            )
    legend = ""
    for i, (line, runs) in enumerate(zip(lines, curves, strict=True)):
        color = f"c{i % 4}"
        for run in runs:
            places = " ".join(f"{x(kimg):.1f},{y(value):.1f}" for kimg, value in run)
            dashed = " dashed" if line.dashed else ""
            parts.append(f'<polyline class="line {color}{dashed}" points="{places}"/>')
        for run in runs:
            if len(run) == 1:  # one point is no line
                place = f'cx="{x(run[0][0]):.1f}" cy="{y(run[0][1]):.1f}"'
                parts.append(f'<circle class="dot {color}" {place} r="2.5"/>')
        last = f"{runs[-1][-1][1]:.4g}" if runs else "no number"
        name = f'<span class="swatch {color}"></span>{escape(line.name)}'
        legend += f"<li>{name} <b>{last}</b></li>"
    return (
        f"<figure><figcaption>{escape(title)}</figcaption>"
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)} over '
        f'kimg">{"".join(parts)}<text x="{_WIDTH - _RIGHT}" y="{_HEIGHT}" text-anchor="end">kimg'
        f'</text></svg><ul class="legend">{legend}</ul></figure>'
    )


def nice_ticks(low: float, high: float) -> list[float]:
    """Returns 3 to 7 round numbers, evenly spaced, from at or below `low` to at or above `high`."""
    if high - low < 1e-9 * max(abs(low), abs(high), 1e-3):
        margin = max(abs(low) * 0.1, 1e-3)
        low, high = low - margin, high + margin
    raw = (high - low) / 4
    magnitude = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * magnitude for factor in (1, 2, 5, 10) if factor * magnitude >= raw * 0.999)
    first, last = math.floor(low / step + 1e-6), math.ceil(high / step - 1e-6)
    return [i * step for i in range(first, last + 1)]


def _draw_band(band: Band, begin: float, end: float) -> str:
    name = escape(band.name)
    style = "band shaded" if band.shaded else "band"
    rectangle = (
        f'<rect class="{style}" x="{begin:.1f}" y="{_TOP}" width="{max(0.0, end - begin):.1f}" '
        f'height="{_HEIGHT - _TOP - _BOTTOM}"><title>{name}</title></rect>'
    )
    if band.shaded or end - begin < 7 * len(band.name):
        return rectangle
    middle = (begin + end) / 2
    return rectangle + f'<text x="{middle:.1f}" y="14" text-anchor="middle">{name}</text>'


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
