"""What a run will take: the table of stages."""

import re

import pytest

from pgan_tf.config.per_resolution import PerResolution
from pgan_tf.config.training import NetworkConfig, ScheduleConfig, TrainingConfig
from pgan_tf.planning.dry_run import describe_run
from pgan_tf.planning.estimate import Device

CONFIG = TrainingConfig(
    network=NetworkConfig(resolution=16, fmap_base=64, fmap_max=8, latent_size=8),
    schedule=ScheduleConfig(
        resolution=16,
        stabilize_kimg=1,
        fade_in_kimg=2,
        total_kimg=2,
        rampup_kimg=1,
        batch_size=PerResolution(((4, 16), (16, 8))),
    ),
)


@pytest.mark.parametrize(
    ("device", "how"), [(Device(50.0), "now (50 GFLOP/s)"), (Device(is_gpu=True), "H200")]
)
def test_the_table_says_all_that_was_promised(device, how):
    head, first, second, *rest = describe_run(CONFIG, 1, device, 3).splitlines()
    for word in ("pictures", "phase", "images", "batch", "learning rates", "parameters"):
        assert word in head
    assert "memory per device" in head
    assert head.endswith("time")
    row = r"1 +4 px +stabilize +1,001 +16 +0.001, 0.001 +[\d,]+, [\d,]+ +[\d.]+ KiB +\d+:\d\d$"
    assert re.search(row, first)
    assert re.search(r"2 +4→8 px +fade_in +999 +16 ", second)
    total, _, disk, short = rest
    assert re.match(r"Training 2 thousand images takes about \d+:\d\d: by arith", total)
    assert how in total
    assert re.search(r"Disk: [\d.]+ [KM]iB of checkpoints, up to [\d.]+ [KM]iB of samples", disk)
    assert "Too short for 16 px: 2 kimg end in stage 2 of 5 (4→8 px" in short
