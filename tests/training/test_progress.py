"""The progress bar: speed, and the time left by the arithmetic of later stages; a tick's line."""

import re
import sys

import pytest

from pgan_tf.config.networks import multiplications
from pgan_tf.config.schedule import make_stages
from pgan_tf.config.training import NetworkConfig, ScheduleConfig
from pgan_tf.training import progress as progress_module
from pgan_tf.training.progress import Progress, describe_tick

NETWORK = NetworkConfig(resolution=16, latent_size=6, fmap_base=64, fmap_max=12)
STAGES = make_stages(ScheduleConfig(resolution=16, stabilize_kimg=1, fade_in_kimg=1, total_kimg=10))
TOTAL = 10_000


@pytest.fixture
def bar(monkeypatch, capsys):
    """Returns what the bar shows at the end of (seconds, stage, alpha, images shown) updates."""
    now = [100.0]
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: now[0])

    def draw(shown, *updates, total=TOTAL):
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
        progress = Progress(STAGES, NETWORK, total, shown, quiet=False)
        for seconds, index, alpha, images_shown in updates:
            now[0] += seconds
            progress.update(STAGES[index], alpha, images_shown)
        progress.close()
        return capsys.readouterr().err.split("\r")[-1]

    return draw


def remaining(index, images_shown, total=TOTAL):
    progress = Progress(STAGES, NETWORK, total, 0, quiet=True)
    return progress.remaining_images(STAGES[index], images_shown)


def test_images_to_come_count_by_their_stages_arithmetic():
    counted = [remaining(-1, images) for images in (6000, TOTAL, TOTAL + 48)]
    assert counted == pytest.approx([4000, 0, 0])
    assert remaining(0, 100, total=900) == pytest.approx(800)  # which ends in the first stage
    # Stages of one resolution cost the same, so what differs is the resolution alone.
    at_8, at_16 = (remaining(index, 5000) - remaining(index, 6000) for index in (2, 4))
    assert at_16 == pytest.approx(1000)
    fixed = 0.5 * multiplications(STAGES[2], NETWORK)
    costs = [multiplications(STAGES[index], NETWORK) + fixed for index in (4, 2)]
    assert at_8 / at_16 == pytest.approx(costs[0] / costs[1])


def test_the_bar_shows_stage_alpha_speed_and_time_left(bar):
    # The first call compiles; then 1000 images in 200 s: 5 a second; 5000 more take 1000 s.
    shown = bar(4000, (50, -1, 1.0, 4000), (100, -1, 1.0, 4500), (100, -1, 1.0, 5000))
    assert shown.startswith("16 px  50%|")
    assert "5.0 img/s, 16:40 left" in shown
    assert "5.00k/10.0k" in shown
    assert bar(1000, (1, 1, 0.25, 1250)).startswith("4→8 px alpha 0.25")
    # Speed is that of the current stage.
    grown = (60, 4, 1.0, 4000)
    shown = bar(3000, (0, 3, 0.5, 3500), (1, 3, 0.9, 3900), grown, (10, 4, 1.0, 4100))
    assert "10.0 img/s, 9:50 left" in shown


@pytest.mark.parametrize(("total", "later"), [(900, 0), (1500, 1), (2500, 2)])
def test_time_left_counts_that_each_later_stage_has_to_compile(bar, total, later):
    def time_left(compiling):
        shown = bar(0, (compiling, 0, 1.0, 100), (100, 0, 1.0, 200), total=total)
        minutes, seconds = re.search(r"(\d+):(\d+) left", shown).groups()
        return 60 * int(minutes) + int(seconds)

    assert time_left(30) - time_left(0) == 30 * later


def test_a_line_is_printed_above_the_bar_or_not_at_all_if_quiet(capsys):
    for quiet in (False, True):
        progress = Progress(STAGES, NETWORK, TOTAL, 0, quiet)
        progress.print("Resuming from 3 kimg")
        progress.close()
        assert capsys.readouterr().out == ("" if quiet else "Resuming from 3 kimg\n")


def test_a_log_file_gets_the_lines_at_once_and_no_bar(tmp_path, monkeypatch):
    with open(tmp_path / "log", "w") as file:
        monkeypatch.setattr(sys, "stdout", file)
        monkeypatch.setattr(sys, "stderr", file)
        progress = Progress(STAGES, NETWORK, TOTAL, 0, quiet=False)
        progress.update(STAGES[0], 1.0, 100)
        progress.update(STAGES[0], 1.0, 200)
        progress.print("4 px")
        assert (tmp_path / "log").read_text() == "4 px\n"
        progress.close()
    assert (tmp_path / "log").read_text() == "4 px\n"
    assert progress.seconds_left > 0


def test_lines_of_ticks_line_up_and_say_losses_speed_and_time_left_in_80_columns():
    stable = {"kimg": 0.5, "resolution": 4, "phase": "stabilize", "images_per_second": 1234.56}
    stable |= {"discriminator_loss": -0.0625, "generator_loss": 12.34567}
    fade = {"kimg": 12_345.0, "resolution": 1024, "phase": "fade_in", "images_per_second": None}
    fade |= {"discriminator_loss": -123_456.7, "generator_loss": None}
    lines = [describe_tick(stable, 12 * 3600.0), describe_tick(fade, None)]
    assert max(map(len, lines)) < 80
    first = "0.50 kimg, 4 px, D, -0.062, G, 12.346, 1234.6 img/s, 12:00:00 left"
    second = "12345.00 kimg, 512→1024 px, D -1.2e+05, G, -, - img/s, - left"
    assert [re.sub("  +", ", ", line.strip()) for line in lines] == [first, second]
    for words in ("kimg", "  D ", "  G ", "img/s", "left"):
        assert lines[0].index(words) == lines[1].index(words)
