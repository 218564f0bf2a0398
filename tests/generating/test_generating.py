"""Painters, pictures and videos: what comes out is what went in, and nothing piles up."""

import os
import sys
import weakref

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from pgan_tf.exporting.saved_model import write_saved_model
from pgan_tf.exporting.writer import ExportOptions
from pgan_tf.generating import interpolation, parsing, video
from pgan_tf.generating.pictures import draw_seeds, write_grid, write_pictures
from pgan_tf.generating.sampler import make_sampler, open_saved_model
from pgan_tf.networks import sampling
from tests.helpers.exports import make_trained
from tfrecords.common.errors import UserError


@pytest.fixture(scope="module")
def sampler():
    return make_sampler(make_trained(label_size=3, resolution=8))


# What is asked for


def test_seeds_grids_and_classes_are_read():
    assert parsing.parse_seeds("3,7-9, 1") == [3, 7, 8, 9, 1]
    assert parsing.parse_grid("8x4") == (8, 4)
    assert parsing.parse_classes("2, 0", 3) == [2, 0]
    assert parsing.parse_classes("", 3) == [0, 1, 2]
    assert parsing.parse_classes("", 0) == [0]


def test_classes_are_named():
    """A name that is one counts as such, whatever else it may be."""
    names = ("cat", "dog", "1", "red, small", "red", "café")
    for text, classes in {
        "dog": [1],
        "cat,dog": [0, 1],
        " dog , 0": [1, 0],
        "1": [2],
        "4": [4],
        "red, small,dog": [3, 1],
        "red,dog": [4, 1],
        "cafe\u0301": [5],
    }.items():
        assert parsing.parse_classes(text, 6, names) == classes, text
    both = ("caf\u00e9", "cafe\u0301")
    assert [parsing.parse_classes(name, 2, both) for name in both] == [[0], [1]]


def test_an_unknown_class_lists_the_known_ones():
    names = [f"breed-{i}" for i in range(1000)]
    for text, near in (
        ("breed-77x", "breed-77"),
        ("dog", None),
        ("1000", None),
        ("9" * 5000, None),
    ):
        with pytest.raises(UserError) as caught:
            parsing.parse_classes(text, 1000, names)
        line = str(caught.value)
        assert "breed-0, breed-1, " in line
        assert "1,000 in all" in line
        assert "numbers from 0 to 999" in line
        assert near is None or f"do you mean {near!r}" in line
        assert len(line) < 400


@pytest.mark.parametrize(
    ("parse", "arguments", "flag"),
    [
        *((parsing.parse_seeds, (text,), "--seeds") for text in ("", "9-3", "a", "-1", "1,,2")),
        (parsing.parse_seeds, (f"0-{10**9}",), "--seeds"),
        (parsing.parse_seeds, (str(2**31),), "--seeds"),
        *((parsing.parse_grid, (text,), "--grid") for text in ("8", "0x4", "8x", "9999x9999")),
        *((parsing.parse_classes, (text, 3), "--labels") for text in ("3", "-1", "a", "1,,2")),
        (parsing.parse_classes, ("0", 0), "--labels"),
    ],
)
def test_what_cannot_be_read_names_its_flag(parse, arguments, flag):
    with pytest.raises(UserError, match=flag):
        parse(*arguments)


# Painters and pictures


@pytest.mark.parametrize(("label_size", "num_channels"), [(0, 3), (3, 1)])
def test_an_export_draws_what_its_generator_draws(label_size, num_channels, tmp_path):
    trained = make_trained(label_size, num_channels=num_channels, resolution=8)
    for _ in range(2):
        write_saved_model(trained, ExportOptions(str(tmp_path / "model")))
    expected = make_sampler(trained)
    seeds, classes = range(20), [2, 0]
    keras = trained.generator(
        [sampling.latents_from_seeds(seeds, 6), sampling.one_hot_labels([2, 0] * 10, label_size)]
    )
    drawn = sampling.to_uint8(keras.numpy()).astype(int)
    assert drawn.std() > 5
    for path in (tmp_path / "model", tmp_path / "model" / "1"):
        sampler = open_saved_model(str(path))
        assert sampler.source == str(tmp_path / "model" / ("2" if path.name == "model" else "1"))
        for name in ("resolution", "num_channels", "latent_size", "label_size"):
            assert getattr(sampler, name) == getattr(expected, name)
        for one in (sampler, expected):
            assert np.abs(np.stack(list(draw_seeds(one, seeds, classes))) - drawn).max() <= 1


def test_what_is_no_export_is_refused(tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "saved_model.pb").write_bytes(b"damaged")
    for path in (tmp_path / "none", tmp_path / "file", tmp_path):
        with pytest.raises(UserError, match="--saved_model"):
            open_saved_model(str(path))


def test_a_seed_and_its_class_give_the_same_picture_alone_in_a_sheet_and_in_a_file(
    sampler, tmp_path
):
    seeds, classes = list(range(40, 60)), [1, 2, 0]
    write_pictures(sampler, seeds, classes, str(tmp_path / "new" / "out"))
    write_grid(sampler, seeds, classes, 5, str(tmp_path / "new" / "sheet.png"), scale=3)
    names = sorted(path.name for path in (tmp_path / "new" / "out").iterdir())
    assert names == [f"seed-{seed:06d}.png" for seed in seeds]
    sheet = np.asarray(Image.open(tmp_path / "new" / "sheet.png"))
    assert sheet.shape == (4 * 24, 5 * 24, 3)
    latents = sampling.latents_from_seeds([57], 6)
    (alone,) = sampler.draw(latents, sampling.one_hot_labels([classes[17 % 3]], 3))
    file = np.asarray(Image.open(tmp_path / "new" / "out" / "seed-000057.png"))
    assert np.abs(file.astype(int) - alone).max() <= 1
    cell = sheet[3 * 24 :, 2 * 24 : 3 * 24]
    np.testing.assert_array_equal(cell[1::3, 1::3], file)
    np.testing.assert_array_equal(cell, file.repeat(3, axis=0).repeat(3, axis=1))


def test_pictures_are_drawn_when_they_are_asked_for(sampler):
    """A hundred thousand of them would not fit into memory."""
    begun = []
    watched = sampler.images

    def images(latents, labels):
        begun.append(len(latents))
        return watched(latents, labels)

    object.__setattr__(sampler, "images", images)
    try:
        pictures = draw_seeds(sampler, range(100_000), [0])
        for _ in range(17):
            next(pictures)
    finally:
        object.__setattr__(sampler, "images", watched)
    assert begun == [16, 16]


def test_a_place_that_cannot_be_written_is_named(sampler, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="--output"):
        write_pictures(sampler, [1], [0], str(tmp_path / "file" / "out"))
    with pytest.raises(UserError, match="--output"):
        write_grid(sampler, [1], [0], 1, str(tmp_path / "file" / "x.png"))


# Walks


def test_a_walk_between_seeds_begins_with_the_first_and_shows_all(sampler):
    seeds, classes = [4, 9, 6], [0, 2]
    walk = interpolation.walk_between(sampler, seeds, classes, 2)
    frames = list(interpolation.draw_walk(sampler, walk, 12, 2, 1))
    assert len(frames) == 12
    assert frames[0].shape == (8, 16, 3)
    expected = list(draw_seeds(sampler, seeds, classes))
    for i in range(3):
        pictures = frames[4 * i][:, :8], frames[4 * i][:, 8:]
        for picture, seed in zip(pictures, (i, (i + 1) % 3), strict=True):
            assert np.abs(picture.astype(int) - expected[seed]).max() <= 1
    assert (frames[2] != frames[0]).any()


def test_a_random_walk_is_a_loop_of_small_steps_and_the_seed_decides_it(sampler):
    def draw(first_seed):
        walk = interpolation.random_walk(sampler, first_seed, [1, 2], 4, 4)
        return np.stack(list(interpolation.draw_walk(sampler, walk, 80, 2, 2)))

    way = draw(7)
    assert way.shape == (80, 32, 32, 3)
    np.testing.assert_array_equal(draw(7), way)
    assert (draw(8) != way).any()
    steps = np.abs(way.astype(int) - np.roll(way, -1, axis=0)).mean(axis=(1, 2, 3))
    assert steps[-1] < 2 * np.median(steps)
    assert steps.max() < np.abs(way[40].astype(int) - way[0]).mean()


def test_the_largest_seed_begins_a_walk(sampler):
    walk = interpolation.random_walk(sampler, parsing.LARGEST_SEED, [0], 1, 3)
    assert len(list(interpolation.draw_walk(sampler, walk, 2, 1, 1))) == 2


# Video files

COLORS = np.array([(250, 10, 10), (10, 250, 10), (20, 20, 240), (240, 240, 240), (128, 90, 10)])


def color_frames(count, alive=None, most=None, shape=(48, 64)):
    for i in range(count):
        frame = np.broadcast_to(COLORS[i % 5].astype(np.uint8), (*shape, 3)).copy()
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
def test_a_video_holds_its_frames_and_keeps_time(ending, tmp_path):
    path = tmp_path / "new" / f"video{ending}"
    video.write_video(str(path), color_frames(50), 50, 30)
    frames, seconds = read_video(path)
    assert frames.shape == (50, 48, 64, 3)
    # 30 frames a second are 3.33 hundredths each, and GIF knows whole ones only.
    assert seconds == pytest.approx(50 / 30, abs=0.006)
    for index in (0, 1, 7, 49):
        np.testing.assert_allclose(frames[index].mean(axis=(0, 1)), COLORS[index % 5], atol=6)
    assert os.listdir(tmp_path / "new") == [path.name]


@pytest.mark.parametrize("ending", video.FORMATS)
def test_frames_do_not_pile_up(ending, tmp_path):
    alive, most = set(), []
    video.write_video(str(tmp_path / f"video{ending}"), color_frames(60, alive, most), 60, 25)
    assert len(most) == 60
    assert max(most) <= 3


@pytest.mark.parametrize("ending", video.FORMATS)
def test_gray_frames_and_single_ones_are_videos_too(ending, tmp_path):
    path = tmp_path / f"video{ending}"
    video.write_video(str(path), iter([np.full((16, 16, 1), 99, np.uint8)]), 1, 10)
    if ending == ".mp4":
        frames, _ = read_video(path)
    else:
        frames = np.asarray(Image.open(path).convert("RGB"))[None]
    assert frames.shape == (1, 16, 16, 3)
    np.testing.assert_allclose(frames, 99, atol=3)


@pytest.mark.parametrize("ending", video.FORMATS)
def test_a_video_that_fails_leaves_what_was_there(ending, tmp_path):
    path = tmp_path / f"video{ending}"
    path.write_bytes(b"the one before")

    def frames():
        yield from color_frames(5)
        raise RuntimeError("half-way")

    with pytest.raises(RuntimeError, match="half-way"):
        video.write_video(str(path), frames(), 10, 25)
    assert path.read_bytes() == b"the one before"
    assert os.listdir(tmp_path) == [path.name]


def test_mistakes_about_videos_are_told_before_anything_is_drawn(tmp_path, monkeypatch):
    def never():
        raise AssertionError
        yield

    with pytest.raises(UserError, match=r"\.avi"):
        video.write_video("x.avi", never(), 9, 30)
    with pytest.raises(UserError, match="--fps"):
        video.write_video("x.gif", never(), 9, 60)
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(UserError, match="pip install imageio-ffmpeg"):
        video.write_video("x.mp4", never(), 9, 30)
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="--output"):
        video.write_video(str(tmp_path / "file" / "x.gif"), never(), 9, 30)
