"""A run folder as train.py leaves it, without the training."""

import json

import numpy as np
import tensorflow as tf

from pgan_tf.config.schedule import make_stages
from pgan_tf.config.training import NetworkConfig, ScheduleConfig, TrainingConfig
from pgan_tf.runs import checkpoint
from pgan_tf.runs.folder import open_run
from pgan_tf.runs.log import METRICS, RunLog
from pgan_tf.training.state import build_state


def save_state(folder, state, *args, **options):
    """Saves all that a state holds; see `checkpoint.save`."""
    return checkpoint.save(folder, state.stage, state.variables(), *args, **options)


def rows_of(folder):
    """The lines of a run's metrics.jsonl, without times."""
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    times = ("seconds", "images_per_second")
    return [{name: row[name] for name in row if name not in times} for row in rows]


def make_small_run(run_dir, label_names=("cat", "dog")):
    """Makes a run of a few classes with checkpoints at 4 px and, later, at 8 px."""
    sizes = {"latent_size": 6, "label_size": len(label_names)}
    config = TrainingConfig(
        network=NetworkConfig(resolution=8, fmap_base=64, fmap_max=8, **sizes),
        schedule=ScheduleConfig(
            resolution=8, stabilize_kimg=0.008, fade_in_kimg=0.008, total_kimg=0.032
        ),
        dataset="made up & <b>small</b>",
        label_names=label_names,
    )
    open_run(run_dir, config, "")
    stages = make_stages(config.schedule)
    for stage, images_shown in ((stages[0], 8), (stages[-1], 32)):
        state = build_state(stage, config, tf.distribute.get_strategy())
        for variable in state.generator.trainable_variables:
            variable.assign(variable + 0.3)
        save_state(f"{run_dir}/checkpoints", state, images_shown, config)
        log = RunLog(run_dir, images_shown - 1)
        log.write_metrics(
            {
                "images_shown": images_shown,
                "kimg": images_shown / 1000,
                "alpha": 1.0,
                "stage": stage.index,
                "resolution": stage.resolution,
                "phase": stage.phase,
                **{name: float(images_shown * i) for i, name in enumerate(METRICS[:4])},
                "gradient_norm": 1.0,
                "images_per_second": 7.0,
                "seconds": 9.0,
            }
        )
        log.write_fakes(images_shown, np.full((16, 32, 3), images_shown, np.uint8))
    log.write_reals(np.full((16, 32, 3), 99, np.uint8))
