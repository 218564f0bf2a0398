"""Each precision trains the built-in shapes, through growth, to what float32 reaches."""

import json

import pytest

from pgan_tf.config.per_resolution import PerResolution
from pgan_tf.config.training import PRECISIONS, NetworkConfig, ScheduleConfig, TrainingConfig
from pgan_tf.metrics.by_name import make_metrics
from pgan_tf.metrics.evaluation import Evaluation, RealPictures, read_generated
from pgan_tf.runs import checkpoint
from pgan_tf.runs.folder import open_run
from pgan_tf.training.loop import train
from pgan_tf.training.run import Run
from tests.helpers.tests_data import prepare_shapes


def ticks_of_run(precision, info, folder, strategy):
    config = TrainingConfig(
        dataset="shapes",
        network=NetworkConfig(resolution=16, fmap_base=64, fmap_max=16, latent_size=16),
        schedule=ScheduleConfig(
            resolution=16,
            initial_resolution=8,
            stabilize_kimg=0.4,
            fade_in_kimg=0.4,
            total_kimg=1.6,
            batch_size=PerResolution(((4, 8),)),
            tick_kimg=PerResolution(((4, 0.4),)),
        ),
        precision=precision,
        seed=1,
    )
    open_run(str(folder), config, "")
    train(Run(config, info, str(folder), strategy))
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.slow
def test_each_precision_trains_shapes_to_similar_losses_and_distances(tmp_path, one_device):
    """Tick by tick through three stages, in which float32's loss falls."""
    info = prepare_shapes(tmp_path / "cache", 16)
    full, *halves = (ticks_of_run(one, info, tmp_path / one, one_device) for one in PRECISIONS)
    print([row["discriminator_loss"] for row in full])
    assert full[0]["discriminator_loss"] - full[-1]["discriminator_loss"] > 3
    bounds = {"discriminator_loss": 0.3, "gradient_norm": 0.05, "generator_loss": 0.3}
    for precision, half in zip(PRECISIONS[1:], halves, strict=True):
        for tick, other in zip(full, half, strict=True):
            assert other["skipped_iterations"] == 0, precision
            for name, off in bounds.items():
                assert other[name] == pytest.approx(tick[name], abs=off), (precision, tick["kimg"])
    # So early the distance has fallen by a few percent only; of a generator that has gone astray it
    # would be far off.
    reals = RealPictures(info, 16, 512, seed=0)
    evaluation = Evaluation(make_metrics(("swd",), reals), reals)
    paths = [checkpoint.latest(str(tmp_path / one / "checkpoints")) for one in PRECISIONS]
    expected, *distances = (
        evaluation.score(read_generated(path, "generator"))[0].value for path in paths
    )
    assert distances == pytest.approx([expected] * 2, rel=0.05)
    assert {"generator_loss_scale", "discriminator_loss_scale"} <= half[-1].keys()
