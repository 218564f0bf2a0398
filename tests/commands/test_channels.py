"""Arrays of any channels, of NumPy and HDF5: from files to generators that draw as many."""

import json

import h5py
import numpy as np
import pytest
from PIL import Image

from pgan_tf.data.dataset import make_dataset
from pgan_tf.exporting.saved_model import write_saved_model
from pgan_tf.exporting.writer import ExportOptions
from pgan_tf.runs.trained import from_run
from tests.commands.test_deep import SMALL
from tests.helpers.command_calls import call, run_calls
from tfrecords.cache import prepare
from tfrecords.common.errors import UserError
from tfrecords.format.dataset_info import read_labels
from tfrecords.inspecting.verification import find_problems
from tfrecords.pictures.source import PictureOptions

RANDOM = np.random.default_rng(0)
BANDS = RANDOM.integers(0, 65536, (6, 8, 8, 13)).astype(np.uint16)
PAIRS = RANDOM.integers(0, 256, (6, 8, 8, 2)).astype(np.uint8)
FIELDS = RANDOM.normal(3, 20, (6, 8, 8, 5)).astype(np.float32)
FLAT = RANDOM.integers(-500, 500, (6, 8, 8)).astype(np.int16)


def write_hdf5(path):
    with h5py.File(path, "w") as file:
        file["images"] = FIELDS


SOURCES = {
    "bands.npy": (lambda path: np.save(path, BANDS), BANDS, (0, 65535)),
    "pairs.npz": (lambda path: np.savez(path, images=PAIRS, labels=[2, 1, 0] * 2), PAIRS, (0, 255)),
    "fields.h5": (write_hdf5, FIELDS, (FIELDS.min(), FIELDS.max())),
    "flat.npy": (lambda path: np.save(path, FLAT), FLAT[..., None], (FLAT.min(), FLAT.max())),
}


def convert(folder, name, **options):
    how = PictureOptions(8, **options)
    info = prepare(str(folder / name), str(folder / "cache"), how)
    given = {"global_batch_size": info.num_images, "label_size": 0, "seed": 0}
    return info, next(iter(make_dataset(info, 8, **given)))[0].numpy()


def in_some_order(pictures):
    return sorted(pictures.reshape(len(pictures), -1).tolist())


@pytest.mark.parametrize("name", SOURCES)
def test_numbers_come_back_in_their_range(name, tmp_path):
    write, numbers, (low, high) = SOURCES[name]
    write(tmp_path / name)
    info, images = convert(tmp_path, name)
    assert info.value_range == (low, high)
    assert info.num_channels == numbers.shape[-1]
    assert info.depth == (8 if numbers.dtype == np.uint8 else 16)
    assert list(find_problems(info.folder)) == []
    step = (high - low) / (2**info.depth - 1)
    got = low + (images.astype(np.float64) + 1) / 2 * (high - low)
    np.testing.assert_allclose(in_some_order(got), in_some_order(numbers), rtol=0, atol=0.51 * step)
    if name == "pairs.npz":
        assert np.argmax(read_labels(info), axis=1).tolist().count(2) == 2


def test_a_given_range_cuts_and_what_is_no_picture_is_refused(tmp_path):
    np.save(tmp_path / "cut.npy", FIELDS)
    info, images = convert(tmp_path, "cut.npy", value_range=(-1.0, 1.0))
    assert info.value_range == (-1, 1)
    expected = np.clip(FIELDS, -1, 1)
    np.testing.assert_allclose(in_some_order(images), in_some_order(expected), rtol=0, atol=2e-5)
    broken = FIELDS.copy()
    broken[1, 2, 3, 4] = np.nan
    np.save(tmp_path / "hole.npy", broken)
    assert convert(tmp_path, "hole.npy")[0].num_rejected == 1
    (tmp_path / "junk.npy").write_bytes(b"junk")
    with pytest.raises(UserError, match="no array of NumPy"):
        convert(tmp_path, "junk.npy")
    for name, array, word in (
        ("four.npy", np.zeros((2, 8, 8, 4), np.uint8), "RGBA"),
        ("first.npy", np.zeros((2, 5, 8, 80)), "numpy.moveaxis"),
        ("flat.npy", np.zeros((2, 8, 8, 2)), "0 alone"),
        ("words.npy", np.array(["a"] * 8).reshape(2, 2, 2), "numbers"),
    ):
        np.save(tmp_path / name, array)
        with pytest.raises(UserError, match=word):
            convert(tmp_path, name)


def test_a_run_on_five_channels_draws_five_and_sheets_of_the_first_three(tmp_path):
    fields = np.cumsum(RANDOM.normal(0, 3, (40, 16, 16, 5)), axis=1)
    np.save(tmp_path / "fields.npy", fields.astype(np.float32))
    how = ("--run_dir=runs/a", *SMALL)
    status, out, err = call("train.py", "--data=fields.npy", *how, cwd=tmp_path, eagerly=True)
    assert status == 0, err
    assert "Taking 5 channels of 16 bits from " in out
    write_saved_model(from_run(str(tmp_path / "runs/a")), ExportOptions(str(tmp_path / "export")))
    drawing = (
        ("--run_dir=runs/a", "--grid=3x1", "--scale=1", "--output=grid.png"),
        ("--saved_model=export", "--seeds=0-2", "--output=drawn"),
        ("--run_dir=runs/a", "--video=slerp", "--seeds=0,1", "--output=walk.webp", "--fps=5"),
    )
    for status, _, err in run_calls("generate.py", drawing, tmp_path):
        assert status == 0, err
    numbers = np.load(tmp_path / "grid.npy")
    assert numbers.shape == (3, 16, 16, 5) and numbers.dtype == np.float32
    low, high = np.float32(fields).min(), np.float32(fields).max()
    assert low <= numbers.min() < numbers.max() <= high
    np.testing.assert_allclose(np.load(tmp_path / "drawn/numbers.npy"), numbers, atol=1e-3)
    sheet = np.asarray(Image.open(tmp_path / "grid.png")).astype(int)
    levels = np.rint((numbers[..., :3] - low) / (high - low) * 255)
    assert np.abs(sheet - np.concatenate([*levels], axis=1)).max() <= 1
    scoring = ("--run_dir=runs/a", "--metrics=swd,ms_ssim", "--num_images=20")
    status, _, err = call("evaluate.py", *scoring, cwd=tmp_path)
    assert status == 0, err
    rows = map(json.loads, (tmp_path / "runs/a/metrics.jsonl").read_text().splitlines())
    values = [row["values"] for row in rows if row.get("metric") == "swd"]
    assert values[0]["swd"] > 0 and "swd_alpha" not in values[0]
