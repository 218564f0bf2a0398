"""A video of ten seconds, of a network of real size, is drawn in a coffee break, not a lunch."""

import re
import subprocess
import sys
import time

import pytest
import tensorflow as tf

from pgan_tf.config.schedule import make_stages
from pgan_tf.config.training import NetworkConfig, ScheduleConfig, TrainingConfig
from pgan_tf.runs import checkpoint
from pgan_tf.runs import folder as run_folder
from pgan_tf.training.state import build_state
from tests.helpers.places import ROOT


def make_untrained_run(run_dir, resolution, fmap_base):
    """A run folder with the last stage's networks as they begin: they take as long to draw."""
    config = TrainingConfig(
        network=NetworkConfig(resolution=resolution, fmap_base=fmap_base),
        schedule=ScheduleConfig(resolution=resolution),
    )
    run_folder.open_run(run_dir, config, "")
    stage = make_stages(config.schedule)[-1]
    state = build_state(stage, config, tf.distribute.get_strategy())
    shown = stage.first_image
    checkpoint.save(
        run_folder.checkpoint_folder(run_dir), state.stage, state.variables(), shown, config
    )


@pytest.mark.slow
def test_ten_seconds_of_128_px_at_30_frames_a_second_take_less_than_a_minute(tmp_path):
    """Measured on two cores: docs/pictures.md. Half the time it may take, for the others here."""
    make_untrained_run(str(tmp_path / "run"), 128, 2048)
    begin = time.monotonic()
    result = subprocess.run(
        [sys.executable, str(ROOT / "generate.py"), "--run_dir=run", "--video=walk"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    seconds = time.monotonic() - begin
    assert result.returncode == 0, result.stderr
    assert "300 frames, 10 s, 256 x 256 px" in result.stdout
    # What is said while it draws: how far it is.
    assert re.search(r"Drawing.*300/300", result.stderr) or not result.stderr
    assert (tmp_path / "walk.mp4").stat().st_size > 10_000
    assert seconds < 60


if __name__ == "__main__":
    make_untrained_run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
