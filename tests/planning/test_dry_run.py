"""What a run will take: the table of stages, and where its times come from."""

import dataclasses
import re

import pytest

from pgan_tf.config.networks import multiplications
from pgan_tf.config.per_resolution import PerResolution
from pgan_tf.config.schedule import make_stages
from pgan_tf.config.training import NetworkConfig, ScheduleConfig, TrainingConfig
from pgan_tf.planning import dry_run
from pgan_tf.planning.dry_run import describe, describe_run, time_stages

BATCHES = PerResolution(((4, 16), (16, 8)))
CONFIG = TrainingConfig(
    network=NetworkConfig(resolution=16, fmap_base=64, fmap_max=8, latent_size=8),
    schedule=ScheduleConfig(
        resolution=16, stabilize_kimg=1, fade_in_kimg=2, total_kimg=10, batch_size=BATCHES
    ),
)
STAGES = make_stages(CONFIG.schedule)


def with_schedule(**changes):
    return dataclasses.replace(CONFIG, schedule=dataclasses.replace(CONFIG.schedule, **changes))


class Clock:
    """Time passes when something is measured."""

    def __init__(self, seconds_each):
        self.now, self.seconds_each = 0.0, seconds_each

    def __call__(self):
        return self.now

    def measure(self, stage):
        self.now += self.seconds_each
        return stage.resolution / 1000


@pytest.mark.parametrize(
    ("seconds_each", "budget", "measured"),
    # The next stage is expected to take as long as the last, or longer by its arithmetic.
    [(1.0, 60, 5), (10.0, 10_000, 5), (20.0, 50, 1), (100.0, 50, 1)],
)
def test_stages_are_measured_or_follow_from_the_arithmetic(seconds_each, budget, measured):
    clock = Clock(seconds_each)
    times = time_stages(CONFIG, clock.measure, budget, clock)
    assert list(times) == list(STAGES)
    assert [one.measured for one in times.values()] == [i < measured for i in range(5)]
    # 0 to 1000 inclusive, 1999 of the fade-in, and so on; the last one takes what is left.
    assert [one.images for one in times.values()] == [1001, 1999, 1001, 1999, 4000]
    for index, (stage, one) in enumerate(times.items()):
        last = STAGES[min(index, measured - 1)]
        work = multiplications(stage, CONFIG.network) / multiplications(last, CONFIG.network)
        assert one.seconds == pytest.approx(one.images * last.resolution / 1000 * work)
    text = describe(CONFIG, times, 1, 3)
    assert text.count("~") == (6 - measured if measured < 5 else 0)  # stages, and what it means


def test_only_the_stages_that_a_run_reaches_are_measured():
    short = time_stages(with_schedule(total_kimg=2.5), Clock(0.0).measure, 1, Clock(0.0))
    assert [one.images for one in short.values()] == [1001, 1499]


def test_the_table_says_all_that_was_promised(one_device, monkeypatch):
    monkeypatch.setattr(dry_run, "measure_step", lambda *_: 0.001)
    text = describe_run(with_schedule(total_kimg=2, rampup_kimg=1), one_device, 3)
    head, first, second, *rest = text.splitlines()
    assert "memory per device" in head and head.endswith("time")
    counts = r"1 +4 px +stabilize +1,001 +16 +0.001, 0.001 +[\d,]+, [\d,]+ +[\d.]+ KiB"
    assert re.search(counts, first)
    assert re.search(r"2 +4→8 px +fade_in +999 +16 ", second)
    assert "Too short for 16 px: 2 kimg end in stage 2 of 5 (4→8 px" in text
    assert re.match(r"Training 2 thousand images takes about 0:02, by iterations meas", rest[0])
    assert re.search(r"Disk: [\d.]+ [KM]iB of checkpoints, up to [\d.]+ [KM]iB of samples", rest[2])
