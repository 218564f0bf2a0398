import json

import numpy as np
import pytest
import tensorflow as tf

from pgan_tf.config.training import ScheduleConfig
from pgan_tf.metrics import score_log
from pgan_tf.metrics.chart import draw_chart, round_ticks
from pgan_tf.metrics.score import Score, best_score, comparable_scores, scores_in
from pgan_tf.runs.log import RunLog

SCHEDULE = ScheduleConfig(resolution=8, stabilize_kimg=1, fade_in_kimg=1, total_kimg=4)


def score(**changes):
    fields = {
        "metric": "swd",
        "values": {"swd": 20.5, "swd_16": 20.5},
        "floor": {"swd": 4.0, "swd_16": 4.0},
        "headline": "swd",
        "better": "lower",
        "images_shown": 1000,
        "stage": 0,
        "stage_resolution": 4,
        "resolution": 16,
        "metric_version": 1,
        "num_images": 64,
        "filter": "binomial",
        "seed": 0,
        "data": "shapes, 3888 pictures",
        "network": "average_generator",
        "checkpoint": "images-0000001000-stage-00.npz",
        "weights_sha256": "ab" * 32,
    }
    return Score(**{**fields, **changes})


def rows(*scores):
    """Scores as they are read again."""
    return [json.loads(json.dumps(one.to_row())) for one in scores]


def test_a_line_holds_the_whole_score():
    assert scores_in(rows(score())) == [score()]


def test_of_a_checkpoint_scored_twice_in_the_same_way_the_last_score_stays():
    again, other = score(values={"swd": 1.0}), score(num_images=128)
    assert scores_in(rows(score(), other, again)) == [other, again]


def test_scores_come_by_images_shown_whatever_was_scored_first():
    early, late = score(images_shown=1000), score(images_shown=2000)
    assert scores_in(rows(late, early)) == [early, late]


@pytest.mark.parametrize(
    "change", [{"num_images": 9}, {"seed": 1}, {"metric_version": 2}, {"network": "generator"}]
)
def test_scores_measured_in_another_way_do_not_compare(change):
    late = score(images_shown=2000)
    assert comparable_scores([score(**change), late], "swd") == [late]
    assert comparable_scores([score(), late], "swd") == [score(), late]


def test_ticks_and_scores_live_in_one_file(tmp_path):
    """Scores are no ticks: the time of training and the number of ticks come from these."""
    log = RunLog(str(tmp_path), 0)
    log.write_metrics({"images_shown": 1000, "seconds": 5.0})
    score_log.append_scores(str(tmp_path), [score()])
    log = RunLog(str(tmp_path), 1000)
    assert log.seconds == 5
    log.write_metrics({"images_shown": 2000, "seconds": 9.0})
    score_log.append_scores(str(tmp_path), [score(images_shown=2000)])
    # Going on from the first tick: what came after it will come again.
    assert RunLog(str(tmp_path), 1000).seconds == 5
    assert score_log.read_scores(str(tmp_path)) == [score()]


def test_a_line_that_was_cut_off_is_no_score(tmp_path):
    score_log.append_scores(str(tmp_path), [score()])
    with open(tmp_path / "metrics.jsonl", "a") as file:
        file.write('{"kind": "sco')
    assert score_log.read_scores(str(tmp_path)) == [score()]
    score_log.append_scores(str(tmp_path), [score(images_shown=2000)])
    assert len(score_log.read_scores(str(tmp_path))) == 2


def test_table_chart_and_curves(tmp_path):
    run_dir = str(tmp_path)
    modes = score(metric="modes", values={"modes": 3.0}, floor=None, headline="modes")
    late = score(images_shown=2000, values={"swd": 12.25, "swd_16": 12.25})
    score_log.append_scores(run_dir, [score(), late, modes])
    score_log.draw_scores(run_dir, SCHEDULE)
    table = (tmp_path / "scores.txt").read_text()
    for word in ("12.25", "20.5", "version 1", "64 pictures", "16 px", "seed 0", "abababab"):
        assert word in table
    assert "images-0000001000-stage-00.npz" in table
    assert "too few pictures" in table
    picture = tf.io.decode_png((tmp_path / "metrics.png").read_bytes()).numpy()
    assert picture.shape == (2 * 260, 960, 3)
    # Beside those of training, whose file stays the last one in its folder.
    assert not list(tmp_path.glob("events*"))
    curves = {}
    for path in tmp_path.glob("scores/events*"):
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            for value in event.summary.value:
                curves[value.tag, event.step] = float(tf.make_ndarray(value.tensor))
    assert curves["swd", 2000] == 12.25
    assert curves["modes", 1000] == 3


def test_chart_shows_stages_curve_and_floor():
    scores = [score(images_shown=shown, values={"swd": shown / 100}) for shown in (1000, 4000)]
    chart = draw_chart([scores], SCHEDULE)
    assert chart.shape == (260, 960, 3)
    colours = {tuple(colour) for colour in np.unique(chart.reshape(-1, 3), axis=0)}
    assert {(31, 95, 191), (192, 57, 43), (238, 242, 248)} <= colours
    # Fading in lasts from 1 to 2 of 4 kimg: between a quarter and a half of the width.
    band = np.flatnonzero((chart[100] == (238, 242, 248)).all(axis=-1))
    plot = 960 - 80 - 20
    assert abs(band.min() - (80 + plot / 4)) < 4
    assert abs(band.max() - (80 + plot / 2)) < 4


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 10, [0, 2, 4, 6, 8, 10]),
        (0, 0.3, [0, 0.1, 0.2, 0.3]),
        (0, 0, [0, 0.2, 0.4, 0.6, 0.8, 1]),
    ],
)
def test_ticks_are_round(low, high, expected):
    assert round_ticks(low, high) == pytest.approx(expected)


@pytest.mark.parametrize(("better", "best"), [("lower", 3), ("higher", 9), ("neither", 6)])
def test_best_is_lowest_highest_or_nearest_to_the_reals(better, best):
    values = [9, 6, 3, 6]
    scores = [
        score(images_shown=i, better=better, values={"swd": value}, floor={"swd": 6.5})
        for i, value in enumerate(values)
    ]
    assert best_score(scores) is scores[values.index(best)]


def test_a_score_in_a_line():
    assert str(score()) == "swd 20.5 at 1 kimg, of real pictures 4"
    assert str(score(floor=None)) == "swd 20.5 at 1 kimg"
