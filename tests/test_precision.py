"""Each precision trains the built-in shapes, through growth, to what float32 reaches."""

import json

from pgan_tf import run_folder
from pgan_tf.config import NetworkConfig, ScheduleConfig, TrainingConfig
from pgan_tf.per_resolution import PerResolution
from pgan_tf.training_loop import train

TOTAL_KIMG, TICK_KIMG = 3.6, 0.6


def run_at(precision, seed, info, folder, strategy):
    """The last tick's metrics, and the sum of all ticks' skipped iterations."""
    config = TrainingConfig(
        dataset="shapes",
        network=NetworkConfig(resolution=16, fmap_base=64, fmap_max=16, latent_size=16),
        schedule=ScheduleConfig(
            resolution=16,
            stabilize_kimg=0.4,
            fade_in_kimg=0.4,
            total_kimg=TOTAL_KIMG,
            batch_size=PerResolution(((4, 8),)),
            generator_learning_rate=PerResolution(((4, 0.001),)),
            discriminator_learning_rate=PerResolution(((4, 0.001),)),
            tick_kimg=PerResolution(((4, TICK_KIMG),)),
        ),
        precision=precision,
        seed=seed,
    )
    run_folder.open_run(str(folder), config, "")
    train(config, info, str(folder), strategy)
    ticks = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return ticks[-1], sum(tick["skipped_iterations"] for tick in ticks)
