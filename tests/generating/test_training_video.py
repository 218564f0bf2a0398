"""A run's history, and the video of its sheets."""

import json

import numpy as np
import pytest
from PIL import Image

from pgan_tf.generating.video import caption, draw_training
from pgan_tf.runs.log import read_metrics
from pgan_tf.runs.sheets import list_sheets
from tfrecords.common.errors import UserError

COLORS = [(200, 0, 0), (0, 200, 0), (0, 0, 200)]


@pytest.fixture
def run_dir(tmp_path):
    """Three sheets, one colour each; the first is half as large."""
    (tmp_path / "samples").mkdir()
    rows = []
    for i, color in enumerate(COLORS):
        images_shown = (9_500, 10_000, 100_000)[i]
        size = (32, 16) if i == 0 else (64, 32)
        sheet = Image.new("RGB", size, color)
        sheet.putpixel((0, 0), (255, 255, 255))
        sheet.save(tmp_path / "samples" / f"fakes-{images_shown / 1000:09.3f}.png")
        row = {"images_shown": images_shown, "resolution": 8, "phase": "fade_in", "alpha": 0.25}
        rows.append({**row, "seconds": 60.0 * 60 * (i + 0.5)})
    rows[2] |= {"phase": "stabilize", "alpha": 1.0}
    (tmp_path / "samples" / "reals.png").write_bytes(b"")
    other = {"kind": "score", "images_shown": 100_000, "kimg": 100.0}
    lines = "".join(json.dumps(row) + "\n" for row in [*rows, other])
    (tmp_path / "metrics.jsonl").write_text(lines + '{"images_shown": 9')
    return tmp_path


def test_history_is_read_in_the_order_of_training(run_dir):
    sheets = list_sheets(str(run_dir))
    assert [sheet.images_shown for sheet in sheets] == [9_500, 10_000, 100_000]
    # The line that is being written is not there yet.
    rows = read_metrics(str(run_dir))
    captions = [caption(sheet, row) for sheet, row in zip(sheets, rows, strict=True)]
    assert captions == [
        "4 to 8 px, alpha 0.25   9.5 kimg   30:00",
        "4 to 8 px, alpha 0.25   10.0 kimg   1:30:00",
        "8 px   100.0 kimg   2:30:00",
    ]
    assert caption(sheets[0], None) == "9.5 kimg"


def test_each_sheet_is_seen_equally_long_at_one_size(run_dir):
    sheets = list_sheets(str(run_dir))
    rows = read_metrics(str(run_dir))
    frames = np.stack(list(draw_training(sheets, rows, 9, scale=3)))
    assert frames.shape == (9, 32 * 3 + 40, 64 * 3, 3)
    assert (frames.shape[1] % 2, frames.shape[2] % 2) == (0, 0)  # H.264
    for i, frame in enumerate(frames):
        # Nearest neighbour: a pixel is a square without a rim, of 6 px in the small sheet.
        side = 6 if i < 3 else 3
        assert (frame[:side, :side] == 255).all()
        assert (frame[:96, side:] == COLORS[i // 3]).all()
        assert (frame[96:] > 200).any()  # the caption
    texts = [frames[i][96:] for i in (0, 3, 6)]
    assert all((texts[i] != texts[i - 1]).any() for i in range(3))
    # More sheets than frames: the last one is of the last third.
    assert (next(reversed(list(draw_training(sheets, rows, 2))))[50, 50] == COLORS[1]).all()


def test_folders_that_are_no_runs_are_named(tmp_path):
    for read in (read_metrics, list_sheets):
        with pytest.raises(UserError, match="--run_dir"):
            read(str(tmp_path))
    (tmp_path / "metrics.jsonl").write_text("no json\n")
    with pytest.raises(UserError, match=r"metrics\.jsonl: expected a JSON object .* in line 1"):
        read_metrics(str(tmp_path))
