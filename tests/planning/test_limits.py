"""Memory and disk by arithmetic, held to what is measured; what no machine can hold is refused."""

import dataclasses
import os
import subprocess
import sys

import pytest

from pgan_tf.config.networks import parameters
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


def with_network(**changes):
    return dataclasses.replace(CONFIG, network=dataclasses.replace(CONFIG.network, **changes))


def with_schedule(**changes):
    return dataclasses.replace(CONFIG, schedule=dataclasses.replace(SCHEDULE, **changes))


def test_the_papers_networks_have_23_million_parameters_each():
    config = TrainingConfig()  # table 2, 1024 px
    counts = parameters(make_stages(config.schedule)[-1], config.network)
    assert [round(count / 1e6, 1) for count in counts] == [23.1, 23.1]


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


def test_winograds_algorithm_is_counted_where_it_is_used():
    few, many = (
        dataclasses.replace(CONFIG, network=NetworkConfig(resolution=8, fmap_base=2048, fmap_max=n))
        for n in (127, 128)
    )
    assert memory_bytes(STAGES[0], few, 1, winograd=True) == memory_bytes(STAGES[0], few, 1)
    added = memory_bytes(STAGES[0], many, 1, winograd=True) - memory_bytes(STAGES[0], many, 1)
    # At 4x4 pixels one kernel of D (of 129 maps, one of them the standard deviation) and one of G,
    # at 16 points, twice; 4 tiles, at 16 points, of 16 pictures, on two ways.
    assert added == 4 * (2 * 16 * (129 + 128) * 128 + 2 * 16 * 4 * 16 * 129)


@pytest.mark.parametrize(
    "changes", [{"discriminator_noise": 0.2}, {"discriminator_layer_norm": True}]
)
def test_noise_in_the_scores_and_layer_norms_have_no_kernels_at_points(changes):
    config = with_network(**changes)
    added = memory_bytes(STAGES[-1], CONFIG, 1, True) - memory_bytes(STAGES[-1], CONFIG, 1)
    plain = memory_bytes(STAGES[-1], config, 1)
    assert memory_bytes(STAGES[-1], config, 1, winograd=True) == plain + added


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(32, 64, 1024, 64), (32, 16, 4096, 128)])
def test_memory_is_as_measured(shape):
    """Enough for operations one after the other, and not much more."""
    command = [sys.executable, "-m", "tests.helpers.peak_memory", *map(str, shape), "1"]
    result = subprocess.run(command, capture_output=True, timeout=200, check=True, cwd=ROOT)
    measured = int(result.stdout.split()[-2])
    config = peak_memory.make_config(*shape)
    estimate = memory_bytes(make_stages(config.schedule)[-1], config, 1, winograd=True)
    # With one thread, too, TensorFlow has two orders to take, one of which needs less.
    assert 1.0 < estimate / measured < 1.45


# What is refused


def config(batch_size="16", total_kimg=15000.0, tick_kimg="1", **network):
    schedule = ScheduleConfig(
        resolution=64,
        total_kimg=total_kimg,
        batch_size=PerResolution.parse(batch_size, ""),
        tick_kimg=PerResolution.parse(tick_kimg, ""),
    )
    return TrainingConfig(network=NetworkConfig(resolution=64, **network), schedule=schedule)


def test_what_fits_or_is_not_reached_or_not_known_is_let_through():
    for num_replicas in (1, 2, 4):
        stages = make_stages(config().schedule)
        most = max(memory_bytes(stage, config(), num_replicas) for stage in stages)
        check_memory(config(), num_replicas, most)
        check_memory(config(), num_replicas, most // 2 + 1)  # estimates may be as much too large
        with pytest.raises(UserError):
            check_memory(config(), num_replicas, most // 2 - 1)
    check_memory(config(batch_size="4:16,64:100000", total_kimg=600), 1, 64 * GIB)
    check_memory(config(batch_size="1000000"), 1, None)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": "4:16,64:100000"}, r"^--batch_size: .* got 100000 at 64 px"),
        ({"latent_size": 2**20}, r"^--latent_size, --fmap_max, --fmap_base: "),
        ({"fmap_base": 10**6, "fmap_max": 65536}, r"^--latent_size, --fmap_max, --fmap_base: "),
    ],
)
def test_what_cannot_fit_names_the_flag_that_is_to_blame(settings, message):
    with pytest.raises(UserError, match=message):
        check_memory(config(**settings), 1, 64 * GIB if "batch_size" in settings else 8 * GIB)


def test_a_run_of_millions_of_reports_is_refused():
    often = {"tick_kimg": "0.001"}  # a call shows 16 images: 940,000 reports
    check_ticks(dataclasses.replace(config(**often), minibatch_repeats=1))
    check_ticks(config(total_kimg=10**5))
    with pytest.raises(UserError, match=r"^--tick_kimg, --total_kimg: .* got 6,250,0\d\d"):
        check_ticks(dataclasses.replace(config(total_kimg=10**5, **often), minibatch_repeats=1))


def test_a_container_and_ulimit_leave_less_memory_than_the_machine_has(tmp_path, monkeypatch):
    whole = limits.physical_memory()
    assert whole is None or whole > 2**28
    (tmp_path / "memory.max").write_text("123456\n")
    monkeypatch.setattr(limits, "_CONTAINER_LIMITS", (str(tmp_path / "memory.max"), "/none"))
    assert limits.physical_memory() == 123456
    (tmp_path / "memory.max").write_text("max\n")
    assert limits.physical_memory() == whole
    monkeypatch.setattr("resource.getrlimit", lambda _: (2**20, -1))
    assert limits.physical_memory() == 2**20
