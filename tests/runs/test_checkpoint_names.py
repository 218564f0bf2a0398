"""Which checkpoints there are, by their names, and which of them stay."""

import pathlib

import pytest

from pgan_tf.runs import checkpoint
from tfrecords.common.errors import UserError


def touch(folder, *names):
    paths = [folder / f"images-{name}.npz" for name in names]
    for path in paths:
        path.write_bytes(b"")
    return [str(path) for path in paths]


def test_the_latest_is_the_one_of_the_most_images_and_other_files_are_never_taken(tmp_path):
    assert checkpoint.latest(str(tmp_path / "absent")) is None
    assert checkpoint.latest(str(tmp_path)) is None
    with pytest.raises(UserError, match=r"^--run_dir: expected a run folder with checkpoints"):
        checkpoint.read_run(str(tmp_path))
    paths = touch(tmp_path, "0000010000-stage-01-of-03", "0000009000-stage-01-of-03")
    touch(tmp_path, "99-stage-01-of-03", "0000020000-stage-1-of-03", "0000020000")
    (tmp_path / "images-0000020000-stage-02-of-03.npz.partial").write_bytes(b"")
    assert checkpoint.list_checkpoints(str(tmp_path)) == paths[::-1]
    assert checkpoint.latest(str(tmp_path)) == paths[0]
    # The first versions counted from 0: `stage-01` was the second stage.
    paths += touch(tmp_path, "0000000100-stage-00", "0000020100-stage-01")
    assert checkpoint.last_of_stages(str(tmp_path)) == [paths[0], paths[3]]


def test_pruning_keeps_the_last_ones_and_one_of_each_stage(tmp_path):
    (tmp_path / "notes.txt").write_bytes(b"")
    stages = {1: (100, 200, 1000), 2: (1100, 2000), 3: (2100, 2200, 2300)}
    for stage, shown in stages.items():
        touch(tmp_path, *(f"{images:010d}-stage-{stage:02d}-of-03" for images in shown))

    def left():
        paths = checkpoint.list_checkpoints(str(tmp_path))
        return [int(pathlib.Path(path).name.split("-")[1]) for path in paths]

    for keep, expected in (
        (100, [100, 200, 1000, 1100, 2000, 2100, 2200, 2300]),
        (4, [1000, 2000, 2100, 2200, 2300]),
        (2, [1000, 2000, 2200, 2300]),
        (1, [1000, 2000, 2300]),
    ):
        checkpoint.prune(str(tmp_path), keep)
        assert left() == expected
    assert (tmp_path / "notes.txt").exists()
