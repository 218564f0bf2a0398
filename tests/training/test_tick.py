"""What a tick makes of iterations that were skipped, and why."""

import numpy as np
import pytest
import tensorflow as tf

from pgan_tf.config.schedule import Position, Stage
from pgan_tf.runs.log import METRICS
from pgan_tf.training import tick as tick_module
from pgan_tf.training.tick import Tick

GOOD, BAD, OVERFLOW = 1.0, np.nan, np.inf
POSITION = Position(Stage(0, 4, "stabilize", 0, 100), 1.0, 8, 0.001, 0.001, 100)


def tick_of(*rows, skipped_before=0):
    tick = Tick(0, 0.0, skipped_before=skipped_before)
    tick.add(tf.constant([[GOOD, row, *[GOOD] * (len(METRICS) - 2)] for row in rows]), 8)
    return tick


def test_an_overflow_is_neither_good_nor_bad():
    tick = tick_of(BAD, BAD, OVERFLOW, BAD, GOOD, OVERFLOW)
    assert max(tick.skipped_in_a_row()) == 3
    assert tick.skipped_in_a_row()[-1] == 0
    scales = {
        f"loss_scale/{name}/scale": tf.constant(2.0) for name in ("generator", "discriminator")
    }
    assert tick.summary(POSITION, 48, 0, scales)["overflowed_iterations"] == 2


def test_a_tick_of_overflows_alone_has_skipped_nothing():
    tick = tick_of(OVERFLOW, OVERFLOW)
    assert max(tick.skipped_in_a_row()) == 0
    summary = tick.summary(POSITION, 16, 0, {})
    assert summary["skipped_iterations"] == 0
    assert summary["discriminator_loss"] is None


def test_means_are_those_of_good_iterations():
    summary = tick_of(3.0, BAD, OVERFLOW, 5.0).summary(POSITION, 32, 0, {})
    assert summary[METRICS[1]] == 4.0
    assert summary["skipped_iterations"] == 1


def test_what_was_skipped_before_the_tick_counts_on():
    assert max(tick_of(BAD, GOOD, skipped_before=5).skipped_in_a_row()) == 6
    assert tick_of(OVERFLOW, skipped_before=5).skipped_in_a_row()[-1] == 5


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass when told to."""
    now = [100.0]
    monkeypatch.setattr(tick_module.time, "monotonic", lambda: now[0])

    def wait(seconds):
        now[0] += seconds

    return wait


def test_speed_is_that_of_calls_that_did_not_compile(clock):
    tick = Tick(0, 1000.0)
    row = tf.ones([1, len(METRICS)])
    clock(60)  # growing, then compiling
    tick.add(row, 8, compiled=True)
    # Nothing else can tell the speed: JSON's null.
    assert tick.summary(POSITION, 8, 0, {})["images_per_second"] is None
    for images_shown in (16, 24):
        clock(2)
        tick.add(row, 8)
        assert tick.summary(POSITION, images_shown, 0, {})["images_per_second"] == 4
    # The seconds of training count everything.
    assert tick.summary(POSITION, 24, 0, {})["seconds"] == 1064


def test_a_tick_that_compiles_nothing_is_timed_from_its_beginning(clock):
    tick = Tick(0, 0.0)
    clock(4)
    tick.add(tf.ones([1, len(METRICS)]), 8)
    assert tick.summary(POSITION, 8, 0, {})["images_per_second"] == 2
