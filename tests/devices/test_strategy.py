"""What trains, and how each mistake in saying so is told."""

import dataclasses
import importlib
import re
import tomllib

import pytest
import tensorflow as tf

from pgan_tf.config.per_resolution import PerResolution
from pgan_tf.config.training import LossConfig, NetworkConfig, ScheduleConfig, TrainingConfig
from pgan_tf.devices import strategy as strategy_module
from pgan_tf.devices.strategy import (
    check_batch_sizes,
    describe,
    make_strategy,
    splits_evenly,
    warn_of_unseen_gpu,
)
from pgan_tf.devices.workers import ALONE, Workers
from tests.helpers.places import ROOT
from tfrecords.common.errors import UserError

TWO = Workers(("10.0.0.1:2222", "10.0.0.2:2222"), 1)


@pytest.mark.parametrize(
    ("name", "workers", "words"),
    [
        ("one_device", TWO, "as TF_CONFIG names 2 workers, got one_device"),
        ("mirrored", TWO, "as TF_CONFIG names 2 workers, got mirrored"),
        ("multi_worker", ALONE, "TF_CONFIG to name at least 2 workers"),
        ("multi_worker", Workers(TWO.addresses[:1]), "TF_CONFIG to name at least 2 workers"),
    ],
)
def test_a_strategy_that_does_not_suit_the_workers_is_refused(name, workers, words):
    with pytest.raises(UserError, match=words):
        make_strategy(name, workers)


def test_auto_takes_what_is_there_and_says_so(two_devices, one_device, monkeypatch):
    assert describe(two_devices, "mirrored") == "2 CPUs (--strategy=mirrored)"
    picked = describe(make_strategy("auto"), "auto")
    assert picked == "1 CPU (--strategy=one_device, as there is no GPU)"
    picked = describe(two_devices, "auto", TWO)
    assert picked.startswith("2 workers of 1 CPU, this is worker 2 of 2 (--strategy=multi_worker,")
    # What it would take where there are GPUs.
    gpus = [dataclasses.make_dataclass("Device", ["name"])(f"GPU:{i}") for i in range(3)]
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: gpus)
    assert describe(one_device, "auto") == "1 GPU (--strategy=one_device, as there is one GPU)"
    assert describe(two_devices, "auto") == "2 GPUs (--strategy=mirrored, as there are 2 GPUs)"
    monkeypatch.setattr(tf.distribute, "MirroredStrategy", lambda names: ("mirrored", names))
    monkeypatch.setattr(tf.distribute, "OneDeviceStrategy", lambda name: ("one", name))
    assert make_strategy("auto") == ("mirrored", ["GPU:0", "GPU:1", "GPU:2"])
    assert make_strategy("one_device") == ("one", "GPU:0")
    del gpus[1:]
    assert make_strategy("auto") == ("one", "GPU:0")


@pytest.mark.parametrize(
    ("batch", "replicas", "group", "splits"),
    [
        *((16, 4, 4, True), (16, 4, 0, True), (8, 4, 4, True), (24, 4, 4, False)),
        *((24, 4, 0, True), (6, 4, 0, False), (2, 4, 0, False), (3, 1, 4, True)),
    ],
)
def test_a_batch_splits_into_replicas_and_theirs_into_groups(batch, replicas, group, splits):
    assert splits_evenly(batch, replicas, group) == splits


def test_every_stages_batch_has_to_split():
    schedule = ScheduleConfig(resolution=8, batch_size=PerResolution(((4, 16), (8, 12))))
    config = TrainingConfig(network=NetworkConfig(resolution=8), schedule=schedule)
    check_batch_sizes(config, 1)
    with pytest.raises(UserError, match=r"^--batch_size: .* the 3 devices at 4 px, got 16"):
        check_batch_sizes(config, 3)
    with pytest.raises(UserError, match=r"--mbstd_group_size=4 for each device at 8 px, got 6 "):
        check_batch_sizes(config, 2)


def test_the_part_of_a_batch_with_a_penalty_has_to_split_too():
    schedule = ScheduleConfig(resolution=8, batch_size=PerResolution(((4, 16), (8, 24))))
    config = TrainingConfig(
        network=NetworkConfig(resolution=8),
        schedule=schedule,
        loss=LossConfig(penalty_batch_divisor=4),
    )
    with pytest.raises(UserError, match=r"^--penalty_batch_divisor: .* of 24 \(8 px, 1 device"):
        check_batch_sizes(config, 1)


@pytest.mark.parametrize(
    ("part", "replicas", "changes", "words"),
    [
        *((0, 1, {}, None), (8, 1, {}, None), (16, 1, {}, None), (8, 2, {}, None)),
        (3, 1, {"mbstd_group_size": 0}, "a divisor of 16, the images per device at 4 px, or 0"),
        (2, 1, {}, "a divisor of 16, .* that is 16 or a multiple of --mbstd_group_size=4, or 0"),
        (16, 2, {}, "a divisor of 8, .* got 16$"),
        (4, 1, {"divisor": 2}, ".*=4 times --penalty_batch_divisor=2, or 0, got 4$"),
        *((8, 1, {"divisor": 2}, None), (1, 1, {"mbstd_group_size": 0}, None)),
        (4, 1, {"generator_batch_norm": True}, "0 with --generator_batch_norm, .* got 4$"),
        (4, 1, {"minibatch_discrimination": True}, "0 with --minibatch_discrimination"),
    ],
)
def test_parts_of_a_batch_have_to_compute_what_the_whole_does(part, replicas, changes, words):
    loss = LossConfig(penalty_batch_divisor=changes.pop("divisor", 1))
    schedule = ScheduleConfig(resolution=4, micro_batch=PerResolution(((4, part),)))
    network = NetworkConfig(resolution=4, **changes)
    config = TrainingConfig(network=network, schedule=schedule, loss=loss)
    if words is None:
        check_batch_sizes(config, replicas)
    else:
        with pytest.raises(UserError, match=f"^--micro_batch: expected {words}"):
            check_batch_sizes(config, replicas)


@pytest.mark.parametrize(
    ("file", "hiding", "words"),
    [
        ("nvidiactl", "", "an NVIDIA GPU, .* pip install -r requirements-gpu.txt"),
        ("nvidia-smi", "CUDA_VISIBLE_DEVICES=0", "an NVIDIA GPU, .* CUDA_VISIBLE_DEVICES=-1"),
        ("kfd", "", "an AMD GPU, .* tensorflow-rocm"),
        ("other", "", None),
        ("nvidiactl", "CUDA_VISIBLE_DEVICES=", None),
        ("kfd", "ROCR_VISIBLE_DEVICES=-1", None),
    ],
)
def test_a_gpu_that_is_neither_seen_nor_hidden_is_one_line(
    tmp_path, monkeypatch, capsys, file, hiding, words
):
    """`tmp_path` stands for the folders of drivers and of tools."""
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    monkeypatch.setattr(strategy_module, "_NVIDIA_FILES", (str(tmp_path / "nvidiactl"),))
    monkeypatch.setattr(strategy_module, "_AMD_FILE", str(tmp_path / "kfd"))
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / file).touch(mode=0o755)
    if hiding:
        monkeypatch.setenv(*hiding.split("="))
    warn_of_unseen_gpu()
    line = capsys.readouterr().out
    assert line.count("\n") == (words is not None)
    assert re.search(words or "^$", line)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind])
    warn_of_unseen_gpu()
    assert capsys.readouterr().out == ""


def test_training_says_it_first(monkeypatch, capsys):
    command = importlib.import_module("pgan_tf.commands.start_run")
    monkeypatch.setattr(command, "warn_of_unseen_gpu", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        command.start_run()
    assert capsys.readouterr().out == ""


def test_the_extra_and_the_file_bring_the_same_tensorflow():
    lines = (ROOT / "requirements-gpu.txt").read_text().splitlines()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["optional-dependencies"]["gpu"] == [lines[-1]]
    plain = lines[-1].replace("[and-cuda]", "")
    assert plain in (ROOT / "requirements.txt").read_text().splitlines()
