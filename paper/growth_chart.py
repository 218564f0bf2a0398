"""Growing against not growing: images and SWD against time (paper, figure 4). No TensorFlow."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from paper.measured import Measured
from pgan_tf.metrics.chart import round_ticks
from tfrecords.common.files import write_file

_WIDTH, _HEIGHT = 480, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 20, 40, 46
# Drawn larger and reduced: Pillow's lines have hard edges.
_SCALE = 2
_COLOURS = ("#1f5fbf", "#c0392b")


@dataclasses.dataclass(frozen=True)
class _Panel:
    title: str
    # For each form of training: (seconds, value).
    lines: Sequence[Sequence[tuple[float, float]]]


def write_growth_chart(path: str, growing: Measured, whole: Measured) -> None:
    """Draws two panels as a PNG file: images shown, and SWD, against seconds of training.

    Args:
        path: of the file.
        growing: an experiment with a curve.
        whole: the same without growing.
    """
    both = (growing, whole)
    # ASCII only, as in all pictures: Pillow's font has neither "³" nor "→".
    shown = [[(0.0, 0.0), *((second, kimg) for kimg, second, _ in one.curve)] for one in both]
    distance = [[(second, swd) for _, second, swd in one.curve] for one in both]
    panels = [_Panel("thousands of images shown", shown), _Panel("SWD x 1000", distance)]
    size = (len(panels) * _WIDTH * _SCALE, _HEIGHT * _SCALE)
    image = Image.new("RGB", size, "white")
    canvas = ImageDraw.Draw(image)
    for index, panel in enumerate(panels):
        _draw(canvas, panel, index * _WIDTH)
    reduced = image.resize((size[0] // _SCALE, size[1] // _SCALE), Image.Resampling.BOX)
    file = io.BytesIO()
    reduced.save(file, "PNG", optimize=True)
    write_file(path, file.getvalue())


def _draw(canvas: ImageDraw.ImageDraw, panel: _Panel, offset: int) -> None:
    points = [point for line in panel.lines for point in line]
    across = round_ticks(0.0, max(second for second, _ in points))
    up = round_ticks(0.0, max(value for _, value in points))
    x0, x1 = offset + _LEFT, offset + _WIDTH - _RIGHT
    y0, y1 = _TOP, _HEIGHT - _BOTTOM

    def x(second: float) -> float:
        return x0 + (x1 - x0) * second / across[-1]

    def y(value: float) -> float:
        return y1 - (y1 - y0) * value / up[-1]

    def text(left: float, top: float, words: str, anchor: str, colour: str = "#222222") -> None:
        font = ImageFont.load_default(12 * _SCALE)
        canvas.text((left * _SCALE, top * _SCALE), words, colour, font, anchor)

    def line(ends: Sequence[tuple[float, float]], colour: str, width: int) -> None:
        scaled = [(left * _SCALE, top * _SCALE) for left, top in ends]
        canvas.line(scaled, fill=colour, width=width * _SCALE, joint="curve")

    for tick in up:
        line([(x0, y(tick)), (x1, y(tick))], "#d0d4da", 1)
        text(x0 - 6, y(tick), f"{tick:g}", "rm")
    for tick in across:
        text(x(tick), y1 + 5, f"{tick:g}", "mt")
    text((x0 + x1) / 2, y1 + 24, "seconds of training", "mt")
    text(x0, y0 - 30, panel.title, "lt")
    names = ("growing", "not growing")
    for number, (name, colour, curve) in enumerate(zip(names, _COLOURS, panel.lines, strict=True)):
        line([(x(second), y(value)) for second, value in curve], colour, 2)
        text(x1, y0 - 32 + 15 * number, name, "rt", colour)
