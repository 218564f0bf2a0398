"""A run folder: who may open it, with which configuration, and what stays when it is refused."""

import dataclasses
import errno
import json
import os

import pytest

from pgan_tf.config.augmentation import AugmentConfig
from pgan_tf.config.per_resolution import PerResolution
from pgan_tf.config.training import (
    CHANGEABLE,
    LossConfig,
    NetworkConfig,
    ScheduleConfig,
    TrainingConfig,
)
from pgan_tf.runs import folder as run_folder
from pgan_tf.runs.folder import check_same_run, join_run, locked_run, open_run
from tfrecords.common import files as common_files
from tfrecords.common.errors import UserError
from tfrecords.common.files import locked

CONFIG = TrainingConfig(
    dataset="noise",
    network=NetworkConfig(resolution=16, fmap_base=64, fmap_max=8),
    schedule=ScheduleConfig(resolution=16, total_kimg=10),
)
RATES = PerResolution(((4, 0.1), (8, 0.2)))


def changed(**fields):
    return dataclasses.replace(CONFIG, **fields)


def changed_schedule(**fields):
    return changed(schedule=dataclasses.replace(CONFIG.schedule, **fields))


def files(folder):
    """Every file below a folder with its contents."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@pytest.mark.parametrize("below", ["", "runs/of/mine"])
def test_a_new_or_empty_folder_gets_flags_configuration_and_a_place_for_samples(tmp_path, below):
    run_dir = tmp_path / below
    for _ in range(2):  # the same configuration opens a run again
        open_run(str(run_dir), CONFIG, "--seed=1\n")
        kept = {"flags.txt": b"--seed=1\n", "config.json": CONFIG.to_json().encode()}
        assert files(run_dir) == kept
        assert (run_dir / "samples").is_dir()


def test_opening_again_removes_what_was_left_half_written_and_nothing_else(tmp_path):
    (tmp_path / "samples").mkdir(parents=True)
    (tmp_path / "flags.txt").write_text("")
    (tmp_path / "config.json.partial").write_text("{")  # an opening that was broken off
    open_run(str(tmp_path), CONFIG, "")
    half = [f"{name}.partial" for name in ("flags.txt", "samples/a", "checkpoints/a", "scores/a")]
    for name in (*half, "samples/mine.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("half")
    open_run(str(tmp_path), CONFIG, "")
    assert files(tmp_path).keys() == {"flags.txt", "config.json", "samples/mine.png"}


def test_another_worker_joins_a_run_that_the_chief_shows_and_nothing_stays(tmp_path):
    run_dir = str(tmp_path / "run")
    with pytest.raises(UserError, match="a disk that all workers share"):
        join_run(run_dir, CONFIG)
    assert not os.path.exists(run_dir)
    with locked_run(run_dir), run_folder.shown_to_workers(run_dir, CONFIG):
        join_run(run_dir, CONFIG)
        with pytest.raises(UserError, match="seed was 1000 and is 2"):
            join_run(run_dir, changed(seed=2))
        # What may change when a run is resumed must not differ between workers.
        with pytest.raises(UserError, match=r"the chief's flags .*total_kimg was 10 and is 20"):
            join_run(run_dir, changed_schedule(total_kimg=20))
    assert not os.path.exists(run_dir)


@pytest.mark.parametrize(
    ("config", "names"),
    [
        (changed(seed=7), ["seed was 1000 and is 7", "--flagfile="]),
        (changed(dataset="faces"), ["dataset was noise and is faces", "--data=", "=ANOTHER"]),
        (changed_schedule(generator_learning_rate=RATES), ["_rate was 0.001 and is 4:0.1,8:0.2"]),
        (changed(augmentation=AugmentConfig(held_out=0.2)), ["ation.held_out was 0.0 and is 0.2"]),
        (changed(seed=7, loss=LossConfig(drift_weight=0.5)), ["seed was ", "drift_weight was"]),
    ],
    ids=range(5),
)
def test_another_configuration_is_refused_naming_all_that_differs(tmp_path, config, names):
    open_run(str(tmp_path), CONFIG, "--seed=1\n")
    before = files(tmp_path)
    with pytest.raises(UserError, match=rf"^--run_dir: {tmp_path} [^\n]*$") as caught:
        open_run(str(tmp_path), config, "--seed=2\n")
    for name in names:
        assert name in str(caught.value)
    assert "total_kimg" not in str(caught.value) and "--init_from" not in str(caught.value)
    assert files(tmp_path) == before


def test_a_run_may_be_made_longer_in_other_batches_and_report_more_often(tmp_path):
    """That may change, as docs/reliability.md says; and what no step depends on."""
    names = ("total_kimg", "tick_kimg", "batch_size", "micro_batch")
    lengths_and_batches = {f"schedule.{name}" for name in names}
    assert lengths_and_batches | {"label_names", "order of the pictures"} == CHANGEABLE
    open_run(str(tmp_path), CONFIG, "--total_kimg=10\n")
    batches = PerResolution(((4, 32), (8, 16)))
    longer = changed_schedule(total_kimg=20, tick_kimg=PerResolution(((4, 1),)), batch_size=batches)
    assert "schedule.total_kimg was 10 and is 20" in check_same_run(CONFIG, longer, str(tmp_path))
    open_run(str(tmp_path), longer, "--total_kimg=20\n")
    assert (tmp_path / "flags.txt").read_text() == "--total_kimg=20\n"
    assert TrainingConfig.from_json((tmp_path / "config.json").read_text()) == longer
    # The same value written in another way is no change: the run ends at 16 px.
    again = PerResolution(((4, 0.1), (8, 0.2), (16, 0.2), (32, 0.3)))
    old, new = (changed_schedule(generator_learning_rate=rates) for rates in (RATES, again))
    assert check_same_run(old, new, str(tmp_path)) == ()


def test_a_run_from_before_class_names_were_kept_resumes(tmp_path):
    old = json.loads(changed(network=NetworkConfig(resolution=16, label_size=2)).to_json())
    del old["label_names"]
    (tmp_path / "config.json").write_text(json.dumps(old))
    named = dataclasses.replace(TrainingConfig.from_json(json.dumps(old)), label_names=("a", "b"))
    open_run(str(tmp_path), named, "")
    assert TrainingConfig.from_json((tmp_path / "config.json").read_text()) == named


def test_a_folder_is_locked_as_long_as_somebody_writes_it(tmp_path):
    folder = str(tmp_path / "runs/mine")
    for _ in range(2):
        with locked_run(folder):
            with pytest.raises(UserError, match="another process is training"), locked_run(folder):
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
    monkeypatch.setattr(common_files, "lock_descriptor", no_locks)
    monkeypatch.chdir(tmp_path)
    for folder in ("file", "gs://bucket/run", "new"):
        with locked(folder, "busy"):
            assert os.path.exists(folder) or "://" in folder
    assert files(tmp_path) == {"file": b"text"}
    assert not (tmp_path / "gs:").exists()
