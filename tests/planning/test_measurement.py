"""Iterations of one stage by themselves, and what the benchmark says of them."""

import dataclasses
import io
import json
import logging.handlers
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf

from pgan_tf.config.per_resolution import PerResolution
from pgan_tf.config.schedule import make_stages
from pgan_tf.config.training import NetworkConfig, ScheduleConfig, TrainingConfig
from pgan_tf.data.dataset import distribute
from pgan_tf.planning import measurement
from pgan_tf.planning.flops import step_flops
from tests.helpers.command_calls import assert_mistake, run_calls
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
    images, labels = next(batches)
    for replica in two_devices.experimental_local_results(images):
        assert replica.numpy().min() >= -1
        assert replica.numpy().max() <= 1
        assert replica.numpy().std() > 0.5
    for replica in two_devices.experimental_local_results(labels):
        np.testing.assert_array_equal(replica.numpy().sum(axis=1), 1)


def test_the_first_call_which_compiles_is_not_timed_and_at_least_one_is():
    calls = []

    def call():
        calls.append(time.sleep(0.2 if not calls else 0.02))

    assert 0.02 <= measurement.seconds_per_call(call, 0.1) < 0.1
    assert 2 <= len(calls) <= 7
    del calls[:]
    assert measurement.seconds_per_call(call, 0.0) >= 0.02
    assert len(calls) == 2


@pytest.fixture
def eagerly(monkeypatch):
    """No tracing, which takes longer than a few iterations; a small product to compare with."""
    monkeypatch.setattr(measurement, "_PRODUCT_SIZE", 256)
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def assert_consistent(cost, config):
    assert cost["images_per_second"] == pytest.approx(
        cost["batch_size"] / (cost["iteration_ms"] / 1e3)
    )
    flops = sum(step_flops(make_stages(config.schedule)[-1], config.network))
    assert cost["gflops_per_image"] == pytest.approx(flops / 1e9)
    share = flops * cost["images_per_second"] / (cost["product_gflops"] * 1e9)
    assert cost["percent_of_product"] == pytest.approx(100 * share)
    assert 100 < cost["peak_memory_mib"] < 20_000
    assert 0 < cost["discriminator_step_ms"] < 2 * cost["iteration_ms"]
    assert 0 < cost["generator_step_ms"] < 2 * cost["iteration_ms"]
    assert cost["compile_seconds"] > 0


def small(**schedule):
    return TrainingConfig(
        network=NetworkConfig(resolution=4, fmap_base=32, fmap_max=8),
        schedule=ScheduleConfig(resolution=4, batch_size=PerResolution(((4, 8),)), **schedule),
    )


def test_the_figures_of_a_stage_agree_with_each_other(eagerly):
    cost = measurement.measure_stage(small(), "one_device", 0.0)
    assert (cost.resolution, cost.batch_size, cost.precision) == (4, 8, "float32")
    assert_consistent(dataclasses.asdict(cost), small())


@pytest.mark.parametrize(
    ("status", "peak"),
    [("Name:\tpython\nVmHWM:\t  1944 kB\n", 1944 * 1024), ("VmRSS:\t  10 kB\n", 0), ("", 0)],
)
def test_the_peak_of_memory_is_read_in_kib_where_the_system_tells(monkeypatch, status, peak):
    """Some sandboxes list no VmHWM in /proc/self/status."""
    monkeypatch.setattr(measurement, "open", lambda _: io.StringIO(status), raising=False)
    assert measurement.peak_memory_bytes() == peak


def test_a_step_for_each_stage_is_no_reason_to_warn():
    """TensorFlow counts functions that one place in the code makes, and warns of the sixth."""
    handler = logging.handlers.BufferingHandler(100)
    tf.get_logger().addHandler(handler)
    try:
        for number in range(12):
            assert tf.function(lambda number=number: tf.constant(number))().numpy() == number
        tf.get_logger().warning("another warning")
    finally:
        tf.get_logger().removeHandler(handler)
    assert [record.getMessage() for record in handler.buffer] == ["another warning"]


# python -m pgan_tf.commands.benchmark


def test_what_cannot_be_measured_is_one_line(tmp_path):
    mistakes = ["--resolution=12", "--precision=float8", "--json=no/such/folder.json"]
    mistakes += ["--batch_size=4:6", "--seconds=-1", "--fmap_max=0"]
    results = run_calls("benchmark", [[flag] for flag in mistakes], tmp_path)
    for flag, result in zip(mistakes, results, strict=True):
        assert_mistake(result, flag.split("=")[0].strip("-"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_benchmark_prints_and_writes_what_was_measured(tmp_path):
    path = tmp_path / "costs.json"
    path.write_text("an earlier one's")
    flags = ("--resolution=4", "--batch_size=8", "--fmap_base=32", "--fmap_max=8", "--seconds=0.2")
    command = [sys.executable, "-m", "pgan_tf.commands.benchmark", *flags, f"--json={path}"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=200, cwd=ROOT)
    assert result.returncode == 0, result.stderr
    (cost,) = json.loads(path.read_text())
    assert_consistent(cost, small())
    header, row = result.stdout.splitlines()[:2]
    for title in ("images/s", "ms/D step", "ms/G step", "GFLOP/image", "% of product", "peak MiB"):
        assert title in header
    assert row.split()[:3] == ["4", "8", "float32"]
