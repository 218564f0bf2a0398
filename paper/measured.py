"""What was measured of the experiments: a JSON file, tables and a chart. No TensorFlow."""

from __future__ import annotations

import dataclasses
import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence

from PIL import Image, ImageDraw, ImageFont

from paper.experiments import EXPERIMENTS, Experiment
from pgan_tf.metrics.chart import round_ticks
from tfrecords.common.errors import UserError
from tfrecords.common.files import write_file
from tfrecords.common.text import counted

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"

_WIDTH, _HEIGHT = 480, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 20, 40, 46
# Drawn larger and reduced: Pillow's lines have hard edges.
_SCALE = 2
_NAMES = (("growing", "#1f5fbf"), ("not growing", "#c0392b"))
Curve = Sequence[tuple[float, float]]  # (seconds, value)


@dataclasses.dataclass(frozen=True)
class Measured:
    """What an experiment came to here."""

    command: str  # what was run, from the project's folder
    scale: str  # resolution, feature maps, images and data, in words
    cores: int
    seconds: float  # of training
    figures: Mapping[str, float]  # by name
    # The same figures of real pictures in place of generated ones, where known.
    reals: Mapping[str, float] = dataclasses.field(default_factory=dict)
    # Of experiments against time: (kimg, seconds, SWD) of each checkpoint.
    curve: Sequence[Sequence[float]] = dataclasses.field(default_factory=list)
    # The same figures of the same training with other seeds, by seed.
    other_seeds: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)


def read_measured(path: str) -> dict[str, Measured]:
    """Reads what `write_measured` wrote, by the experiment's name; nothing if it is not there.

    Raises UserError if the file is damaged.
    """
    if not os.path.exists(path):
        return {}
    try:
        with open(path, encoding="utf-8") as file:
            return {name: Measured(**values) for name, values in json.load(file).items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: expected measured experiments: {error}") from None


def write_measured(path: str, measured: Mapping[str, Measured]) -> None:
    """Writes the file, whole or not at all, in the order of the paper."""
    order = [one.name for one in EXPERIMENTS if one.name in measured]
    values = {name: dataclasses.asdict(measured[name]) for name in order}
    text = json.dumps(values, indent=1, ensure_ascii=False) + "\n"
    write_file(path, text.encode())


def add_seed(first: Measured | None, seed: int, found: Measured) -> Measured:
    """Puts the figures of another seed beside those of the first.

    Raises UserError if that has not been measured, or at another scale.
    """
    if first is None or first.scale != found.scale:
        raise UserError(
            f"--seed: expected it to be measured without --seed at the same scale, {found.scale}, "
            f"got {first.scale if first else 'nothing'}: run it so first"
        )
    others = {**first.other_seeds, str(seed): dict(found.figures)}
    return dataclasses.replace(first, other_seeds=others)


def with_speedup(measured: Mapping[str, Measured]) -> dict[str, Measured]:
    """Adds how many times as fast growing was, where both forms were measured alike."""
    growing, whole = measured.get("growth_on"), measured.get("growth_off")
    if not growing or not whole or (growing.scale, growing.cores) != (whole.scale, whole.cores):
        return dict(measured)
    figures = {**growing.figures, "times as fast as without": whole.seconds / growing.seconds}
    return {**measured, "growth_on": dataclasses.replace(growing, figures=figures)}


def describe(experiments: Iterable[Experiment], measured: Mapping[str, Measured]) -> str:
    """Returns experiments with commands, published and measured figures, to print."""
    blocks = []
    for one in experiments:
        published = ", ".join(f"{name} {value}" for name, value in one.published)
        published = f"{published} ({one.source})" if published else "pictures only"
        found = measured.get(one.name)
        other = f"  or with    --data={one.other_data}\n" if one.other_data else ""
        result = f"no; python -m paper --run={one.name}"
        if found:
            result = f"{_figures(found, ', ')} ({found.scale}; {_time(found)})"
        blocks.append(
            f"{one.name}: {one.title} ({one.where})\n"
            f"  command    {one.command}\n{other}"
            f"  published  {published}\n"
            f"  measured   {result}"
        )
    return "\n\n".join(blocks)


def to_markdown(experiments: Iterable[Experiment], measured: Mapping[str, Measured]) -> str:
    """Returns a table of published figures beside measured ones."""
    rows = ["| experiment | where | published | measured here | scale |", "|---|---|---|---|---|"]
    for one in experiments:
        published = "<br>".join(f"{name} {value}" for name, value in one.published) or "pictures"
        found = measured.get(one.name)
        figures, scale = "not measured", ""
        if found:
            figures, scale = _figures(found, "<br>"), f"{found.scale}; {_time(found)}"
        rows.append(
            f"| `{one.name}` {one.title} | {one.where} | {published} | {figures} | {scale} |"
        )
    return "\n".join(rows)


def replace_table(text: str, table: str) -> str:
    """Returns a page with another table between the two marks. Raises UserError without marks."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise UserError(f"expected the lines {BEGIN} and {END} in the page: put them back")
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


def _figures(found: Measured, separator: str) -> str:
    def beside(name: str) -> str:
        others = [f"{each[name]:.4g}" for each in found.other_seeds.values() if name in each]
        words = [f"other seeds {', '.join(others)}"] if others else []
        if name in found.reals:
            words.append(f"reals {found.reals[name]:.4g}")
        return f" ({'; '.join(words)})" if words else ""

    return separator.join(
        f"{name} {value:.4g}{beside(name)}" for name, value in found.figures.items()
    )


def _time(found: Measured) -> str:
    return f"{found.seconds:.0f} s on {counted(found.cores, 'core')}"


def write_growth_chart(path: str, growing: Measured, whole: Measured) -> None:
    """Draws two panels as a PNG file: images shown, and SWD, against seconds of training."""
    both = (growing, whole)
    # ASCII only, as in all pictures: Pillow's font has neither "³" nor "→".
    panels = {
        "thousands of images shown": [
            [(0.0, 0.0), *((second, kimg) for kimg, second, _ in one.curve)] for one in both
        ],
        "SWD x 1000": [[(second, swd) for _, second, swd in one.curve] for one in both],
    }
    size = (len(panels) * _WIDTH, _HEIGHT)
    image = Image.new("RGB", (size[0] * _SCALE, size[1] * _SCALE), "white")
    for index, (title, curves) in enumerate(panels.items()):
        _draw(ImageDraw.Draw(image), title, curves, index * _WIDTH)
    file = io.BytesIO()
    image.resize(size, Image.Resampling.BOX).save(file, "PNG", optimize=True)
    write_file(path, file.getvalue())


def _draw(canvas: ImageDraw.ImageDraw, title: str, curves: Sequence[Curve], offset: int) -> None:
    points = [point for curve in curves for point in curve]
    across = round_ticks(0.0, max(second for second, _ in points))
    up = round_ticks(0.0, max(value for _, value in points))
    x0, x1 = offset + _LEFT, offset + _WIDTH - _RIGHT
    y0, y1 = _TOP, _HEIGHT - _BOTTOM

    def x(second: float) -> float:
        return x0 + (x1 - x0) * second / across[-1]

    def y(value: float) -> float:
        return y1 - (y1 - y0) * value / up[-1]

    def text(left: float, top: float, words: str, anchor: str, color: str = "#222222") -> None:
        font = ImageFont.load_default(12 * _SCALE)
        canvas.text((left * _SCALE, top * _SCALE), words, color, font, anchor)

    def line(ends: Sequence[tuple[float, float]], color: str, width: int) -> None:
        scaled = [(left * _SCALE, top * _SCALE) for left, top in ends]
        canvas.line(scaled, fill=color, width=width * _SCALE, joint="curve")

    for tick in up:
        line([(x0, y(tick)), (x1, y(tick))], "#d0d4da", 1)
        text(x0 - 6, y(tick), f"{tick:g}", "rm")
    for tick in across:
        text(x(tick), y1 + 5, f"{tick:g}", "mt")
    text((x0 + x1) / 2, y1 + 24, "seconds of training", "mt")
    text(x0, y0 - 30, title, "lt")
    for number, curve in enumerate(curves):
        name, color = _NAMES[number]
        line([(x(second), y(value)) for second, value in curve], color, 2)
        text(x1, y0 - 32 + 15 * number, name, "rt", color)
