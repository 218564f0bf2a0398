"""What a run will take: the table of stages, and where its times come from."""

import dataclasses
import re

import pytest

from pgan_tf.config.networks import multiplications
from pgan_tf.config.per_resolution import PerResolution
from pgan_tf.config.schedule import make_stages
from pgan_tf.config.training import NetworkConfig, ScheduleConfig, TrainingConfig
from pgan_tf.planning.dry_run import describe, describe_run, time_stages

CONFIG = TrainingConfig(
    network=NetworkConfig(resolution=16, fmap_base=64, fmap_max=8, latent_size=8),
    schedule=ScheduleConfig(
        resolution=16,
        stabilize_kimg=1,
        fade_in_kimg=2,
        total_kimg=10,
        batch_size=PerResolution(((4, 16), (16, 8))),
    ),
)
STAGES = make_stages(CONFIG.schedule)


class Clock:
    """Time passes when something is measured."""

    def __init__(self, seconds_each):
        self.now, self.seconds_each, self.measured = 0.0, seconds_each, []

    def __call__(self):
        return self.now

    def measure(self, stage):
        self.now += self.seconds_each
        self.measured.append(stage)
        return stage.resolution / 1000


def test_every_stage_is_measured_where_there_is_time():
    clock = Clock(1.0)
    times = time_stages(CONFIG, clock.measure, 60, clock)
    assert clock.measured == list(times) == list(STAGES)
    assert all(taken.measured for taken in times.values())
    # 0 to 1000 inclusive, 1999 of the fade-in, and so on; the last one takes what is left.
    images = [taken.images for taken in times.values()]
    assert images == [1001, 1999, 1001, 1999, 4000]
    assert sum(images) == 10_000
    for stage, taken in times.items():
        assert taken.seconds == pytest.approx(taken.images * stage.resolution / 1000)


def test_what_there_is_no_time_for_follows_from_the_arithmetic():
    clock = Clock(20.0)
    times = time_stages(CONFIG, clock.measure, 50, clock)
    assert [taken.measured for taken in times.values()] == [True, False, False, False, False]
    for stage, taken in times.items():
        work = multiplications(stage, CONFIG.network) / multiplications(STAGES[0], CONFIG.network)
        assert taken.seconds == pytest.approx(taken.images * 0.004 * work)
    text = describe(CONFIG, times, 1, 3)
    assert text.count("~") == 5  # four stages, and what it means
    assert "~: by arithmetic" in text


def test_stages_that_the_run_does_not_reach_are_left_out():
    schedule = dataclasses.replace(CONFIG.schedule, total_kimg=2.5)
    clock = Clock(0.0)
    times = time_stages(dataclasses.replace(CONFIG, schedule=schedule), clock.measure, 1, clock)
    assert [taken.images for taken in times.values()] == [1001, 1499]


def test_the_table_says_all_that_was_promised(one_device):
    config = dataclasses.replace(
        CONFIG, schedule=dataclasses.replace(CONFIG.schedule, total_kimg=2, rampup_kimg=1)
    )
    text = describe_run(config, one_device, 3)
    head, first, second, *rest = text.splitlines()
    for word in ("pictures", "phase", "images", "batch", "learning rates", "parameters"):
        assert word in head
    assert "memory per device" in head
    assert head.endswith("time")
    assert re.search(
        r"1 +4 px +stabilize +1,001 +16 +0.001, 0.001 +[\d,]+, [\d,]+ +[\d.]+ KiB", first
    )
    assert re.search(r"2 +4→8 px +fade_in +999 +16 ", second)
    assert "Too short for 16 px: 2 kimg end in stage 2 of 5 (4→8 px" in text
    assert re.match(r"Training 2 thousand images takes about [\d:]+, by iterations meas", rest[0])
    assert re.search(r"Disk: [\d.]+ [KM]iB of checkpoints, up to [\d.]+ [KM]iB of samples", rest[2])
