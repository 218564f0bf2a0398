"""Draws scores against the images shown, with a band for each stage of growth."""

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pgan_tf.config.schedule import Stage, make_stages
from pgan_tf.config.training import ScheduleConfig
from pgan_tf.metrics.score import Score
from pgan_tf.runs.small_files import is_number
from tfrecords.common.in_words import counted

_WIDTH, _PANEL_HEIGHT = 960, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 80, 20, 46, 42
# Drawn larger and reduced: Pillow's lines have hard edges.
_SCALE = 2
_CURVE, _FLOOR, _INK, _GRID = "#1f5fbf", "#c0392b", "#222222", "#d0d4da"
_STABILIZE, _FADE = "#ffffff", "#eef2f8"


def draw_chart(curves: Sequence[Sequence[Score]], schedule: ScheduleConfig) -> np.ndarray:
    """Draws a panel for each metric, whose scores come by images shown.

    Returns `(height, width, 3)` uint8.
    """
    size = (_WIDTH * _SCALE, _PANEL_HEIGHT * _SCALE * len(curves))
    image = Image.new("RGB", size, "white")
    for index, scores in enumerate(curves):
        _Panel(image, index * _PANEL_HEIGHT, scores, schedule).draw()
    reduced = image.resize((_WIDTH, _PANEL_HEIGHT * len(curves)), Image.Resampling.BOX)
    return np.asarray(reduced)


class _Panel:
    """One metric's curve, in coordinates of the reduced picture."""

    def __init__(
        self, image: Image.Image, top: int, scores: Sequence[Score], schedule: ScheduleConfig
    ) -> None:
        self._canvas = ImageDraw.Draw(image)
        self._scores, self._stages = scores, make_stages(schedule)
        last = scores[-1]
        self._floor = last.floor_value if is_number(last.floor_value) else None
        values = [score.value for score in scores]
        if self._floor is not None:
            values.append(self._floor)
        self._ticks = round_ticks(min(0.0, *values), max(values))
        self._end = max(schedule.total_kimg, last.kimg)
        self._x0, self._x1 = _LEFT, _WIDTH - _RIGHT
        self._y0, self._y1 = top + _TOP, top + _PANEL_HEIGHT - _BOTTOM

    def draw(self) -> None:
        for stage in self._stages:
            self._draw_band(stage)
        for tick in self._ticks:
            y = self._y(tick)
            self._line([(self._x0, y), (self._x1, y)], _GRID, 1)
            self._text(self._x0 - 6, y, f"{tick:g}", "rm")
        for tick in round_ticks(0.0, self._end, 8):
            if tick <= self._end:
                self._text(self._x(tick), self._y1 + 4, f"{tick:g}", "mt")
        self._text((self._x0 + self._x1) / 2, self._y1 + 20, "kimg (1000 real images shown)", "mt")
        last = self._scores[-1]
        goal = "near the reals'" if last.better == "neither" else last.better
        title = (
            f"{last.headline}: {last.value:.4g} at {last.kimg:g} kimg ({goal} is better; "
            f"{counted(last.num_images, 'picture')} of {last.resolution} px)"
        )
        self._text(self._x0, self._y0 - 40, title, "lt", 14)
        if self._floor is not None:
            y = self._y(self._floor)
            for dash in range(self._x0, self._x1, 10):
                self._line([(dash, y), (min(dash + 6, self._x1), y)], _FLOOR, 1)
            text = f"- - real pictures: {self._floor:.4g}"
            self._text(self._x1, self._y0 - 40, text, "rt", 14, _FLOOR)
        points = [(self._x(score.kimg), self._y(score.value)) for score in self._scores]
        self._line(points, _CURVE, 2)
        for x, y in points:
            self._canvas.ellipse(_scaled(x - 3, y - 3, x + 3, y + 3), fill=_CURVE)
        frame = _scaled(self._x0, self._y0, self._x1, self._y1)
        self._canvas.rectangle(frame, outline=_INK, width=_SCALE)

    def _draw_band(self, stage: Stage) -> None:
        begin = self._x(min(self._end, max(0, stage.first_image - 1) / 1000))
        last = stage is self._stages[-1]
        end = self._x(self._end if last else min(self._end, stage.last_image / 1000))
        if end <= begin:
            return
        box = _scaled(begin, self._y0, end, self._y1)
        self._canvas.rectangle(box, fill=_FADE if stage.fades_in else _STABILIZE)
        self._line([(begin, self._y0), (begin, self._y1)], _GRID, 1)
        for name in (str(stage).replace("→", " to "), str(stage.resolution)):
            if self._canvas.textlength(name, _font(11)) / _SCALE < end - begin - 2:
                self._text((begin + end) / 2, self._y0 - 3, name, "mb", 11)
                break

    def _x(self, kimg: float) -> float:
        return self._x0 + (self._x1 - self._x0) * kimg / self._end

    def _y(self, value: float) -> float:
        low, high = self._ticks[0], self._ticks[-1]
        return self._y1 - (self._y1 - self._y0) * (value - low) / (high - low)

    def _line(self, points: Sequence[tuple[float, float]], color: str, width: int) -> None:
        scaled = [(x * _SCALE, y * _SCALE) for x, y in points]
        self._canvas.line(scaled, fill=color, width=width * _SCALE, joint="curve")

    def _text(
        self, x: float, y: float, text: str, anchor: str, size: int = 12, color: str = _INK
    ) -> None:
        where = (x * _SCALE, y * _SCALE)
        self._canvas.text(where, text, fill=color, font=_font(size), anchor=anchor)


def _scaled(*edges: float) -> list[float]:
    return [_SCALE * edge for edge in edges]


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size * _SCALE)


def round_ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Returns rising round numbers, evenly spaced, from at most `low` to at least `high`."""
    span = (high - low) or 1.0
    power = 10.0 ** math.floor(math.log10(span / most))
    step = next(power * factor for factor in (1, 2, 5, 10) if span / (power * factor) <= most)
    first, last = math.floor(low / step), math.ceil((low + span) / step - 1e-9)
    return [round(step * number, 12) for number in range(first, max(last, first + 1) + 1)]
