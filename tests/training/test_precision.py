"""Each precision trains the built-in shapes, through growth, to what float32 reaches."""

import pytest

from pgan_tf.config.per_resolution import PerResolution
from pgan_tf.config.training import PRECISIONS, NetworkConfig, ScheduleConfig, TrainingConfig
from pgan_tf.runs.folder import open_run
from pgan_tf.training.loop import train
from pgan_tf.training.run import Run
from tests.helpers.built_dataset import prepare_shapes
from tests.helpers.small_run import rows_of


def ticks_of_run(precision, info, folder, strategy):
    config = TrainingConfig(
        dataset="shapes",
        network=NetworkConfig(resolution=8, fmap_base=64, fmap_max=16, latent_size=16),
        schedule=ScheduleConfig(
            resolution=8,
            stabilize_kimg=0.4,
            fade_in_kimg=1.6,
            total_kimg=1.6,
            batch_size=PerResolution(((4, 8),)),
            tick_kimg=PerResolution(((4, 0.4),)),
        ),
        precision=precision,
        seed=1,
    )
    open_run(str(folder), config, "")
    train(Run(config, info, str(folder), strategy))
    return rows_of(folder)


@pytest.mark.slow
def test_each_precision_trains_shapes_to_similar_losses(tmp_path, one_device):
    """Tick by tick through two stages, in which float32's loss falls."""
    info = prepare_shapes(tmp_path / "cache", 8)
    full, *halves = (ticks_of_run(one, info, tmp_path / one, one_device) for one in PRECISIONS)
    assert full[0]["discriminator_loss"] - full[-1]["discriminator_loss"] > 1
    # Measured: within 0.01, 0.002 and 0.006.
    bounds = {"discriminator_loss": 0.05, "gradient_norm": 0.01, "generator_loss": 0.03}
    for precision, half in zip(PRECISIONS[1:], halves, strict=True):
        for tick, other in zip(full, half, strict=True):
            assert other["skipped_iterations"] == 0, precision
            for name, off in bounds.items():
                assert other[name] == pytest.approx(tick[name], abs=off), (precision, tick["kimg"])
    assert {"generator_loss_scale", "discriminator_loss_scale"} <= half[-1].keys()
