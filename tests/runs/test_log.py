"""Metrics and sheets as they are written, and `metrics.jsonl` read again."""

import json
import math

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from pgan_tf.config.training import TrainingConfig
from pgan_tf.runs.folder import open_run
from pgan_tf.runs.log import RunLog, append_rows, read_rows, read_ticks
from tfrecords.common.errors import UserError


def tick(images_shown, seconds=1.0, **values):
    return {"images_shown": images_shown, "seconds": seconds, "phase": "fade_in", **values}


@pytest.fixture
def run_dir(tmp_path):
    open_run(str(tmp_path), TrainingConfig(), "")
    return tmp_path


def lines(run_dir):
    return (run_dir / "metrics.jsonl").read_text().splitlines()


def test_each_tick_is_a_line_of_json(run_dir):
    log = RunLog(str(run_dir), 0)
    assert log.seconds == 0
    ticks = [tick(100, 1.5, loss=0.25), tick(200, 3.0, loss=-1e-9)]
    for one in ticks:
        log.write_metrics(one)
        assert json.loads(lines(run_dir)[-1]) == one
    assert [json.loads(line) for line in lines(run_dir)] == ticks


def test_going_on_keeps_what_was_and_drops_what_will_come_again(run_dir):
    log = RunLog(str(run_dir), 0)
    for images_shown in (100, 200, 300, 400):
        log.write_metrics(tick(images_shown, images_shown / 10))
    log = RunLog(str(run_dir), 200)
    assert [json.loads(line)["images_shown"] for line in lines(run_dir)] == [100, 200]
    assert log.seconds == 20
    log.write_metrics(tick(300, 31.0))
    assert [json.loads(line)["seconds"] for line in lines(run_dir)] == [10, 20, 31]


def test_beginning_again_drops_everything(run_dir):
    RunLog(str(run_dir), 0).write_metrics(tick(100))
    assert RunLog(str(run_dir), 0).seconds == 0
    assert lines(run_dir) == []


@pytest.mark.parametrize("half", ['{"images_shown": 1', '{"images_shown": 200, "seconds": 9}', " "])
def test_a_line_that_was_half_written_is_dropped(run_dir, half):
    whole = json.dumps(tick(100, 4.0)) + "\n"
    path = run_dir / "metrics.jsonl"
    path.write_text(whole + half)
    log = RunLog(str(run_dir), 200)
    assert log.seconds == 4
    log.write_metrics(tick(300))
    assert [json.loads(line)["images_shown"] for line in lines(run_dir)] == [100, 300]


@pytest.mark.parametrize("damaged", ["garbage", "\0\0\0", '"images_shown"', "{}", "[1"])
def test_a_damaged_line_is_an_error_that_names_it_and_nothing_is_lost(run_dir, damaged):
    """Not of ours: what is cut off while it is written has no line's end."""
    path = run_dir / "metrics.jsonl"
    path.write_text(json.dumps(tick(100)) + f"\n{damaged}\n" + json.dumps(tick(200)) + "\n")
    before = path.read_bytes()
    with pytest.raises(UserError, match=r"metrics\.jsonl: .* in line 2, got .*: remove that line"):
        RunLog(str(run_dir), 200)
    assert path.read_bytes() == before


def test_without_a_file_there_are_no_rows(run_dir):
    assert read_rows(str(run_dir)) == []


def test_what_is_appended_follows_whole_lines_and_is_read_again(run_dir):
    """Of other kinds, too; a line that was cut off is dropped before, and never read."""
    rows = [tick(100), {"kind": "score", "images_shown": 100}, tick(200)]
    append_rows(str(run_dir), rows[:1])
    with open(run_dir / "metrics.jsonl", "a") as file:
        file.write('\n{"kind": "sco')
    assert read_rows(str(run_dir)) == rows[:1]
    append_rows(str(run_dir), rows[1:])
    assert read_rows(str(run_dir)) == rows
    assert read_ticks(str(run_dir)) == [rows[0], rows[2]]
    assert lines(run_dir) == [json.dumps(row) for row in rows]


def test_numbers_that_are_none_survive_going_on(run_dir):
    RunLog(str(run_dir), 0).write_metrics(tick(100, loss=math.nan))
    RunLog(str(run_dir), 100)
    (line,) = lines(run_dir)
    assert math.isnan(json.loads(line)["loss"])


def events(run_dir):
    """(step, tag, value) of what TensorBoard shows."""
    found = []
    for path in sorted(run_dir.glob("events.out.tfevents*")):
        for record in tf.data.TFRecordDataset(str(path)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                found.append((event.step, value.tag, tf.make_ndarray(value.tensor)))
    return found


def test_tensorboard_gets_every_number_at_its_image(run_dir):
    log = RunLog(str(run_dir), 0)
    log.write_metrics(tick(100, 1.5, loss=0.25, stage=3))
    log.write_metrics(tick(200, 2.5, loss=0.5, stage=3))
    got = {(step, tag): float(value) for step, tag, value in events(run_dir)}
    assert got[100, "loss"] == 0.25
    assert got[200, "loss"] == 0.5
    assert got[200, "seconds"] == 2.5
    assert got[100, "stage"] == 4  # as people count: from 1
    assert (100, "phase") not in got


def test_sheets_are_written_as_png_and_for_tensorboard(run_dir):
    log = RunLog(str(run_dir), 0)
    generator = np.random.default_rng(0)
    reals, fakes = generator.integers(0, 256, (2, 8, 12, 3), np.uint8)
    assert log.write_reals(reals) == str(run_dir / "samples" / "reals.png")
    path = log.write_fakes(12_800, fakes)
    np.testing.assert_array_equal(np.asarray(Image.open(path)), fakes)
    np.testing.assert_array_equal(np.asarray(Image.open(run_dir / "samples/reals.png")), reals)
    shown = {(step, tag): value for step, tag, value in events(run_dir)}
    for key, sheet in (((0, "reals"), reals), ((12_800, "fakes"), fakes)):
        # Width, height, then the PNGs.
        assert shown[key][:2].tolist() == [b"12", b"8"]
        np.testing.assert_array_equal(tf.io.decode_png(shown[key][2]), sheet)


def test_sheets_of_fakes_sort_by_time_and_name_their_kimg(run_dir):
    log = RunLog(str(run_dir), 0)
    sheet = np.zeros((4, 4, 1), np.uint8)
    images = [0, 64, 128, 999, 1000, 1064, 20_000, 100_000, 1_000_000, 15_000_000]
    paths = [log.write_fakes(images_shown, sheet) for images_shown in images]
    assert len(set(paths)) == len(images)
    assert sorted(paths) == paths
    for images_shown, path in zip(images, paths, strict=True):
        name = path.split("/")[-1]
        kimg = float(name.removeprefix("fakes-").removesuffix(".png"))
        assert kimg == images_shown / 1000


# A full disk: /dev/full has no room for anything


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("metrics.jsonl", lambda log: log.write_metrics({"images_shown": 1, "seconds": 1.0})),
        ("samples/reals.png.partial", lambda log: log.write_reals(np.zeros((8, 8, 3), np.uint8))),
        (
            "samples/fakes-00000.001.png.partial",
            lambda log: log.write_fakes(1, np.zeros((8, 8, 3), np.uint8)),
        ),
        ("init_from.txt.partial", lambda log: log.write_text("init_from.txt", "carried")),
    ],
)
def test_a_disk_that_fills_is_one_line_with_the_file(run_dir, name, write):
    log = RunLog(str(run_dir), 0)
    (run_dir / name).symlink_to("/dev/full")
    file = name.removesuffix(".partial")
    with pytest.raises(UserError, match=rf"{file}: .*No space left.*make room.*resumes"):
        write(log)
