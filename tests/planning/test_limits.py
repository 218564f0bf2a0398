"""Memory and disk by arithmetic, held to what is measured; what no machine can hold is refused."""

import dataclasses
import os
import subprocess
import sys

import pytest

from pgan_tf.config.per_resolution import PerResolution
from pgan_tf.config.schedule import make_stages
from pgan_tf.config.training import NetworkConfig, ScheduleConfig, TrainingConfig
from pgan_tf.devices.memory import memory_bytes
from pgan_tf.planning import limits
from pgan_tf.planning.limits import check_memory, check_ticks, checkpoint_bytes, disk_bytes
from pgan_tf.runs import checkpoint
from pgan_tf.training.state import build_state
from tests.helpers import peak_memory
from tests.helpers.places import ROOT
from tfrecords.common.errors import UserError

GIB = 2**30
TICKS = PerResolution(((4, 0.5),))
SCHEDULE = ScheduleConfig(
    resolution=8, stabilize_kimg=1, fade_in_kimg=1, total_kimg=4, tick_kimg=TICKS
)
CONFIG = TrainingConfig(
    network=NetworkConfig(resolution=8, fmap_base=128, fmap_max=32, latent_size=16, label_size=3),
    schedule=SCHEDULE,
    minibatch_repeats=1,
)
STAGES = make_stages(SCHEDULE)


def with_schedule(**changes):
    return dataclasses.replace(CONFIG, schedule=dataclasses.replace(SCHEDULE, **changes))


@pytest.mark.parametrize("stage", [STAGES[0], STAGES[1]], ids=str)
def test_a_checkpoint_has_the_size_foretold(stage, one_device, tmp_path):
    state = build_state(stage, CONFIG, one_device)
    path = checkpoint.save(str(tmp_path), stage, state.variables(), 0, CONFIG)
    assert checkpoint_bytes(stage, CONFIG) == pytest.approx(os.path.getsize(path), rel=0.05)


def test_disk_counts_the_checkpoints_that_stay():
    """One a stage, two more of the last one's, and one that is being written."""
    sizes = [checkpoint_bytes(stage, CONFIG) for stage in STAGES]
    checkpoints, samples = disk_bytes(CONFIG, keep_checkpoints=3, sheet_pixels=1000)
    assert checkpoints == sum(sizes) + 2 * sizes[-1] + max(sizes)
    # The reals, and 2 ticks in each of the first two stages and 4 in the last.
    assert samples == 2 * (1 + 2 + 2 + 4) * 1000 * 3
    assert disk_bytes(with_schedule(total_kimg=0.5), 1, 1000)[0] == 2 * sizes[0]


# Memory


def test_memory_grows_with_the_batch_on_a_device():
    twice = with_schedule(batch_size=PerResolution(((4, 32),)))
    one, two = (memory_bytes(STAGES[-1], config, 1) for config in (CONFIG, twice))
    assert one < two < 2 * one
    assert memory_bytes(STAGES[-1], twice, 2) == one
    parts = with_schedule(micro_batch=PerResolution(((4, 4),)))
    assert memory_bytes(STAGES[-1], parts, 1) < 0.7 * one


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(32, 64, 1024, 64), (32, 16, 4096, 128), (64, 16, 1024, 64, 4)])
def test_memory_is_as_measured(shape):
    """Enough for operations one after the other, and not much more."""
    numbers = (*shape[:4], 1, *shape[4:])
    command = [sys.executable, "-m", "tests.helpers.peak_memory", *map(str, numbers)]
    result = subprocess.run(command, capture_output=True, timeout=200, check=True, cwd=ROOT)
    measured = int(result.stdout.split()[-2])
    config = peak_memory.make_config(*shape)
    estimate = memory_bytes(make_stages(config.schedule)[-1], config, 1, winograd=True)
    # With one thread, too, TensorFlow has two orders to take, one of which needs less.
    assert 1.0 < estimate / measured < (1.8 if shape[4:] else 1.45)


# What is refused


def config(batch_size="16", total_kimg=15000.0, tick_kimg="1", repeats=4, **network):
    schedule = ScheduleConfig(
        resolution=64,
        total_kimg=total_kimg,
        batch_size=PerResolution.parse(batch_size, ""),
        tick_kimg=PerResolution.parse(tick_kimg, ""),
    )
    network = NetworkConfig(resolution=64, **network)
    return TrainingConfig(network=network, schedule=schedule, minibatch_repeats=repeats)


@pytest.mark.parametrize("num_replicas", [1, 4])
def test_what_surely_does_not_fit_is_refused(num_replicas):
    stages = make_stages(config().schedule)
    most = max(memory_bytes(stage, config(), num_replicas) for stage in stages)
    check_memory(config(), num_replicas, most // 2 + 1)  # estimates may be as much too large
    with pytest.raises(UserError):
        check_memory(config(), num_replicas, most // 2 - 1)


def test_what_is_not_reached_or_not_known_is_let_through():
    check_memory(config(batch_size="4:16,64:100000", total_kimg=600), 1, 64 * GIB)
    check_memory(config(batch_size="1000000"), 1, None)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": "4:16,64:100000"}, r"^--batch_size, --micro_batch: .* got 100000 at 64 px"),
        ({"latent_size": 2**20}, r"^--latent_size, --fmap_max, --fmap_base: "),
    ],
)
def test_what_cannot_fit_names_the_flag_that_is_to_blame(settings, message):
    with pytest.raises(UserError, match=message):
        check_memory(config(**settings), 1, 64 * GIB if "batch_size" in settings else 8 * GIB)


def test_a_run_of_millions_of_reports_is_refused():
    often = {"tick_kimg": "0.001", "repeats": 1}  # a call shows 16 images: 940,000 reports
    check_ticks(config(**often))
    check_ticks(config(total_kimg=10**5))
    with pytest.raises(UserError, match=r"^--tick_kimg, --total_kimg: .* got 6,250,0\d\d"):
        check_ticks(config(total_kimg=10**5, **often))


def test_a_container_and_ulimit_leave_less_memory_than_the_machine_has(tmp_path, monkeypatch):
    whole = limits.physical_memory()
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(limits, "_CONTAINER_LIMITS", (str(limit), "/none"))
    for text, expected in (("123456\n", 123456), ("max\n", whole)):
        limit.write_text(text)
        assert limits.physical_memory() == expected
    monkeypatch.setattr("resource.getrlimit", lambda _: (2**20, -1))
    assert limits.physical_memory() == 2**20
