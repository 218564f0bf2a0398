"""Metrics and sheets as they are written, and `metrics.jsonl` read again."""

import json
import math

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from pgan_tf.config.training import TrainingConfig
from pgan_tf.runs import log as run_log
from pgan_tf.runs.folder import open_run
from pgan_tf.runs.log import (
    RunLog,
    append_rows,
    describe_stage,
    read_metrics,
    read_rows,
    read_ticks,
)
from pgan_tf.runs.sheets import Sheet, list_sheets, read_sheet
from tests.helpers.made_source import noise
from tests.hostile.one_line import assert_one_line
from tfrecords.common.errors import UserError


def tick(images_shown, seconds=1.0, **values):
    return {"images_shown": images_shown, "seconds": seconds, "phase": "fade_in", **values}


@pytest.fixture
def run_dir(tmp_path):
    open_run(str(tmp_path), TrainingConfig(), "")
    return tmp_path


def lines(run_dir):
    return (run_dir / "metrics.jsonl").read_text().splitlines()


def test_each_tick_is_a_line_and_a_resumed_run_drops_what_it_will_write_again(run_dir):
    log = RunLog(str(run_dir), 0)
    assert log.seconds == 0
    ticks = [tick(shown, shown / 10, loss=-1e-9) for shown in (0, 200, 300, 400)]
    for one in ticks:
        log.write_metrics(one)
        assert json.loads(lines(run_dir)[-1]) == one
    log = RunLog(str(run_dir), 200)
    assert read_rows(str(run_dir)) == ticks[:2]
    assert log.seconds == 20
    log.write_metrics(tick(300, 31.0, loss=math.nan))
    RunLog(str(run_dir), 300)
    assert [row["seconds"] for row in read_rows(str(run_dir))] == [0, 20, 31]
    assert math.isnan(read_rows(str(run_dir))[-1]["loss"])


@pytest.mark.parametrize("half", ['{"images_shown": 1', '{"images_shown": 200, "seconds": 9}', " "])
def test_a_line_that_was_half_written_is_dropped(run_dir, half):
    (run_dir / "metrics.jsonl").write_text(json.dumps(tick(100, 4.0)) + "\n" + half)
    log = RunLog(str(run_dir), 200)
    assert log.seconds == 4
    log.write_metrics(tick(300))
    assert [json.loads(line)["images_shown"] for line in lines(run_dir)] == [100, 300]


NO_NUMBERS = ("8", None, [], {}, True, 10**400, math.inf, math.nan)
WRONG = {
    "images_shown": (*NO_NUMBERS, -1, 1.5, 10**30),
    "stage": (*NO_NUMBERS, -1, 1.5),
    "resolution": (*NO_NUMBERS, -8, 8.0),
    "kimg": NO_NUMBERS,
    "alpha": NO_NUMBERS,
    "seconds": NO_NUMBERS,
    "phase": ("growing", 1, None, ["fade_in"]),
    "generator_loss": ("low", [1], {"a": 1}, True, 10**400),  # may be NaN
}


@pytest.mark.parametrize(
    "damaged",
    [
        *("garbage", "\0\0\0", '"images_shown"', "{}", "[1, 2]", "5", "[" * 100_000),
        *(json.dumps(tick(1) | {name: one}) for name in WRONG for one in WRONG[name]),
    ],
    ids=lambda line: line[:60],
)
def test_a_damaged_line_is_an_error_that_names_it_and_nothing_is_lost(run_dir, damaged):
    """What is cut off while it is written has no line's end: this is not ours."""
    path = run_dir / "metrics.jsonl"
    path.write_text(json.dumps(tick(100)) + f"\n{damaged}\n" + json.dumps(tick(200)) + "\n")
    before = path.read_bytes()
    for read in (lambda folder: RunLog(folder, 200), read_metrics):
        assert_one_line(read, str(run_dir), words="in line 2, got ")
    assert path.read_bytes() == before


def test_what_is_appended_follows_whole_lines_and_is_read_again(run_dir, monkeypatch):
    """Of other kinds, too."""
    assert read_rows(str(run_dir)) == []
    rows = [tick(100, loss=None), {"kind": "score", "images_shown": 100}, tick(200)]
    append_rows(str(run_dir), rows[:1])
    with open(run_dir / "metrics.jsonl", "a") as file:
        file.write('\n{"kind": "sco')  # cut off
    assert read_rows(str(run_dir)) == rows[:1]
    append_rows(str(run_dir), rows[1:2])
    # Each tick appends: where the last line is whole, the others are not read.
    with monkeypatch.context() as patch:
        patch.setattr(run_log, "read_whole", None)
        append_rows(str(run_dir), rows[2:])
    assert read_rows(str(run_dir)) == rows
    assert read_ticks(str(run_dir)) == [rows[0], rows[2]]
    assert lines(run_dir) == [json.dumps(row) for row in rows]


def test_metrics_of_a_run_say_where_it_stood(run_dir):
    with pytest.raises(UserError, match=r"^--run_dir: expected a run with a tick"):
        read_metrics(str(run_dir))
    whole = tick(100, resolution=16, alpha=0.25)
    append_rows(str(run_dir), [whole])
    (row,) = read_metrics(str(run_dir))
    assert (row["kimg"], describe_stage(row)) == (0.1, "8→16 px, alpha 0.25")
    assert describe_stage(row | {"phase": "stabilize"}) == "16 px"
    for name in ("resolution", "phase", "alpha"):
        lacking = {key: value for key, value in whole.items() if key != name}
        (run_dir / "metrics.jsonl").write_text(json.dumps(lacking) + "\n")
        with pytest.raises(UserError, match=f"expected {name} in each tick, got none in that of"):
            read_metrics(str(run_dir))


def events(run_dir):
    """(step, tag) to value of what TensorBoard shows."""
    found = {}
    for path in sorted(run_dir.glob("events.out.tfevents*")):
        for record in tf.data.TFRecordDataset(str(path)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                found[event.step, value.tag] = tf.make_ndarray(value.tensor)
    return found


def test_tensorboard_gets_the_numbers_in_groups_at_their_images(run_dir):
    log = RunLog(str(run_dir), 0)
    one = {"generator_loss": 0.25, "fake_score": -3.5, "alpha": 1.0, "images_per_second": None}
    log.write_metrics(tick(100, 1.5, stage=3, **one))
    log.write_metrics(tick(200, 2.5, stage=3, **one | {"images_per_second": 7.5}))
    got = events(run_dir)
    first = {tag: value for (step, tag), value in got.items() if step == 100}
    assert first == {
        "loss/generator": 0.25,
        "score/fake": -3.5,
        "schedule/alpha": 1,
        "schedule/stage": 4,  # as people count: from 1
        "speed/seconds": 1.5,
    }
    assert got[200, "speed/images_per_second"] == 7.5


def test_sheets_are_written_as_png_and_for_tensorboard_and_read_again(run_dir):
    log = RunLog(str(run_dir), 0)
    reals, fakes = noise(2, 8)
    assert log.write_reals(reals) == str(run_dir / "samples" / "reals.png")
    path = log.write_fakes(12_800, fakes)
    np.testing.assert_array_equal(np.asarray(Image.open(run_dir / "samples/reals.png")), reals)
    np.testing.assert_array_equal(np.asarray(read_sheet(path)[1]), fakes)
    shown = events(run_dir)
    for key, sheet in (((0, "samples/reals"), reals), ((12_800, "samples/fakes"), fakes)):
        # Width, height, then the PNGs.
        assert shown[key][:2].tolist() == [b"8", b"8"]
        np.testing.assert_array_equal(tf.io.decode_png(shown[key][2]), sheet)


def test_sheets_of_fakes_sort_by_time_and_name_their_kimg(run_dir):
    with pytest.raises(UserError, match=r"^--run_dir: expected a run folder with samples"):
        list_sheets(str(run_dir))
    log = RunLog(str(run_dir), 0)
    images = [0, 64, 999, 1000, 20_000, 15_000_000]
    paths = [log.write_fakes(shown, np.zeros((4, 4, 1), np.uint8)) for shown in images]
    assert sorted(set(paths)) == paths
    assert paths[1].endswith("/fakes-00000.064.png")
    assert list_sheets(str(run_dir)) == list(map(Sheet, paths, images))
