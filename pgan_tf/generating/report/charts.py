"""Curves as inline SVG: no script, colours from the page's style. Pure Python."""

from __future__ import annotations

import dataclasses
import html
import math
from collections.abc import Sequence

# About as wide as a phone, so that letters have their size there.
_WIDTH, _HEIGHT = 400, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 20, 28


@dataclasses.dataclass(frozen=True)
class Line:
    """A curve.

    Attributes:
        name: for people.
        points: (kimg, value); None, NaN, or what is endless or nearly so, leaves a gap.
        dashed: for what is compared with.
    """

    name: str
    points: Sequence[tuple[float, float | None]]
    dashed: bool = False


@dataclasses.dataclass(frozen=True)
class Band:
    """A part of the horizontal axis, such as a stage.

    Attributes:
        name: for people.
        begin: kimg.
        end: kimg.
        shaded: drawn darker, to be told from its neighbours.
    """

    name: str
    begin: float
    end: float
    shaded: bool


def draw_chart(title: str, lines: Sequence[Line], bands: Sequence[Band] = ()) -> str:
    """Returns a chart over kimg as HTML: a `<figure>` with its legend.

    Args:
        title: what is drawn, with its unit.
        lines: at least one; those without a number are named all the same.
        bands: stages.
    """
    lines = [dataclasses.replace(line, points=_clean(line.points)) for line in lines]
    numbers = [(k, v) for line in lines for k, v in line.points if v is not None]
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
    for i, line in enumerate(lines):
        style = f"line c{i % 4}" + (" dashed" if line.dashed else "")
        parts += [
            f'<polyline class="{style}" points="'
            + " ".join(f"{x(kimg):.1f},{y(value):.1f}" for kimg, value in run)
            + '"/>'
            for run in _runs(line.points)
        ]
        # One point is no line.
        parts += [
            f'<circle class="dot c{i % 4}" cx="{x(kimg):.1f}" cy="{y(value):.1f}" r="2.5"/>'
            for run in _runs(line.points)
            for kimg, value in (run if len(run) == 1 else ())
        ]
    legend = "".join(
        f'<li><span class="swatch c{i % 4}"></span>{html.escape(line.name)} '
        f"<b>{_last(line.points)}</b></li>"
        for i, line in enumerate(lines)
    )
    return (
        f"<figure><figcaption>{html.escape(title)}</figcaption>"
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{html.escape(title)} over '
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
    name = html.escape(band.name)
    style = "band shaded" if band.shaded else "band"
    rectangle = (
        f'<rect class="{style}" x="{begin:.1f}" y="{_TOP}" width="{max(0.0, end - begin):.1f}" '
        f'height="{_HEIGHT - _TOP - _BOTTOM}"><title>{name}</title></rect>'
    )
    if band.shaded or end - begin < 7 * len(band.name):
        return rectangle
    middle = (begin + end) / 2
    return rectangle + f'<text x="{middle:.1f}" y="14" text-anchor="middle">{name}</text>'


def _clean(points: Sequence[tuple[float, float | None]]) -> list[tuple[float, float | None]]:
    return [(k, v if v is not None and abs(v) < 1e100 else None) for k, v in points]


def _runs(
    points: Sequence[tuple[float, float | None]],
) -> list[list[tuple[float, float]]]:
    """Splits at gaps."""
    runs: list[list[tuple[float, float]]] = [[]]
    for kimg, value in points:
        if value is None:
            runs.append([])
        else:
            runs[-1].append((kimg, value))
    return [run for run in runs if run]


def _short(value: float) -> str:
    if abs(value) >= 1e4:
        return f"{value / 1000:.6g}k"
    return f"{value:.6g}"


def _last(points: Sequence[tuple[float, float | None]]) -> str:
    values = [value for _, value in points if value is not None]
    return f"{values[-1]:.4g}" if values else "no number"
