"""What workers do together, played by two devices of one process, and the loss of one."""

import numpy as np
import pytest
import tensorflow as tf

from pgan_tf.devices import coordination
from pgan_tf.devices.coordination import (
    check_same_checkpoint,
    chief_first,
    gather,
    gather_pairs,
    readable_worker_errors,
)
from pgan_tf.devices.workers import ALONE, Workers
from tfrecords.common.errors import UserError

CHIEF, OTHER = (Workers(("10.0.0.1:2222", "10.0.0.2:2222"), index) for index in (0, 1))


def test_workers_gather_what_each_gave(two_devices):
    assert gather(two_devices, [3, -5]).tolist() == [[3, -5], [3, -5]]
    pairs = np.array([[8, 2], [4, 0], [4, 0]])
    assert gather_pairs(two_devices, OTHER, pairs).tolist() == [[4, 0], [8, 2]]
    assert gather_pairs(two_devices, OTHER, pairs[:0]).tolist() == []
    assert gather_pairs(two_devices, ALONE, pairs) is pairs


def test_workers_that_would_resume_from_different_checkpoints_are_refused(two_devices, monkeypatch):
    check_same_checkpoint(two_devices, OTHER, 64, "a/folder")
    found = np.array([[64], [64], [0], [0]])  # two devices each
    monkeypatch.setattr(coordination, "gather", lambda strategy, numbers: found)
    with pytest.raises(UserError, match="in a/folder, got checkpoints of 64, 0 images, worker by"):
        check_same_checkpoint(two_devices, OTHER, 64, "a/folder")
    check_same_checkpoint(two_devices, ALONE, 64, "a/folder")


@pytest.mark.parametrize(
    ("workers", "order"), [(CHIEF, "wait work wait"), (OTHER, "wait wait work"), (ALONE, "work")]
)
def test_the_chief_goes_first(two_devices, monkeypatch, workers, order):
    done = []
    monkeypatch.setattr(coordination, "gather", lambda strategy, numbers: done.append("wait"))
    with chief_first(two_devices, workers):
        done.append("work")
    assert done == order.split()


def test_errors_of_a_lost_worker_are_told_to_several_only():
    collective = tf.errors.UnavailableError(None, None, "Collective ops is aborted by: gone:\nmore")
    aborted = tf.errors.AbortedError(None, None, "cut\noff")
    for error, words in ((collective, "Collective ops is aborted by: gone"), (aborted, "cut")):
        told = pytest.raises(UserError, match=rf"worker 2 of 2: lost another worker \({words}\)")
        with told, readable_worker_errors(OTHER):
            raise error
    with pytest.raises(tf.errors.UnavailableError), readable_worker_errors(ALONE):
        raise collective
