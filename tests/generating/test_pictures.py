"""Samplers and pictures: what comes out is what went in."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from pgan_tf.exporting.saved_model import write_saved_model
from pgan_tf.exporting.writer import ExportOptions
from pgan_tf.generating.pictures import check_folder_name, write_grid, write_pictures
from pgan_tf.generating.sampler import make_sampler, open_export, read_exported
from pgan_tf.networks import sampling
from tests.helpers.exports import make_inputs, make_trained
from tfrecords.common.errors import UserError


@pytest.fixture(scope="module")
def sampler():
    return make_sampler(make_trained(label_size=3, resolution=8))


def test_an_export_is_scored_as_what_it_is(tmp_path):
    trained = dataclasses.replace(make_trained(3, resolution=8), weights="generator")
    for _ in range(2):
        write_saved_model(trained, ExportOptions(str(tmp_path)))
    assert open_export(str(tmp_path / "1")).source == f"{tmp_path}/1"
    sampler, generated = read_exported(str(tmp_path))
    assert sampler.source == f"{tmp_path}/2"
    assert (generated.images_shown, generated.stage, generated.network) == (1500, 1, "generator")
    assert (generated.stage_resolution, generated.checkpoint) == (8, "SavedModel of a test")
    inputs = make_inputs(trained)
    drawn = np.stack(list(make_sampler(trained).draw(*inputs))).astype(int)
    assert np.abs(sampling.generate(generated.draw, *inputs) - drawn).max() <= 1
    # Other variables have another checksum.
    trained.generator.trainable_variables[0].assign_add([0.1])
    write_saved_model(trained, ExportOptions(str(tmp_path)))
    assert read_exported(str(tmp_path))[1].weights_sha256 != generated.weights_sha256
    (tmp_path / "3/pgan.json").write_text('{"made_by": "pgan-tf", "kimg": -1}')
    with pytest.raises(UserError, match=r"--saved_model: expected kimg of an export .* got -1"):
        read_exported(str(tmp_path))


@pytest.mark.parametrize("description", ["{}", "[]", "\xff"])
def test_a_line_comes_before_a_program_that_does_not_say_it_is_ours(
    tmp_path, capsys, monkeypatch, description
):
    said = []

    def load(folder):
        said.append(capsys.readouterr().err)
        raise OSError("not opened in this test")

    monkeypatch.setattr(tf.saved_model, "load", load)
    (tmp_path / "saved_model.pb").write_bytes(b"")
    (tmp_path / "pgan.json").write_text(description, encoding="latin-1")
    with pytest.raises(UserError, match=r"--saved_model: expected .*not opened in this test"):
        open_export(str(tmp_path))
    [before] = said
    assert before.count("a SavedModel is a program") == before.count("\n") == 1


def test_a_seed_and_its_class_give_the_same_picture_alone_in_a_sheet_and_in_a_file(
    sampler, tmp_path
):
    seeds, classes = list(range(40, 60)), [1, 2, 0]
    write_pictures(sampler, seeds, classes, str(tmp_path / "new" / "out"), scale=2)
    write_grid(sampler, seeds, classes, 5, str(tmp_path / "new" / "sheet.png"), scale=3)
    names = sorted(path.name for path in (tmp_path / "new" / "out").iterdir())
    assert names == [f"seed-{seed:06d}.png" for seed in seeds]
    sheet = np.asarray(Image.open(tmp_path / "new" / "sheet.png"))
    assert sheet.shape == (4 * 24, 5 * 24, 3)
    latents = sampling.latents_from_seeds([57], 6)
    (alone,) = sampler.draw(latents, sampling.one_hot_labels([classes[17 % 3]], 3))
    file = np.asarray(Image.open(tmp_path / "new" / "out" / "seed-000057.png"))
    assert np.abs(file[::2, 1::2].astype(int) - alone).max() <= 1
    np.testing.assert_array_equal(file, file[::2, ::2].repeat(2, axis=0).repeat(2, axis=1))
    cell = sheet[3 * 24 :, 2 * 24 : 3 * 24]
    np.testing.assert_array_equal(cell, file[::2, ::2].repeat(3, axis=0).repeat(3, axis=1))


def test_a_place_that_cannot_be_written_is_named(sampler, tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "runs.v1").mkdir()
    with pytest.raises(UserError, match="--output"):
        write_pictures(sampler, [1], [0], str(tmp_path / "file" / "out"))
    with pytest.raises(UserError, match="--output"):
        write_grid(sampler, [1], [0], 1, str(tmp_path / "file" / "x.png"))
    with pytest.raises(UserError, match="--output: expected a folder"):
        check_folder_name(str(tmp_path / "new.png"))
    for name in ("lr-0.001", "runs.v1"):
        check_folder_name(str(tmp_path / name))
