"""What no machine bears is refused by arithmetic, and what fits is let through."""

import dataclasses

import pytest

from pgan_tf.config.per_resolution import PerResolution
from pgan_tf.config.schedule import make_stages
from pgan_tf.config.training import NetworkConfig, ScheduleConfig, TrainingConfig
from pgan_tf.devices.memory import memory_bytes
from pgan_tf.planning import limits
from pgan_tf.planning.limits import check_memory, check_ticks, physical_memory
from tfrecords.common.errors import UserError

GIB = 2**30


def config(batch_size="16", total_kimg=15000.0, tick_kimg="1", **network):
    schedule = ScheduleConfig(
        resolution=64,
        total_kimg=total_kimg,
        batch_size=PerResolution.parse(batch_size, ""),
        tick_kimg=PerResolution.parse(tick_kimg, ""),
    )
    return TrainingConfig(network=NetworkConfig(resolution=64, **network), schedule=schedule)


def test_the_default_run_fits_where_it_is_estimated_to():
    for num_replicas in (1, 2, 4):
        most = max(
            memory_bytes(stage, config(), num_replicas) for stage in make_stages(config().schedule)
        )
        check_memory(config(), num_replicas, most)


def test_an_unknown_memory_refuses_nothing():
    check_memory(config(batch_size="1000000"), 1, None)


def test_this_machine_tells_its_memory():
    memory = physical_memory()
    assert memory is None or memory > 2**28


def test_a_batch_that_can_not_fit_names_the_batch_size():
    with pytest.raises(UserError, match=r"^--batch_size: .* got 100000 at 64 px"):
        check_memory(config(batch_size="4:16,64:100000"), 1, 64 * GIB)


def test_the_stages_that_a_run_does_not_reach_do_not_count():
    check_memory(config(batch_size="4:16,64:100000", total_kimg=600), 1, 64 * GIB)


@pytest.mark.parametrize(
    "network", [{"latent_size": 2**20}, {"fmap_base": 10**6, "fmap_max": 65536}]
)
def test_networks_that_can_not_fit_do_not_blame_the_batch(network):
    with pytest.raises(UserError, match=r"^--latent_size, --fmap_max, --fmap_base: "):
        check_memory(config(**network), 1, 8 * GIB)


def test_a_run_of_millions_of_reports_is_refused():
    small = dataclasses.replace(config(tick_kimg="0.001"), minibatch_repeats=1)
    check_ticks(dataclasses.replace(small))  # a call shows 16 images: 940,000 reports
    with pytest.raises(UserError, match=r"^--tick_kimg, --total_kimg: .* got 6,250,0\d\d"):
        check_ticks(
            dataclasses.replace(config(total_kimg=10**5, tick_kimg="0.001"), minibatch_repeats=1)
        )
    check_ticks(config(total_kimg=10**5, tick_kimg="1"))


def test_a_container_and_ulimit_leave_less_memory_than_the_machine_has(tmp_path, monkeypatch):
    whole = limits.physical_memory()
    (tmp_path / "memory.max").write_text("123456\n")
    monkeypatch.setattr(limits, "_CONTAINER_LIMITS", (str(tmp_path / "memory.max"), "/none"))
    assert limits.physical_memory() == 123456
    (tmp_path / "memory.max").write_text("max\n")
    assert limits.physical_memory() == whole
    monkeypatch.setattr("resource.getrlimit", lambda _: (2**20, -1))
    assert limits.physical_memory() == 2**20
