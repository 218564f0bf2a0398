import dataclasses
import errno
import json
import os

import pytest

from pgan_tf.config.per_resolution import PerResolution
from pgan_tf.config.training import (
    CHANGEABLE,
    LossConfig,
    NetworkConfig,
    ScheduleConfig,
    TrainingConfig,
)
from pgan_tf.runs.folder import (
    check_same_run,
    checkpoint_folder,
    join_run,
    locked_run,
    open_run,
    shown_to_workers,
)
from tfrecords.common import files as files_module
from tfrecords.common import files as locking
from tfrecords.common.errors import UserError
from tfrecords.common.files import locked

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
    assert files(run_dir) == {"flags.txt": b"--seed=1\n", "config.json": CONFIG.to_json().encode()}
    assert (run_dir / "samples").is_dir()
    assert checkpoint_folder(str(run_dir)) == str(run_dir / "checkpoints")


def test_another_worker_joins_a_run_that_the_chief_shows_and_nothing_stays(tmp_path):
    with pytest.raises(UserError, match="a disk that all workers share"):
        join_run(str(tmp_path / "run"), CONFIG)
    assert not (tmp_path / "run").exists()
    with locked_run(str(tmp_path / "run")), shown_to_workers(str(tmp_path / "run"), CONFIG):
        join_run(str(tmp_path / "run"), CONFIG)
        with pytest.raises(UserError, match="seed was 1000 and is 2"):
            join_run(str(tmp_path / "run"), dataclasses.replace(CONFIG, seed=2))
        # What may change from one part of a run to the next must not from a worker to another.
        longer = dataclasses.replace(CONFIG.schedule, total_kimg=20)
        with pytest.raises(UserError, match="expected the chief's flags on all workers, got"):
            join_run(str(tmp_path / "run"), dataclasses.replace(CONFIG, schedule=longer))
    assert not (tmp_path / "run").exists()


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


def test_only_what_is_said_may_change():
    """In docs/reliability.md; and the names of classes, which no step depends on, and the order of
    the pictures, where their files were renamed."""
    lengths_and_batches = {f"schedule.{name}" for name in ("total_kimg", "tick_kimg", "batch_size")}
    assert lengths_and_batches | {"label_names", "order of the pictures"} == CHANGEABLE


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
        with locked(folder, "busy"):
            with pytest.raises(UserError, match=r"^busy$"), locked(folder, "busy"):
                pytest.fail("locked twice")
            with locked(folder + "-2", "busy"):
                pass
            assert os.path.isdir(folder)
        assert not os.path.exists(folder)  # nothing came into it
    assert files(tmp_path) == {}


def test_what_cannot_be_locked_is_left_to_who_writes_it(tmp_path, monkeypatch):
    """A file in its place; a folder elsewhere; a file system that knows no locks."""

    def no_locks(*_, blocking):
        raise OSError(errno.ENOLCK, "No locks available")

    (tmp_path / "file").write_text("text")
    monkeypatch.setattr(locking, "lock_descriptor", no_locks)
    monkeypatch.chdir(tmp_path)
    for folder in ("file", "gs://bucket/run", "new"):
        with locked(folder, "busy"):
            assert os.path.exists(folder) or "://" in folder
    assert files(tmp_path) == {"file": b"text"}
    assert not (tmp_path / "gs:").exists()


def test_an_opening_that_was_broken_off_does_not_stand_in_the_way(tmp_path):
    folder = tmp_path / "run"
    (folder / "samples").mkdir(parents=True)
    (folder / "flags.txt").write_text("")
    (folder / "config.json.partial").write_text("{")
    open_run(str(folder), TrainingConfig(), "")
    assert TrainingConfig.from_json((folder / "config.json").read_text()) == TrainingConfig()


# A full disk: /dev/full has no room for anything


@pytest.mark.parametrize("name", ["flags.txt", "config.json"])
def test_a_disk_that_is_full_when_a_run_is_opened_is_one_line(tmp_path, name, monkeypatch):
    def open_on_full_disk(path, mode):
        return open("/dev/full" if path.endswith(f"{name}.partial") else path, mode)

    monkeypatch.setattr(files_module, "open", open_on_full_disk, raising=False)
    with pytest.raises(UserError, match=r"--run_dir=.*No space left"):
        open_run(str(tmp_path), CONFIG, "--seed=1\n")
