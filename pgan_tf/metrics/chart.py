"""Draws scores against the images shown, with a band for each stage of growth."""

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pgan_tf.config.schedule import make_stages
from pgan_tf.config.training import ScheduleConfig
from pgan_tf.metrics.score import Score
from pgan_tf.runs.small_files import is_number
from tfrecords.common.text import counted

# In pixels at twice the final size: charts are reduced, since Pillow's lines have hard edges.
_WIDTH, _PANEL_HEIGHT = 1920, 520
_LEFT, _RIGHT, _TOP, _BOTTOM = 160, 40, 92, 84
_SMALL, _MIDDLE, _LARGE = 22, 24, 28  # font sizes
_CURVE, _FLOOR, _INK, _GRID = "#1f5fbf", "#c0392b", "#222222", "#d0d4da"
_STABILIZE, _FADE = "#ffffff", "#eef2f8"


def draw_chart(curves: Sequence[Sequence[Score]], schedule: ScheduleConfig) -> np.ndarray:
    """Draws a panel per metric with its scores over images shown: `(height, width, 3)` uint8."""
    image = Image.new("RGB", (_WIDTH, _PANEL_HEIGHT * len(curves)), "white")
    for index, scores in enumerate(curves):
        _draw_panel(image, index * _PANEL_HEIGHT, scores, schedule)
    half = image.width // 2, image.height // 2
    return np.asarray(image.resize(half, Image.Resampling.BOX))


def _draw_panel(
    image: Image.Image, top: int, scores: Sequence[Score], schedule: ScheduleConfig
) -> None:
    canvas, last, stages = ImageDraw.Draw(image), scores[-1], make_stages(schedule)
    floor = last.floor_value if is_number(last.floor_value) else None
    values = [*(score.value for score in scores), *([] if floor is None else [floor])]
    ticks = round_ticks(min(0.0, *values), max(values))
    end = max(schedule.total_kimg, last.kimg)
    x0, x1, y0, y1 = _LEFT, _WIDTH - _RIGHT, top + _TOP, top + _PANEL_HEIGHT - _BOTTOM

    def place(kimg: float) -> float:
        return x0 + (x1 - x0) * kimg / end

    def height(value: float) -> float:
        return y1 - (y1 - y0) * (value - ticks[0]) / (ticks[-1] - ticks[0])

    def write(
        x: float, y: float, text: str, anchor: str, size: int = _MIDDLE, color: str = _INK
    ) -> None:
        canvas.text((x, y), text, color, ImageFont.load_default(size), anchor)

    for stage in stages:
        left = place(min(end, max(0, stage.first_image - 1) / 1000))
        right = place(end if stage is stages[-1] else min(end, stage.last_image / 1000))
        if right <= left:
            continue
        canvas.rectangle((left, y0, right, y1), fill=_FADE if stage.fades_in else _STABILIZE)
        canvas.line((left, y0, left, y1), fill=_GRID, width=2)
        names = (str(stage).replace("→", " to "), str(stage.resolution))
        room = right - left - 4
        fitting = [name for name in names if canvas.textlength(name, font_size=_SMALL) < room]
        for name in fitting[:1]:
            write((left + right) / 2, y0 - 6, name, "mb", _SMALL)
    for tick in ticks:
        canvas.line((x0, height(tick), x1, height(tick)), fill=_GRID, width=2)
        write(x0 - 12, height(tick), f"{tick:g}", "rm")
    for tick in round_ticks(0.0, end, 8):
        if tick <= end:
            write(place(tick), y1 + 8, f"{tick:g}", "mt")
    write((x0 + x1) / 2, y1 + 40, "kimg (1000 real images shown)", "mt")
    goal = "near the reals'" if last.better == "neither" else last.better
    title = (
        f"{last.headline}: {last.value:.4g} at {last.kimg:g} kimg ({goal} is better; "
        f"{counted(last.num_images, 'picture')} of {last.resolution} px)"
    )
    write(x0, y0 - 80, title, "lt", _LARGE)
    if floor is not None:
        for x in range(x0, x1, 20):
            canvas.line((x, height(floor), min(x + 12, x1), height(floor)), fill=_FLOOR, width=2)
        write(x1, y0 - 80, f"- - real pictures: {floor:.4g}", "rt", _LARGE, _FLOOR)
    points = [(place(score.kimg), height(score.value)) for score in scores]
    canvas.line(points, fill=_CURVE, width=4, joint="curve")
    for point in points:
        canvas.circle(point, 6, fill=_CURVE)
    canvas.rectangle((x0, y0, x1, y1), outline=_INK, width=2)


def round_ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Returns at most `most` + 2 round numbers, evenly spaced, that span `low` to `high`."""
    if high - low <= max(1e-9 * max(abs(low), abs(high)), 1e-100):  # (nearly) the same number
        high = low + (abs(low) if abs(low) > 1e-100 else 1.0)
    span = high - low
    power = 10.0 ** math.floor(math.log10(span / most))
    step = next(power * factor for factor in (1, 2, 5, 10) if span / (power * factor) <= most)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [step * number for number in range(first, last + 1)]
