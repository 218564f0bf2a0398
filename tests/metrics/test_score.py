"""Scores: their lines in metrics.jsonl, comparing them, and the table, curves and chart."""

import dataclasses
import json
import math

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from pgan_tf.config.training import ScheduleConfig
from pgan_tf.metrics import score_log
from pgan_tf.metrics.chart import draw_chart, round_ticks
from pgan_tf.metrics.score import Score, best_score, comparable_scores, scores_in
from pgan_tf.runs.log import RunLog
from tfrecords.common.errors import UserError

SCHEDULE = ScheduleConfig(resolution=8, stabilize_kimg=1, fade_in_kimg=1, total_kimg=4)
SCORE = Score(
    *("swd", {"swd": 20.5, "swd_16": 20.5}, {"swd": 4.0}, "swd", "lower", 1000, 0, 4, 16, 1, 64),
    *("binomial", 0, "shapes, 3888 pictures", "average_generator"),
    *("images-0000001000-stage-00.npz", "ab" * 32),
)


def score(**changes):
    return dataclasses.replace(SCORE, **changes)


def rows(*scores):
    """Scores as they are read again."""
    return [json.loads(json.dumps(one.to_row())) for one in scores]


def test_a_line_holds_the_whole_score():
    assert scores_in([*rows(score()), {"images_shown": 2000}]) == [score()]
    assert str(score()) == "swd 20.5 at 1 kimg, of real pictures 4"


def test_a_line_with_something_else_in_a_field_or_nothing_is_refused():
    (row,) = rows(score())
    for name, value in (
        *(("stage", -1), ("metric", 5), ("better", "sideways"), ("values", {"swd": "low"})),
        *(("values", {"fid": 1.0}), ("floor", {"is": 3.0}), ("floor", 4.0)),
    ):
        with pytest.raises(UserError, match=f"score with {name}, got .* at 1000 images: remove"):
            scores_in([row | {name: value}])
    unneeded = {"kind", "kimg", "images_shown", "headline", "metric_weights_sha256"}
    for name in sorted(row.keys() - unneeded):
        with pytest.raises(UserError, match=f"score with {name}, got none"):
            scores_in([{key: value for key, value in row.items() if key != name}])


def test_scores_come_by_images_shown_and_the_last_of_the_same_conditions_stays():
    early, late = score(images_shown=1000), score(images_shown=2000)
    assert scores_in(rows(late, early)) == [early, late]
    again, other = score(values={"swd": 1.0}), score(num_images=128)
    assert scores_in(rows(score(), other, again)) == [other, again]


def test_scores_measured_in_another_way_do_not_compare():
    late = score(images_shown=2000)
    assert comparable_scores([score(), late, score(metric="is")], "swd") == [score(), late]
    others = {"num_images": 9, "seed": 1, "metric_version": 2, "network": "generator"}
    others |= {"resolution": 8, "filter": "box", "data": "emoji", "metric_weights_sha256": "f"}
    for name, value in others.items():
        assert comparable_scores([score(**{name: value}), late], "swd") == [late], name


@pytest.mark.parametrize(("better", "best"), [("lower", 3), ("higher", 9), ("neither", 6)])
def test_best_is_lowest_highest_or_nearest_to_the_reals(better, best):
    values = [9, 6, 3, 6]
    scores = [
        score(images_shown=i, better=better, values={"swd": value}, floor={"swd": 6.5})
        for i, value in enumerate(values)
    ]
    assert best_score(scores) is scores[values.index(best)]


def test_ticks_and_scores_live_in_one_file(tmp_path):
    """Scores are no ticks: the time of training and the number of ticks come from these."""
    log = RunLog(str(tmp_path), 0)
    log.write_metrics({"images_shown": 1000, "seconds": 5.0})
    score_log.append_scores(str(tmp_path), [score()])
    log = RunLog(str(tmp_path), 1000)
    assert log.seconds == 5
    log.write_metrics({"images_shown": 2000, "seconds": 9.0})
    score_log.append_scores(str(tmp_path), [score(images_shown=2000)])
    assert len(score_log.read_scores(str(tmp_path))) == 2
    # Resumed from the first tick: what came after it will come again.
    assert RunLog(str(tmp_path), 1000).seconds == 5
    assert score_log.read_scores(str(tmp_path)) == [score()]


def test_table_chart_and_curves(tmp_path):
    modes = score(metric="modes", values={"modes": 3.0}, floor=None, headline="modes")
    endless = score(
        metric="is", values={"is": math.inf}, headline="is", better="neither", floor=None
    )
    late = score(images_shown=2000, values={"swd": 12.25, "swd_16": 12.25})
    score_log.append_scores(str(tmp_path), [score(), late, modes, endless])
    score_log.draw_scores(str(tmp_path), SCHEDULE)
    swd, of_modes, of_is, _ = (tmp_path / "scores.txt").read_text().split("\n\n")
    first, names, early, _, reals = swd.splitlines()
    for words in ("lower is better", "64 pictures of 16 px", "seed 0", "shapes, 3888 pictures"):
        assert words in first
    assert names.split() == ["kimg", "swd", "swd_16", "weights", "checkpoint"]
    assert early.split() == ["1", "20.5", "20.5", "abababab", "images-0000001000-stage-00.npz"]
    assert reals.split() == ["reals", "4", "-"]
    assert "too few pictures" in of_modes and "near the reals' is better" in of_is
    picture = tf.io.decode_png((tmp_path / "metrics.png").read_bytes()).numpy()
    assert picture.shape == (2 * 260, 960, 3)  # what is endless is in the table only
    # Beside those of training, whose file stays the last one in its folder.
    assert not list(tmp_path.glob("events*"))
    curves = EventAccumulator(str(tmp_path / "scores"), size_guidance={"tensors": 0}).Reload()
    last = curves.Tensors("score/swd")[-1]
    assert (last.step, tf.make_ndarray(last.tensor_proto)) == (2000, 12.25)


def test_chart_shows_stages_curve_and_floor():
    scores = [score(images_shown=shown, values={"swd": shown / 100}) for shown in (1000, 4000)]
    chart = draw_chart([scores], SCHEDULE)
    left, width, bottom = 80, 960 - 80 - 20, 260 - 42
    # Fading in lasts from 1 to 2 of 4 kimg: between a quarter and a half of the width.
    band = np.flatnonzero((chart[100] == (238, 242, 248)).all(axis=-1))
    assert (band.min(), band.max()) == pytest.approx((left + width / 4, left + width / 2), abs=4)
    # The curve goes from 10, at a quarter of the width, to 40 at its end; the floor is at 4.
    height = bottom - 46
    plot = chart[46:]
    blue, red = ((plot == color).all(axis=-1) for color in ((31, 95, 191), (192, 57, 43)))
    rows, columns = np.nonzero(blue)
    assert (columns.min(), columns.max()) == pytest.approx((left + width / 4, 940), abs=4)
    assert (rows.min(), rows.max()) == pytest.approx((0, height * 3 / 4), abs=4)
    assert np.nonzero(red)[0] == pytest.approx(height * 9 / 10, abs=2)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 10, [0, 2, 4, 6, 8, 10]), (0, 0.3, [0, 0.1, 0.2, 0.3]), (-3, 2, range(-3, 3))],
)
def test_ticks_are_round(low, high, expected):
    assert round_ticks(low, high) == pytest.approx(list(expected))
