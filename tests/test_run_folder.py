import dataclasses
import errno
import json
import math

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from pgan_tf import run_lock
from pgan_tf.config import (
    LossConfig,
    NetworkConfig,
    ScheduleConfig,
    TrainingConfig,
)
from pgan_tf.per_resolution import PerResolution
from pgan_tf.run_folder import (
    RunLog,
    check_same_run,
    checkpoint_folder,
    join_run,
    open_run,
)
from pgan_tf.run_lock import locked
from tfrecords.errors import UserError

CONFIG = TrainingConfig(
    dataset="noise",
    network=NetworkConfig(resolution=16, fmap_base=64, fmap_max=8),
    schedule=ScheduleConfig(resolution=16, total_kimg=10),
)


def files(folder):
    """Every file below a folder with its contents."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def open_refused(run_dir, config=CONFIG):
    with pytest.raises(UserError, match=r"^--run_dir: ") as caught:
        open_run(str(run_dir), config, "--seed=2\n")
    assert "\n" not in str(caught.value)
    assert str(run_dir) in str(caught.value)
    return str(caught.value)


# Opening


@pytest.mark.parametrize("below", ["run", "runs/of/mine"])
def test_a_new_folder_gets_flags_configuration_and_a_place_for_samples(tmp_path, below):
    run_dir = tmp_path / below
    open_run(str(run_dir), CONFIG, "--seed=1\n")
    assert files(run_dir) == {
        "flags.txt": b"--seed=1\n",
        "config.json": CONFIG.to_json().encode(),
    }
    assert (run_dir / "samples").is_dir()
    assert checkpoint_folder(str(run_dir)) == str(run_dir / "checkpoints")


def test_another_worker_joins_a_folder_that_the_chief_has_opened(tmp_path):
    with pytest.raises(UserError, match="a disk that all workers share"):
        join_run(str(tmp_path / "run"), CONFIG)
    assert not (tmp_path / "run").exists()
    open_run(str(tmp_path / "run"), CONFIG, "--seed=1\n")
    before = files(tmp_path)
    join_run(str(tmp_path / "run"), CONFIG)
    with pytest.raises(UserError, match="seed was 1000 and is 2"):
        join_run(str(tmp_path / "run"), dataclasses.replace(CONFIG, seed=2))
    # What may change from one part of a run to the next must not from one worker to another.
    longer = dataclasses.replace(CONFIG.schedule, total_kimg=20)
    with pytest.raises(UserError, match="expected the chief's flags on all workers, got others"):
        join_run(str(tmp_path / "run"), dataclasses.replace(CONFIG, schedule=longer))
    assert files(tmp_path) == before


def test_an_empty_folder_is_as_good_as_a_new_one(tmp_path):
    open_run(str(tmp_path), CONFIG, "--seed=1\n")
    assert (tmp_path / "config.json").exists()


def test_the_same_configuration_opens_a_run_again(tmp_path):
    open_run(str(tmp_path), CONFIG, "--seed=1\n")
    (tmp_path / "metrics.jsonl").write_text("{}\n")
    open_run(str(tmp_path), CONFIG, "--seed=1\n")
    assert files(tmp_path).keys() == {"flags.txt", "config.json", "metrics.jsonl"}


def changed(**fields):
    return dataclasses.replace(CONFIG, **fields)


def changed_schedule(**fields):
    return changed(schedule=dataclasses.replace(CONFIG.schedule, **fields))


@pytest.mark.parametrize(
    ("config", "name"),
    [
        (changed(seed=7), "seed was 1000 and is 7"),
        (changed(dataset="faces"), "dataset was noise and is faces"),
        (
            changed(network=dataclasses.replace(CONFIG.network, fmap_max=9)),
            "network.fmap_max was 8 and is 9",
        ),
        (changed(loss=LossConfig(drift_weight=0.5)), "loss.drift_weight was 0.001 and is 0.5"),
        (
            changed_schedule(generator_learning_rate=PerResolution(((4, 0.1), (8, 0.2)))),
            "schedule.generator_learning_rate was 0.001 and is 4:0.1,8:0.2",
        ),
        (changed_schedule(fade_in_kimg=5.0), "schedule.fade_in_kimg was 600.0 and is 5.0"),
    ],
    ids=lambda value: value.split(" ")[0] if isinstance(value, str) else "",
)
def test_another_configuration_is_refused_naming_the_field(tmp_path, config, name):
    open_run(str(tmp_path), CONFIG, "--seed=1\n")
    before = files(tmp_path)
    message = open_refused(tmp_path, config)
    assert name in message
    assert "total_kimg" not in message
    assert files(tmp_path) == before


def test_a_value_that_is_written_in_another_way_is_no_other_configuration(tmp_path):
    begun = changed_schedule(generator_learning_rate=PerResolution(((4, 0.1), (8, 0.2))))
    again = PerResolution(((4, 0.1), (8, 0.2), (16, 0.2), (32, 0.3)))  # the run ends at 16 px
    again = changed_schedule(generator_learning_rate=again)
    open_run(str(tmp_path), begun, "")
    assert check_same_run(begun, again, str(tmp_path)) == ()
    open_run(str(tmp_path), again, "")


def test_all_fields_that_differ_are_named(tmp_path):
    open_run(str(tmp_path), CONFIG, "")
    message = open_refused(tmp_path, changed(seed=7, average_decay=0.5, precision="mixed_bfloat16"))
    for name in ("seed", "average_decay", "precision"):
        assert f"{name} was " in message


def test_a_run_of_before_names_of_classes_were_kept_goes_on(tmp_path):
    old = json.loads(changed(network=NetworkConfig(resolution=16, label_size=2)).to_json())
    del old["label_names"]
    (tmp_path / "config.json").write_text(json.dumps(old))
    named = dataclasses.replace(TrainingConfig.from_json(json.dumps(old)), label_names=("a", "b"))
    open_run(str(tmp_path), named, "")
    assert TrainingConfig.from_json((tmp_path / "config.json").read_text()) == named


def test_a_run_may_be_made_longer_in_other_batches_and_report_more_often(tmp_path):
    open_run(str(tmp_path), CONFIG, "--total_kimg=10\n")
    longer = changed_schedule(
        total_kimg=20,
        tick_kimg=PerResolution(((4, 1),)),
        batch_size=PerResolution(((4, 32), (8, 16))),
    )
    open_run(str(tmp_path), longer, "--total_kimg=20\n")
    assert (tmp_path / "flags.txt").read_text() == "--total_kimg=20\n"
    assert TrainingConfig.from_json((tmp_path / "config.json").read_text()) == longer


def test_a_folder_of_other_files_is_refused_and_left_alone(tmp_path):
    (tmp_path / "photo.jpg").write_bytes(b"photo")
    assert "holds other files" in open_refused(tmp_path)
    assert files(tmp_path) == {"photo.jpg": b"photo"}
    assert not (tmp_path / "samples").exists()


def test_a_file_in_the_folders_place_or_above_it_is_an_error(tmp_path):
    (tmp_path / "file").write_text("text")
    open_refused(tmp_path / "file")
    open_refused(tmp_path / "file" / "run")
    assert files(tmp_path) == {"file": b"text"}


def test_a_damaged_configuration_is_an_error(tmp_path):
    open_run(str(tmp_path), CONFIG, "")
    (tmp_path / "config.json").write_text(CONFIG.to_json()[:50])
    with pytest.raises(UserError, match=r"config\.json: expected a pgan-tf configuration"):
        open_run(str(tmp_path), CONFIG, "")


# The lock


def test_a_folder_is_locked_as_long_as_somebody_writes_it(tmp_path):
    folder = str(tmp_path / "runs/mine")
    for _ in range(2):
        with locked(folder):
            words = rf"another process is training {folder}: wait"
            with pytest.raises(UserError, match=words), locked(folder):
                pytest.fail("locked twice")
            with locked(folder + "-2"):
                pass
    assert files(tmp_path) == {}


def test_what_cannot_be_locked_is_left_to_who_writes_it(tmp_path, monkeypatch):
    """A file in its place; a folder elsewhere; a file system that knows no locks."""

    def no_locks(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    (tmp_path / "file").write_text("text")
    monkeypatch.setattr(run_lock.fcntl, "flock", no_locks)
    monkeypatch.chdir(tmp_path)
    for folder in ("file", "gs://bucket/run", "new"):
        with locked(folder):
            pass
    assert files(tmp_path) == {"file": b"text"}
    assert (tmp_path / "new").is_dir()
    assert not (tmp_path / "gs:").exists()


# The log


def tick(images_shown, seconds=1.0, **values):
    return {"images_shown": images_shown, "seconds": seconds, "phase": "fade_in", **values}


@pytest.fixture
def run_dir(tmp_path):
    open_run(str(tmp_path), CONFIG, "")
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
    assert got[100, "stage"] == 3
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


def test_an_opening_that_was_broken_off_does_not_stand_in_the_way(tmp_path):
    folder = tmp_path / "run"
    (folder / "samples").mkdir(parents=True)
    (folder / "flags.txt").write_text("")
    (folder / "config.json.partial").write_text("{")
    open_run(str(folder), TrainingConfig(), "")
    assert TrainingConfig.from_json((folder / "config.json").read_text()) == TrainingConfig()


# A full disk: /dev/full has no room for anything


@pytest.mark.parametrize("name", ["flags.txt.partial", "config.json.partial"])
def test_a_disk_that_is_full_when_a_run_is_opened_is_one_line(tmp_path, name):
    (tmp_path / name).symlink_to("/dev/full")
    with pytest.raises(UserError, match=r"--run_dir: .*No space left"):
        open_run(str(tmp_path), CONFIG, "--seed=1\n")


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
def test_a_disk_that_fills_is_one_line_with_the_file(tmp_path, name, write):
    open_run(str(tmp_path), CONFIG, "")
    log = RunLog(str(tmp_path), 0)
    (tmp_path / name).symlink_to("/dev/full")
    file = name.removesuffix(".partial")
    with pytest.raises(UserError, match=rf"{file}: .*No space left.*make room.*goes on"):
        write(log)
