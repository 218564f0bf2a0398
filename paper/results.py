"""Results of the experiments: a JSON file, tables and a chart. No TensorFlow."""

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
# Charts are drawn larger and reduced, since Pillow's lines have hard edges.
_SCALE = 2
_NAMES = (("growing", "#1f5fbf"), ("not growing", "#c0392b"))
Curve = Sequence[tuple[float, float]]  # (seconds, value)


@dataclasses.dataclass(frozen=True)
class Result:
    """The measured result of an experiment."""

    command: str  # the command that was run, from the project's folder
    scale: str  # resolution, feature maps, images and data, in words
    cores: int
    seconds: float  # training time
    figures: Mapping[str, float]  # measured values by name
    # The same figures for real pictures instead of generated ones, if known.
    reals: Mapping[str, float] = dataclasses.field(default_factory=dict)
    # For experiments with a curve: (kimg, seconds, SWD) of each checkpoint.
    curve: Sequence[Sequence[float]] = dataclasses.field(default_factory=list)
    # The same figures for other seeds, by seed.
    other_seeds: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)

    @property
    def details(self) -> str:
        """How the result was measured, in words."""
        return f"{self.scale}; {self.seconds:.0f} s on {counted(self.cores, 'core')}"

    def figures_text(self, separator: str) -> str:
        """Returns the figures, with those of other seeds and of real pictures."""
        texts = []
        for name, value in self.figures.items():
            others = [f"{each[name]:.4g}" for each in self.other_seeds.values() if name in each]
            beside = [f"other seeds {', '.join(others)}"] if others else []
            if name in self.reals:
                beside.append(f"reals {self.reals[name]:.4g}")
            texts.append(f"{name} {value:.4g}" + (f" ({'; '.join(beside)})" if beside else ""))
        return separator.join(texts)


Results = Mapping[str, Result]  # by the experiment's name


def read_results(path: str) -> dict[str, Result]:
    """Reads the file of `write_results`, empty if missing. UserError if damaged."""
    if not os.path.exists(path):
        return {}
    try:
        with open(path, encoding="utf-8") as file:
            return {name: Result(**values) for name, values in json.load(file).items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: expected results of experiments: {error}") from None


def write_results(path: str, results: Results) -> None:
    """Writes the file atomically, in the order of the paper."""
    order = [one.name for one in EXPERIMENTS if one.name in results]
    values = {name: dataclasses.asdict(results[name]) for name in order}
    write_file(path, (json.dumps(values, indent=1, ensure_ascii=False) + "\n").encode())


def add_seed(first: Result | None, seed: int, found: Result) -> Result:
    """Adds figures of another seed. UserError unless `first` exists and has the same scale."""
    got = first.scale if first else "nothing"
    if first is None or got != found.scale:
        message = f"expected it measured without --seed at the same scale, {found.scale}, got {got}"
        raise UserError(f"--seed: {message}: run it so first")
    others = {**first.other_seeds, str(seed): dict(found.figures)}
    return dataclasses.replace(first, other_seeds=others)


def with_speedup(results: Results) -> dict[str, Result]:
    """Adds the speedup from growing if both forms were measured under the same conditions."""
    growing, whole = results.get("growth_on"), results.get("growth_off")
    if not growing or not whole or (growing.scale, growing.cores) != (whole.scale, whole.cores):
        return dict(results)
    figures = {**growing.figures, "speedup from growing": whole.seconds / growing.seconds}
    return {**results, "growth_on": dataclasses.replace(growing, figures=figures)}


def describe(experiments: Iterable[Experiment], results: Results) -> str:
    """Returns text that lists experiments with commands, published and measured figures."""
    blocks = []
    for one in experiments:
        published = ", ".join(f"{name} {value}" for name, value in one.published)
        published = f"{published} ({one.source})" if published else "pictures only"
        other = f"  or         --data={one.other_data}\n" if one.other_data else ""
        measured = f"not yet: python -m paper --run={one.name}"
        if found := results.get(one.name):
            measured = f"{found.figures_text(', ')} ({found.details})"
        blocks.append(
            f"{one.name}: {one.title} ({one.where})\n"
            f"  command    {one.command}\n{other}"
            f"  published  {published}\n"
            f"  measured   {measured}"
        )
    return "\n\n".join(blocks)


def to_markdown(experiments: Iterable[Experiment], results: Results) -> str:
    """Returns a Markdown table of published and measured figures."""
    rows = ["| experiment | where | published | measured here | scale |", "|---|---|---|---|---|"]
    for one in experiments:
        published = "<br>".join(f"{name} {value}" for name, value in one.published) or "pictures"
        found = results.get(one.name)
        here = f"{found.figures_text('<br>')} | {found.details}" if found else "not measured | "
        rows.append(f"| `{one.name}` {one.title} | {one.where} | {published} | {here} |")
    return "\n".join(rows)


def replace_table(text: str, table: str) -> str:
    """Replaces the table between two marks in a page. Raises UserError if they are missing."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise UserError(f"expected the lines {BEGIN} and {END} in the page: put them back")
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


def write_growth_chart(path: str, growing: Result, whole: Result) -> None:
    """Writes a PNG with two panels: images shown, and SWD, against seconds of training."""
    both = [[(second, kimg, swd) for kimg, second, swd in one.curve] for one in (growing, whole)]
    # ASCII only, as in all pictures, since Pillow's font lacks "³" and "→".
    shown = [[(0.0, 0.0), *((second, kimg) for second, kimg, _ in curve)] for curve in both]
    swd = [[(second, swd) for second, _, swd in curve] for curve in both]
    image = Image.new("RGB", (2 * _WIDTH * _SCALE, _HEIGHT * _SCALE), "white")
    _draw_panel(ImageDraw.Draw(image), "thousands of images shown", shown, 0)
    _draw_panel(ImageDraw.Draw(image), "SWD x 1000", swd, _WIDTH)
    file = io.BytesIO()
    image.resize((2 * _WIDTH, _HEIGHT), Image.Resampling.BOX).save(file, "PNG", optimize=True)
    write_file(path, file.getvalue())


def _draw_panel(draw: ImageDraw.ImageDraw, title: str, curves: Sequence[Curve], start: int) -> None:
    points = [point for curve in curves for point in curve]
    across = round_ticks(0.0, max(second for second, _ in points))
    up = round_ticks(0.0, max(value for _, value in points))
    x0, x1 = start + _LEFT, start + _WIDTH - _RIGHT
    y0, y1 = _TOP, _HEIGHT - _BOTTOM

    def x(second: float) -> float:
        return x0 + (x1 - x0) * second / across[-1]

    def y(value: float) -> float:
        return y1 - (y1 - y0) * value / up[-1]

    def text(left: float, top: float, words: str, anchor: str, color: str = "#222222") -> None:
        font = ImageFont.load_default(12 * _SCALE)
        draw.text((left * _SCALE, top * _SCALE), words, color, font, anchor)

    def line(ends: Curve, color: str, width: int) -> None:
        scaled = [(left * _SCALE, top * _SCALE) for left, top in ends]
        draw.line(scaled, fill=color, width=width * _SCALE, joint="curve")

    for tick in up:
        line([(x0, y(tick)), (x1, y(tick))], "#d0d4da", 1)
        text(x0 - 6, y(tick), f"{tick:g}", "rm")
    for tick in across:
        text(x(tick), y1 + 5, f"{tick:g}", "mt")
    text((x0 + x1) / 2, y1 + 24, "seconds of training", "mt")
    text(x0, y0 - 30, title, "lt")
    for number, (curve, (name, color)) in enumerate(zip(curves, _NAMES, strict=True)):
        line([(x(second), y(value)) for second, value in curve], color, 2)
        text(x1, y0 - 32 + 15 * number, name, "rt", color)
