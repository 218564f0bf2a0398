"""What a run takes besides its compiled steps: to begin, to grow, and for the loop around them.

    python benchmarks/loop.py [--fmap_base=2048] [--resolution=64] [--calls=40]

- Begin: a process of `train.py` from nothing to the end of its first call of the step, 4 iterations
  at 4x4 pixels with their sheets and checkpoint, the built-in shapes already converted.
- Grow: for each stage, building the networks, carrying the weights, tracing, compiling and the
  first iteration.
- The loop: images a second that `training_loop.train` writes down for 4x4 pixels, where steps are
  shortest, against the same compiled step called with batches that cost nothing. Both take turns.
"""

import tfrecords.common.tensorflow_setup  # noqa: F401, I001  (first: it sets TensorFlow up)

import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import tensorflow as tf

from pgan_tf.config.per_resolution import PerResolution
from pgan_tf.config.schedule import Stage, make_stages, position_at
from pgan_tf.config.training import NetworkConfig, ScheduleConfig, TrainingConfig
from pgan_tf.devices.strategy import make_strategy
from pgan_tf.planning.measurement import noise_batches
from pgan_tf.runs.folder import open_run
from pgan_tf.training.loop import train
from pgan_tf.training.run import Run
from pgan_tf.training.state import TrainingState, build_state, grow_state
from pgan_tf.training.step import make_train_step
from tfrecords.cache import prepare
from tfrecords.common.bounds import COUNTS, RESOLUTIONS, Bounds
from tfrecords.common.command_line import define_number, run
from tfrecords.pictures.source import PictureOptions

FMAP_BASE = define_number("fmap_base", 2048, "As of train.py.", COUNTS)
RESOLUTION = define_number("resolution", 64, "Of the last stage, in pixels.", RESOLUTIONS)
CALLS = define_number(
    "calls", 40, "Of the step, to time the loop with.", Bounds(2, 10**6, whole=True)
)
ROUNDS = define_number("rounds", 3, "Of the loop and the step by turns.", COUNTS)

BATCH_SIZE = 16
ROOT = pathlib.Path(__file__).parent.parent


def make_config(resolution: int, total_kimg: float) -> TrainingConfig:
    """A run whose one tick is as long as it is."""
    return TrainingConfig(
        network=NetworkConfig(resolution=resolution, fmap_base=FMAP_BASE.value),
        schedule=ScheduleConfig(
            resolution=resolution,
            batch_size=PerResolution(((4, BATCH_SIZE),)),
            tick_kimg=PerResolution(((4, 1e6),)),
            total_kimg=total_kimg,
        ),
    )


def seconds_to_begin(folder: str) -> float:
    """Runs `train.py` for one call of the step; the first time, which converts, does not count."""
    for run_dir in ("first", "second"):
        command = ["--resolution=32", f"--fmap_base={FMAP_BASE.value}", f"--run_dir={run_dir}"]
        begin = time.monotonic()
        subprocess.run(
            [sys.executable, str(ROOT / "train.py"), "--total_kimg=0.064", *command],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=True,
            capture_output=True,
        )
    return time.monotonic() - begin


def call(
    state: TrainingState, stage: Stage, config: TrainingConfig, strategy: tf.distribute.Strategy
) -> tuple:
    """Compiles a stage's step; returns a function that calls it, having called it once."""
    position = position_at(config.schedule, (stage,), stage.first_image)
    step = make_train_step(state, config, strategy, position.batch_size)
    batches = noise_batches(config, stage, strategy)

    def once() -> tf.Tensor:
        return step(
            batches,
            tf.constant(stage.first_image, tf.int64),
            tf.constant(position.alpha, tf.float32),
            tf.constant(position.generator_learning_rate, tf.float32),
            tf.constant(position.discriminator_learning_rate, tf.float32),
        )

    once().numpy()
    return once


def print_growth(strategy: tf.distribute.Strategy) -> None:
    """Grows stage by stage, and prints how long each takes until it has done an iteration."""
    config = make_config(RESOLUTION.value, 12000.0)
    config = dataclasses.replace(config, minibatch_repeats=1)
    state = None
    for stage in make_stages(config.schedule):
        begin = time.monotonic()
        if state is None:
            state = build_state(stage, config, strategy)
        else:
            once = None
            state, _ = grow_state(state, stage, config, strategy)
        once = call(state, stage, config, strategy)
        changed = time.monotonic() - begin
        begin = time.monotonic()
        once().numpy()
        iteration = time.monotonic() - begin
        print(
            f"grow to {stage}: {changed:.1f} s to the end of the first iteration, of which an "
            f"iteration takes {iteration:.2f} s",
            flush=True,
        )


def images_per_second_of_loop(folder: str, strategy: tf.distribute.Strategy) -> float:
    """Trains 4x4 pixels by the loop itself, from files."""
    options = PictureOptions(resolution=32)
    info = prepare("shapes", f"{folder}/datasets", options)
    images = CALLS.value * TrainingConfig().minibatch_repeats * BATCH_SIZE
    config = make_config(32, images / 1000)
    with tempfile.TemporaryDirectory(dir=folder) as run_dir:
        open_run(run_dir, config, "")
        train(Run(config, info, run_dir, strategy))
        line = pathlib.Path(run_dir, "metrics.jsonl").read_text().splitlines()[-1]
    return json.loads(line)["images_per_second"]


def images_per_second_of_step(strategy: tf.distribute.Strategy) -> float:
    """Calls the same step; waits for the last call only."""
    config = make_config(32, 12000.0)
    stage = make_stages(config.schedule)[0]
    once = call(build_state(stage, config, strategy), stage, config, strategy)
    begin = time.monotonic()
    for _ in range(CALLS.value - 1):
        metrics = once()
    metrics.numpy()
    seconds = time.monotonic() - begin
    return (CALLS.value - 1) * config.minibatch_repeats * BATCH_SIZE / seconds


def main() -> None:
    """Prints the three."""
    strategy = make_strategy("one_device")
    with tempfile.TemporaryDirectory() as folder:
        print(f"begin: {seconds_to_begin(folder):.1f} s, a whole process", flush=True)
        print_growth(strategy)
        for _ in range(ROUNDS.value):
            step = images_per_second_of_step(strategy)
            loop = images_per_second_of_loop(folder, strategy)
            print(
                f"4x4 pixels: step {step:.1f} images/s, loop {loop:.1f}: "
                f"{100 * (step / loop - 1):+.1f}%",
                flush=True,
            )


if __name__ == "__main__":
    run(main)
