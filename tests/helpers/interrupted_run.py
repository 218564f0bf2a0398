"""A small deterministic run that kills itself where it is told to, and is started again.

    python -m tests.helpers.interrupted_run DATA RUN_DIR INIT_FROM eager|compiled WHERE:AT...

Each WHERE:AT is a process, one after another in the same folder, which prints its exit status.
WHERE is `step` (after the first step that ends at or after AT images), `write` (in the middle
of writing the AT-th checkpoint of the process), `rename` (before it gets its name), `log`
(after the AT-th line of metrics.jsonl, before its checkpoint), `score` (after the AT-th
evaluation, before its score is written), `best` (before the AT-th best checkpoint gets its
name), `sigterm` (as `step`, but asking to stop) or `never`. INIT_FROM is another run's folder, to
start with its weights, or empty.
"""

import tfrecords.common.tensorflow_setup  # noqa: F401, I001  (first: it sets TensorFlow up)

import itertools
import os
import signal
import sys

import tensorflow as tf

from pgan_tf.config.per_resolution import PerResolution
from pgan_tf.config.training import NetworkConfig, ScheduleConfig, TrainingConfig
from pgan_tf.devices.strategy import make_strategy
from pgan_tf.metrics.by_name import make_metrics
from pgan_tf.metrics.evaluation import Comparison, Evaluation, RealPictures
from pgan_tf.metrics.in_training import Scorer
from pgan_tf.runs import checkpoint
from pgan_tf.runs.folder import open_run
from pgan_tf.runs.log import RunLog
from pgan_tf.training import loop as training_loop
from pgan_tf.training.pretrained import read_init_from
from pgan_tf.training.run import Run
from pgan_tf.training.tick import Tick
from tfrecords.common.errors import StoppedError
from tfrecords.format.dataset_info import read_dataset_info

CONFIG = TrainingConfig(
    dataset="shapes",
    network=NetworkConfig(resolution=8, fmap_base=64, fmap_max=8, latent_size=8, label_size=6),
    schedule=ScheduleConfig(
        resolution=8,
        stabilize_kimg=0.064,
        fade_in_kimg=0.064,
        total_kimg=0.192,
        batch_size=PerResolution(((4, 8), (8, 4))),
        tick_kimg=PerResolution(((4, 0.032),)),
    ),
    minibatch_repeats=2,
    mirror_augment=True,
)


def end(number=signal.SIGKILL):
    os.kill(os.getpid(), number)


def cut(where, at):
    """Lets this process end there."""
    calls = itertools.count(1)

    def after_a_step(tick, metrics, images, compiled=False):
        original(tick, metrics, images, compiled)
        tick.seen = getattr(tick, "seen", tick.first_image) + images
        if tick.seen >= at:
            end(signal.SIGKILL if where == "step" else signal.SIGTERM)

    def while_writing(path, arrays):
        now = next(calls) == at
        original(path, (end() if now and n == 10 else one for n, one in enumerate(arrays)))

    def before_the_name(source, target):
        file = "/images-" if where == "rename" else "/best-"
        if source.endswith(".npz.partial") and file in source and next(calls) == at:
            end()
        original(source, target)

    def after_a_call(*args, **kwargs):
        result = original(*args, **kwargs)
        if next(calls) == at:
            end()
        return result

    owner, name, replacement = {
        "step": (Tick, "add", after_a_step),
        "sigterm": (Tick, "add", after_a_step),
        "write": (checkpoint, "write_arrays", while_writing),
        "rename": (os, "replace", before_the_name),
        "best": (os, "replace", before_the_name),
        "score": (Evaluation, "score", after_a_call),
        "log": (RunLog, "write_metrics", after_a_call),
    }[where]
    original = getattr(owner, name)
    setattr(owner, name, replacement)


def train(data, run_dir, init_from, compiled):
    tf.config.experimental.enable_op_determinism()
    tf.config.run_functions_eagerly(not compiled)
    open_run(run_dir, CONFIG, "")
    info = read_dataset_info(data)
    reals = RealPictures(info, 8, num_images=36, seed=0)
    metrics = make_metrics(("modes",), reals)
    scorer = Scorer(
        [Comparison(metrics, reals)], run_dir, CONFIG.schedule, every=2, keep_best="modes"
    )
    run = Run(CONFIG, info, run_dir, make_strategy("one_device"), after_checkpoint=scorer)
    try:
        training_loop.train(run, read_init_from(init_from, run_dir))
    except StoppedError as error:
        sys.exit(error.status)


def main(data, run_dir, init_from, mode, *cuts):
    # Forks share what was imported, which takes longer than the run.
    for one in cuts:
        where, _, at = one.partition(":")
        if not os.fork():
            if where != "never":
                cut(where, int(at))
            train(data, run_dir, init_from, mode == "compiled")
            sys.exit()
        print(os.waitstatus_to_exitcode(os.wait()[1]), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
