"""What has been measured of the experiments: a JSON file, and tables of it. No TensorFlow."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from paper.experiments import EXPERIMENTS, Experiment
from tfrecords.common.errors import UserError
from tfrecords.common.files import write_file
from tfrecords.common.in_words import counted

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


@dataclasses.dataclass(frozen=True)
class Measured:
    """What an experiment came to here.

    Attributes:
        command: what was run, from the project's folder.
        scale: resolution, feature maps, images and data, in words.
        cores: processor cores that it had.
        seconds: of training.
        figures: name and value.
        reals: the same figures of real pictures in place of generated ones, where known.
        curve: of experiments against time: (kimg, seconds, SWD) of each checkpoint.
        other_seeds: the same figures of the same training with other seeds, by seed.
    """

    command: str
    scale: str
    cores: int
    seconds: float
    figures: Mapping[str, float]
    reals: Mapping[str, float] = dataclasses.field(default_factory=dict)
    curve: Sequence[tuple[float, float, float]] = ()
    other_seeds: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)


def read_measured(path: str) -> dict[str, Measured]:
    """Reads what `write_measured` wrote, by the experiment's name; nothing if it is not there.

    Raises:
        UserError: the file is damaged.
    """
    if not os.path.exists(path):
        return {}
    try:
        with open(path, encoding="utf-8") as file:
            return {name: _from_json(values) for name, values in json.load(file).items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: expected measured experiments: {error}") from None


def write_measured(path: str, measured: Mapping[str, Measured]) -> None:
    """Writes the file, whole or not at all, in the order of the paper."""
    order = [one.name for one in EXPERIMENTS if one.name in measured]
    values = {name: dataclasses.asdict(measured[name]) for name in order}
    _write(path, json.dumps(values, indent=1, ensure_ascii=False) + "\n")


def add_seed(first: Measured | None, seed: int, found: Measured) -> Measured:
    """Puts the figures of another seed beside those of the first.

    Raises:
        UserError: the first has not been measured, or at another scale.
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
    speedup = {"times as fast as without": whole.seconds / growing.seconds}
    return dict(measured) | {
        "growth_on": dataclasses.replace(growing, figures={**growing.figures, **speedup})
    }


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
    rows = [
        "| experiment | where | published | measured here | scale |",
        "|---|---|---|---|---|",
    ]
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
    """Returns a page with another table between the two marks.

    Raises:
        UserError: the marks are missing.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise UserError(f"expected the lines {BEGIN} and {END} in the page: put them back")
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


def update_page(path: str, measured: Mapping[str, Measured]) -> None:
    """Puts the table of all experiments into a page."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    _write(path, replace_table(text, to_markdown(EXPERIMENTS, measured)))


def _from_json(values: dict[str, Any]) -> Measured:
    curve = tuple(tuple(point) for point in values.pop("curve", ()))
    return Measured(**values, curve=curve)


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


def _write(path: str, text: str) -> None:
    write_file(path, text.encode())
