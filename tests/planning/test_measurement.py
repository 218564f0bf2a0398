"""Iterations of one stage by themselves, and what the benchmark says of them."""

import io
import json
import subprocess
import sys

import numpy as np
import pytest

from pgan_tf.config.per_resolution import PerResolution
from pgan_tf.config.schedule import make_stages
from pgan_tf.config.training import NetworkConfig, ScheduleConfig, TrainingConfig
from pgan_tf.data.dataset import distribute
from pgan_tf.planning import measurement
from pgan_tf.planning.flops import step_flops
from tests.helpers.places import ROOT

CONFIG = TrainingConfig(
    network=NetworkConfig(resolution=8, fmap_base=64, fmap_max=8, latent_size=8, label_size=6),
    schedule=ScheduleConfig(
        resolution=8, total_kimg=1800, batch_size=PerResolution(((4, 16), (8, 8)))
    ),
    minibatch_repeats=3,
)
STAGES = make_stages(CONFIG.schedule)


def test_noise_looks_like_the_data_to_the_step(two_devices, shapes_at):
    real = distribute(two_devices, shapes_at(8), 8, global_batch_size=8, label_size=6, seed=0)
    batches = measurement.noise_batches(CONFIG, STAGES[1], two_devices)
    assert batches.element_spec == iter(real).element_spec
    images, labels = map(two_devices.experimental_local_results, next(batches))
    assert np.min(images) >= -1 and np.max(images) <= 1 and np.std(images) > 0.5
    np.testing.assert_array_equal(np.sum(labels, axis=-1), 1)


@pytest.mark.parametrize(("budget", "calls"), [(0.09, 6), (0.0, 2)])
def test_the_first_call_which_compiles_is_not_timed(monkeypatch, budget, calls):
    now, made = [0.0], []

    def call():
        now[0] += 0.02 if made else 9
        made.append(now[0])

    monkeypatch.setattr(measurement.time, "monotonic", lambda: now[0])
    assert measurement.seconds_per_call(call, budget) == pytest.approx(0.02)
    assert len(made) == calls


def test_the_figures_of_a_stage_agree_with_each_other(eager, monkeypatch):
    monkeypatch.setattr(measurement, "_PRODUCT_SIZE", 256)
    config = TrainingConfig(
        network=NetworkConfig(resolution=4, fmap_base=32, fmap_max=8),
        schedule=ScheduleConfig(resolution=4, batch_size=PerResolution(((4, 8),))),
    )
    cost = measurement.measure_stage(config, "one_device", 0.0)
    assert (cost.resolution, cost.batch_size, cost.precision) == (4, 8, "float32")
    assert cost.images_per_second == pytest.approx(8 / (cost.iteration_ms / 1e3))
    flops = sum(step_flops(make_stages(config.schedule)[-1], config.network, config.loss))
    assert cost.gflops_per_image == pytest.approx(flops / 1e9)
    share = flops * cost.images_per_second / (cost.product_gflops * 1e9)
    assert cost.percent_of_product == pytest.approx(100 * share)
    assert 100 < cost.peak_memory_mib < 20_000
    assert 0 < cost.discriminator_step_ms < 2 * cost.iteration_ms
    assert 0 < cost.generator_step_ms < 2 * cost.iteration_ms
    assert cost.compile_seconds > 0


@pytest.mark.parametrize(
    ("status", "peak"),
    [("Name:\tpython\nVmHWM:\t  1944 kB\n", 1944 * 1024), ("VmRSS:\t 9 kB\n", 0)],
)
def test_the_peak_of_memory_is_read_in_kib_where_the_system_tells(monkeypatch, status, peak):
    """Some sandboxes list no VmHWM in /proc/self/status."""
    monkeypatch.setattr(measurement, "open", lambda _: io.StringIO(status), raising=False)
    assert measurement.peak_memory_bytes() == peak


@pytest.mark.slow
def test_the_benchmark_prints_and_writes_what_was_measured(tmp_path):
    path = tmp_path / "costs.json"
    path.write_text("an earlier one's")
    flags = ("--resolution=4", "--batch_size=8", "--fmap_base=32", "--fmap_max=8", "--seconds=0.2")
    command = [sys.executable, "-m", "pgan_tf.commands.benchmark", *flags, f"--json={path}"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=200, cwd=ROOT)
    assert result.returncode == 0, result.stderr
    (cost,) = json.loads(path.read_text())
    header, row = result.stdout.splitlines()[:2]
    assert "images/s" in header
    assert row.split()[:4] == ["4", "8", "8", "float32"]  # in one part
    assert row.split()[4] == f"{cost['images_per_second']:.2f}"
