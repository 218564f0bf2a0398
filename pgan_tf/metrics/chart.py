"""Draws scores against the images shown, with a band for each stage of growth."""

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pgan_tf.config.schedule import Stage, make_stages
from pgan_tf.config.training import ScheduleConfig
from pgan_tf.metrics.score import Score
from pgan_tf.runs.small_files import is_number
from tfrecords.common.text import counted

# Drawn twice as large and reduced, since Pillow's lines have hard edges: so are all lengths here.
_WIDTH, _PANEL_HEIGHT = 1920, 520
_LEFT, _RIGHT, _TOP, _BOTTOM = 160, 40, 92, 84
_SMALL, _MIDDLE, _LARGE = 22, 24, 28  # letters
_CURVE, _FLOOR, _INK, _GRID = "#1f5fbf", "#c0392b", "#222222", "#d0d4da"
_STABILIZE, _FADE = "#ffffff", "#eef2f8"


def draw_chart(curves: Sequence[Sequence[Score]], schedule: ScheduleConfig) -> np.ndarray:
    """Draws a panel for each metric, its scores by images shown: `(height, width, 3)` uint8."""
    image = Image.new("RGB", (_WIDTH, _PANEL_HEIGHT * len(curves)), "white")
    for index, scores in enumerate(curves):
        _Panel(image, index * _PANEL_HEIGHT, scores, schedule).draw()
    half = image.width // 2, image.height // 2
    return np.asarray(image.resize(half, Image.Resampling.BOX))


class _Panel:
    """One metric's curve."""

    def __init__(
        self, image: Image.Image, top: int, scores: Sequence[Score], schedule: ScheduleConfig
    ) -> None:
        self._canvas = ImageDraw.Draw(image)
        self._scores, self._stages = scores, make_stages(schedule)
        last = scores[-1]
        self._floor = last.floor_value if is_number(last.floor_value) else None
        floors = [] if self._floor is None else [self._floor]
        values = [*(score.value for score in scores), *floors]
        self._ticks = round_ticks(min(0.0, *values), max(values))
        self._end = max(schedule.total_kimg, last.kimg)
        self._x0, self._x1 = _LEFT, _WIDTH - _RIGHT
        self._y0, self._y1 = top + _TOP, top + _PANEL_HEIGHT - _BOTTOM

    def draw(self) -> None:
        for stage in self._stages:
            self._draw_band(stage)
        for tick in self._ticks:
            y = self._y(tick)
            self._line(self._x0, y, self._x1, y, _GRID)
            self._text(self._x0 - 12, y, f"{tick:g}", "rm")
        for tick in round_ticks(0.0, self._end, 8):
            if tick <= self._end:
                self._text(self._x(tick), self._y1 + 8, f"{tick:g}", "mt")
        self._text((self._x0 + self._x1) / 2, self._y1 + 40, "kimg (1000 real images shown)", "mt")
        last = self._scores[-1]
        goal = "near the reals'" if last.better == "neither" else last.better
        title = (
            f"{last.headline}: {last.value:.4g} at {last.kimg:g} kimg ({goal} is better; "
            f"{counted(last.num_images, 'picture')} of {last.resolution} px)"
        )
        self._text(self._x0, self._y0 - 80, title, "lt", _LARGE)
        if self._floor is not None:
            y = self._y(self._floor)
            for x in range(self._x0, self._x1, 20):
                self._line(x, y, min(x + 12, self._x1), y, _FLOOR)
            text = f"- - real pictures: {self._floor:.4g}"
            self._text(self._x1, self._y0 - 80, text, "rt", _LARGE, _FLOOR)
        points = [(self._x(score.kimg), self._y(score.value)) for score in self._scores]
        self._canvas.line(points, fill=_CURVE, width=4, joint="curve")
        for point in points:
            self._canvas.circle(point, 6, fill=_CURVE)
        self._canvas.rectangle((self._x0, self._y0, self._x1, self._y1), outline=_INK, width=2)

    def _draw_band(self, stage: Stage) -> None:
        begin = self._x(min(self._end, max(0, stage.first_image - 1) / 1000))
        last = stage is self._stages[-1]
        end = self._x(self._end if last else min(self._end, stage.last_image / 1000))
        if end <= begin:
            return
        color = _FADE if stage.fades_in else _STABILIZE
        self._canvas.rectangle((begin, self._y0, end, self._y1), fill=color)
        self._line(begin, self._y0, begin, self._y1, _GRID)
        font = ImageFont.load_default(_SMALL)
        for name in (str(stage).replace("→", " to "), str(stage.resolution)):
            if self._canvas.textlength(name, font) < end - begin - 4:
                self._text((begin + end) / 2, self._y0 - 6, name, "mb", _SMALL)
                break

    def _x(self, kimg: float) -> float:
        return self._x0 + (self._x1 - self._x0) * kimg / self._end

    def _y(self, value: float) -> float:
        low, high = self._ticks[0], self._ticks[-1]
        return self._y1 - (self._y1 - self._y0) * (value - low) / (high - low)

    def _line(self, x0: float, y0: float, x1: float, y1: float, color: str) -> None:
        self._canvas.line((x0, y0, x1, y1), fill=color, width=2)

    def _text(
        self, x: float, y: float, text: str, anchor: str, size: int = _MIDDLE, color: str = _INK
    ) -> None:
        font = ImageFont.load_default(size)
        self._canvas.text((x, y), text, fill=color, font=font, anchor=anchor)


def round_ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Returns round numbers, evenly rising, from `low` or below to `high` or above, `most` + 2."""
    if high - low <= max(1e-9 * max(abs(low), abs(high)), 1e-100):  # one number, or nearly
        high = low + (abs(low) if abs(low) > 1e-100 else 1.0)
    span = high - low
    power = 10.0 ** math.floor(math.log10(span / most))
    step = next(power * factor for factor in (1, 2, 5, 10) if span / (power * factor) <= most)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [step * number for number in range(first, last + 1)]
