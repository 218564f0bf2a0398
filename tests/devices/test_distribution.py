"""What trains, who else does, and how each mistake in saying so is told."""

import dataclasses
import json
import re

import pytest
import tensorflow as tf

from pgan_tf.devices.coordination import chief_first, readable_worker_errors
from pgan_tf.devices.stopping import StopRequest
from pgan_tf.devices.strategy import describe, make_strategy
from pgan_tf.devices.workers import ALONE, Workers, read_workers
from tests.helpers.two_workers import tf_config
from tfrecords.common.errors import UserError

A, B, C = "10.0.0.1:2222", "10.0.0.2:2222", "[::1]:2222"
TWO = Workers((A, B), 1)


def environment(cluster, kind="worker", index=0):
    return {"TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": kind, "index": index}})}


def test_without_tf_config_a_process_is_alone():
    assert read_workers({}) == read_workers({"TF_CONFIG": " "}) == read_workers({"TF_CONFIG": "{}"})
    assert read_workers({}) == ALONE
    assert ALONE.number == 1
    assert ALONE.is_chief


def test_tf_config_names_the_workers_and_this_one():
    workers = read_workers({"TF_CONFIG": tf_config([A, B, C], 2)})
    assert workers == Workers((A, B, C), 2)
    assert workers.number == 3
    assert not workers.is_chief
    assert str(workers) == "worker 3 of 3"
    assert read_workers({"TF_CONFIG": tf_config([A, B, C], 0)}).is_chief


def test_a_chief_comes_before_the_workers():
    cluster = {"chief": [C], "worker": [A, B]}
    assert read_workers(environment(cluster, "chief")) == Workers((C, A, B), 0)
    assert read_workers(environment(cluster, "worker", "1")) == Workers((C, A, B), 2)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("{", "JSON such as"),
        (json.dumps({"cluster": {"worker": [A]}}), "'task' as in"),
        (environment({"worker": A})["TF_CONFIG"], "a list of HOST:PORT"),
        (environment({"worker": ["10.0.0.1"]})["TF_CONFIG"], "a list of HOST:PORT"),
        (environment({"worker": [A, A]})["TF_CONFIG"], "another address for each"),
        (environment({"worker": [A], "chief": [B, C]})["TF_CONFIG"], "one chief, got 2"),
        (environment({"worker": [A], "ps": [B]})["TF_CONFIG"], "got 'ps': remove it"),
        (environment({"worker": [A]}, "evaluator")["TF_CONFIG"], "got 'evaluator'"),
        (tf_config([A, B], 2), "from 0 to 1, of the workers named, got 2"),
        (tf_config([A, B], -1), "got -1"),
        (environment({"worker": [A]}, "chief")["TF_CONFIG"], "no chief is named"),
    ],
)
def test_mistakes_in_tf_config_are_told(value, words):
    with pytest.raises(UserError, match="TF_CONFIG: expected .*" + re.escape(words)):
        read_workers({"TF_CONFIG": value})


@pytest.mark.parametrize("name", ["one_device", "mirrored"])
def test_a_strategy_for_one_machine_does_not_go_with_several_workers(name):
    with pytest.raises(UserError, match=f"as TF_CONFIG names 2 workers, got {name}"):
        make_strategy(name, TWO)


def test_several_workers_need_tf_config():
    for workers in (ALONE, Workers((A,))):
        with pytest.raises(UserError, match=r"expected .* TF_CONFIG to name at least 2 workers"):
            make_strategy("multi_worker", workers)


def test_another_strategy_is_refused():
    with pytest.raises(UserError, match="one of auto, one_device, mirrored, multi_worker, got 'x'"):
        make_strategy("x")


def test_auto_takes_what_is_there_and_says_so(two_devices, one_device):
    gpus = len(tf.config.list_logical_devices("GPU"))
    picked = describe(make_strategy("auto"), "auto")
    if gpus == 0:
        assert picked == "1 CPU (--strategy=one_device, as there is no GPU)"
        assert describe(two_devices, "mirrored") == "2 CPUs (--strategy=mirrored)"
        assert describe(one_device, "one_device") == "1 CPU (--strategy=one_device)"
    elif gpus == 1:
        assert picked == "1 GPU (--strategy=one_device, as there is one GPU)"
    else:
        assert picked == f"{gpus} GPUs (--strategy=mirrored, as there are {gpus} GPUs)"


def test_auto_is_mirrored_where_there_are_several_gpus(monkeypatch, one_device):
    """What it would make, as this machine may have none."""
    devices = [dataclasses.make_dataclass("Device", ["name"])(f"GPU:{i}") for i in range(3)]
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: devices)
    monkeypatch.setattr(tf.distribute, "MirroredStrategy", lambda names: ("mirrored", names))
    assert make_strategy("auto") == ("mirrored", ["GPU:0", "GPU:1", "GPU:2"])
    monkeypatch.setattr(tf.distribute, "OneDeviceStrategy", lambda name: ("one", name))
    assert make_strategy("one_device") == ("one", "GPU:0")


def test_errors_of_a_lost_worker_are_told_to_several_only():
    error = tf.errors.UnavailableError(None, None, "Collective ops is aborted by: gone:\nmore")
    words = r"worker 2 of 2: lost another worker \(.* gone\)"
    with pytest.raises(UserError, match=words), readable_worker_errors(TWO):
        raise error
    with pytest.raises(tf.errors.UnavailableError), readable_worker_errors(ALONE):
        raise error


def test_one_process_stops_when_it_is_asked_to(one_device):
    stop = StopRequest(one_device, ALONE)
    assert not stop.due()
    stop.receive(15)
    assert stop.due()
    done = []
    with chief_first(one_device, ALONE):
        done.append(1)
    assert done == [1]


def test_a_worker_that_was_not_asked_itself_ends_with_the_status_of_sigterm(one_device):
    error = StopRequest(one_device, ALONE).stopped(16, "run/checkpoints/x.npz")
    assert error.status == 143
    assert "another worker was asked to after 16 images" in str(error)
