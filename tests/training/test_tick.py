"""What a tick makes of iterations that were skipped, and of time."""

import numpy as np
import pytest
import tensorflow as tf

from pgan_tf.config.schedule import Position, Stage
from pgan_tf.runs.log import METRICS
from pgan_tf.training import tick as tick_module
from pgan_tf.training.tick import DivergedError, Tick

GOOD, BAD, OVERFLOW = 1.0, np.nan, np.inf
POSITION = Position(Stage(0, 4, "stabilize", 0, 100), 1.0, 8, 0.001, 0.002, 100)
SCALES = {"loss_scale/generator/scale": tf.constant(4.0)}
SCALES["loss_scale/discriminator/scale"] = tf.constant(2.0)


def tick_of(*rows, skipped_before=0):
    tick = Tick(0, 0.0, skipped_before=skipped_before)
    tick.add(tf.constant([[GOOD, row, *[GOOD] * (len(METRICS) - 2)] for row in rows]), 8)
    return tick


def test_skipped_iterations_are_counted_in_a_row_and_overflows_are_not():
    tick = tick_of(BAD, BAD, OVERFLOW, BAD, GOOD, OVERFLOW, skipped_before=5)
    assert tick.skipped_in_a_row() == [5, 6, 7, 8, 0]
    assert tick_of(OVERFLOW, skipped_before=5).next(8).skipped_in_a_row() == [5]
    summary = tick.summary(POSITION, 48, 3, SCALES)
    assert (summary["skipped_iterations"], summary["overflowed_iterations"]) == (3, 2)
    assert (summary["generator_loss_scale"], summary["discriminator_loss_scale"]) == (4, 2)
    assert summary["bad_records"] == 3


def test_a_run_has_diverged_when_more_in_a_row_were_skipped_than_allowed():
    tick_of(BAD, GOOD, BAD, skipped_before=5).check_divergence(6, 24)
    with pytest.raises(DivergedError, match="6 iterations in a row, up to 24 images"):
        tick_of(BAD, GOOD, skipped_before=5).check_divergence(5, 24)


def test_means_are_those_of_good_iterations():
    assert tick_of(3.0, BAD, OVERFLOW, 5.0).summary(POSITION, 32, 0, {})[METRICS[1]] == 4.0
    summary = tick_of(OVERFLOW, OVERFLOW).summary(POSITION, 16, 0, {})
    assert (summary["discriminator_loss"], summary["skipped_iterations"]) == (None, 0)


def test_speed_is_that_of_calls_that_did_not_compile(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(tick_module.time, "monotonic", lambda: now[0])
    tick, row = Tick(0, 1000.0), tf.ones([1, len(METRICS)])
    now[0] += 60  # growing, then compiling
    tick.add(row, 8, compiled=True)
    assert tick.summary(POSITION, 8, 0, {})["images_per_second"] is None
    for images_shown in (16, 24):
        now[0] += 2
        tick.add(row, 8)
        assert tick.summary(POSITION, images_shown, 0, {})["images_per_second"] == 4
    # The seconds of training count everything, over all ticks; the next compiles nothing.
    assert tick.summary(POSITION, 24, 0, {})["seconds"] == 1064
    tick = tick.next(24)
    now[0] += 4
    tick.add(row, 8)
    summary = tick.summary(POSITION, 32, 0, {})
    assert (summary["seconds"], summary["images_per_second"]) == (1068, 2)
