"""Video files, and the video of a run's sheets."""

import os
import sys
import weakref

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from pgan_tf.generating import video
from pgan_tf.runs.sheets import list_sheets
from tfrecords.common.errors import UserError

COLORS = np.array([(250, 10, 10), (10, 250, 10), (20, 20, 240), (240, 240, 240), (128, 90, 10)])


def color_frames(count, alive=None, most=None):
    for i in range(count):
        frame = np.broadcast_to(COLORS[i % 5].astype(np.uint8), (48, 64, 3)).copy()
        if alive is not None:
            alive.add(i)
            weakref.finalize(frame, alive.discard, i)
            most.append(len(alive))
        yield frame


def read_video(path):
    """Returns (frames, height, width, 3) uint8 and the seconds that they take."""
    if path.suffix == ".mp4":
        reader = imageio_ffmpeg.read_frames(str(path))
        about = next(reader)
        width, height = about["size"]
        assert about["codec"] == "h264"
        assert about["pix_fmt"].startswith("yuv420p")  # what every player can show
        frames = [np.frombuffer(frame, np.uint8).reshape(height, width, 3) for frame in reader]
        return np.stack(frames), len(frames) / about["fps"]
    image = Image.open(path)
    assert image.info["loop"] == 0  # for ever
    frames, milliseconds = [], 0
    for index in range(image.n_frames):
        image.seek(index)
        frames.append(np.asarray(image.convert("RGB")))
        milliseconds += image.info["duration"]
    return np.stack(frames), milliseconds / 1000


@pytest.mark.parametrize("ending", video.FORMATS)
def test_a_video_holds_its_frames_keeps_time_and_few_are_in_memory(ending, tmp_path):
    path = tmp_path / "new" / f"video{ending}"
    alive, most = set(), []
    video.write_video(str(path), color_frames(50, alive, most), 50, 30)
    assert len(most) == 50 and max(most) <= 3
    frames, seconds = read_video(path)
    assert frames.shape == (50, 48, 64, 3)
    # 30 frames a second are 3.33 hundredths each, and GIF knows whole ones only.
    assert seconds == pytest.approx(50 / 30, abs=0.006)
    for index in (0, 1, 7, 49):
        np.testing.assert_allclose(frames[index].mean(axis=(0, 1)), COLORS[index % 5], atol=6)


@pytest.mark.parametrize("ending", video.FORMATS)
def test_a_gray_frame_is_a_video_and_a_failure_leaves_it_as_it_was(ending, tmp_path):
    path = tmp_path / f"video{ending}"
    video.write_video(str(path), iter([np.full((16, 16, 1), 99, np.uint8)]), 1, 10)
    frame = np.asarray(Image.open(path).convert("RGB")) if ending != ".mp4" else read_video(path)[0]
    assert frame.shape[-3:] == (16, 16, 3)
    np.testing.assert_allclose(frame, 99, atol=3)

    def failing():
        yield from color_frames(5)
        raise RuntimeError("half-way")

    before = path.read_bytes()
    with pytest.raises(RuntimeError, match="half-way"):
        video.write_video(str(path), failing(), 10, 25)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == [path.name]


def test_mistakes_are_told_before_anything_is_drawn(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("x")
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    for path, fps, words in (
        ("x.avi", 30, r"\.avi"),
        ("x.GIF", 51, "--fps"),
        ("x.mp4", 30, "pip install imageio-ffmpeg"),
        (str(tmp_path / "file" / "x.gif"), 50, "--output"),
    ):
        with pytest.raises(UserError, match=words):
            video.write_video(path, iter(()), 9, fps)


def test_a_gif_keeps_what_hardly_changes_and_is_small(tmp_path):
    """A walk changes all pixels a little, which nobody sees and GIF would store again."""
    random = np.random.default_rng(0)
    still = random.integers(0, 256, (64, 64, 3))
    moving = [np.clip(still + random.integers(-3, 4, still.shape), 0, 255) for _ in range(20)]
    path = tmp_path / "video.gif"
    video.write_video(str(path), (frame.astype(np.uint8) for frame in moving), 20, 10)
    frames, seconds = read_video(path)
    assert seconds == pytest.approx(2)
    np.testing.assert_allclose(frames.mean(), still.mean(), atol=2)
    assert path.stat().st_size < 3 * 64 * 64  # not much more than one of the 20


# The sheets of a run


@pytest.fixture
def sheets(tmp_path):
    """Three sheets, one color each; the first is half as large."""
    (tmp_path / "samples").mkdir()
    for i, images_shown in enumerate((9_500, 10_000, 100_000)):
        sheet = Image.new("RGB", (33, 17) if i == 0 else (66, 34), tuple(COLORS[i]))
        sheet.putpixel((0, 0), (255, 255, 255))
        sheet.save(tmp_path / "samples" / f"fakes-{images_shown / 1000:09.3f}.png")
    return list_sheets(str(tmp_path))


def test_each_sheet_is_seen_equally_long_at_one_size_above_its_caption(sheets):
    fade = {"resolution": 8, "phase": "fade_in", "alpha": 0.25, "seconds": 1800.0}
    stable = {"resolution": 8, "phase": "stabilize", "alpha": 1.0, "seconds": 9000.0}
    rows = [{"images_shown": 9_500, **fade}, {"images_shown": 100_000, **stable}]
    assert video.caption(sheets[0], rows[0]) == "4 to 8 px, alpha 0.25   9.5 kimg   30:00"
    assert video.caption(sheets[2], rows[1]) == "8 px   100.0 kimg   2:30:00"
    assert video.caption(sheets[1], None) == "10.0 kimg"

    frames = np.stack(list(video.draw_training(sheets, rows, 9, scale=3)))
    assert frames.shape == (9, 34 * 3 + 40, 66 * 3, 3)
    assert video.training_size(sheets, 3) == (66 * 3, 34 * 3 + 40)
    for i, frame in enumerate(frames):
        # Nearest neighbor: a pixel is a square without a rim, of 6 px in the small sheet.
        side = 6 if i < 3 else 3
        assert (frame[:side, :side] == 255).all()
        assert (frame[:102, side:] == COLORS[i // 3]).all()
        assert (frame[102:] > 200).any()  # the caption
    texts = [frames[i][102:] for i in (0, 3, 6)]
    assert all((texts[i] != texts[i - 1]).any() for i in range(3))
    # More sheets than frames: the last one is of the last third.
    assert (list(video.draw_training(sheets, rows, 2))[-1][50, 50] == COLORS[1]).all()
    # Up to 1024 px; H.264 takes even sides only.
    assert video.training_size(sheets) == (15 * 66, 15 * 34 + 40)
    odd = sheets[:1]
    assert video.training_size(odd, 1) == (34, 18 + 40)
    assert next(video.draw_training(odd, [], 2, scale=1)).shape == (58, 34, 3)


def test_sheets_of_older_versions_have_their_pictures_where_the_last_one_has_them(tmp_path):
    """Those were smaller, without the names of classes above them."""
    (tmp_path / "samples").mkdir()
    Image.new("RGB", (32, 16), "red").save(tmp_path / "samples/fakes-00001.000.png")
    Image.new("RGB", (64, 32 + 6), "blue").save(tmp_path / "samples/fakes-00002.000.png")
    first, last = video.draw_training(list_sheets(str(tmp_path)), [], 2, scale=1)
    assert first.shape == last.shape == (38 + 40, 64, 3)
    assert (first[:6] == 0).all()
    assert (first[6:38] == (255, 0, 0)).all()
