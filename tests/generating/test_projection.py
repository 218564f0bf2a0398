"""Projection: the latents of pictures that a small generator drew are found again."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from pgan_tf import UserError
from pgan_tf.commands import projection_sheet
from pgan_tf.exporting.saved_model import write_saved_model
from pgan_tf.exporting.writer import ExportOptions
from pgan_tf.generating.projection import Effort, count_evaluations, descend, project
from pgan_tf.generating.sampler import make_sampler, open_export
from pgan_tf.networks.sampling import latents_from_seeds, one_hot_labels
from pgan_tf.runs.trained import from_official
from tests.helpers.exports import make_trained
from tests.helpers.golden_cases import GOLDEN

EFFORT = Effort(samples=128, starts=4, first_steps=30, steps=60)


def test_the_descent_finds_the_minimum_of_an_ill_conditioned_quadratic_row_by_row():
    """L-BFGS takes about as many steps as there are dimensions; a slope alone takes thousands."""
    random = np.random.default_rng(0)
    curvature, minima = np.logspace(-2, 2, 10), random.standard_normal((3, 10))

    def evaluate(rows):
        off = rows - minima
        return 0.5 * np.sum(curvature * off**2, axis=1), curvature * off

    found = descend(evaluate, random.standard_normal((3, 10)), 80)
    np.testing.assert_allclose(found.latents, minima, atol=1e-4)
    assert found.way.shape == (80, 3, 10)
    values = np.array([evaluate(rows)[0] for rows in found.way])
    assert (np.diff(values, axis=0) <= 1e-9).all()  # no step goes up


def test_a_row_that_meets_what_is_not_a_number_takes_a_shorter_step():
    def evaluate(rows):
        beyond = np.where(rows[:, :1] > 2, np.nan, 1)
        return np.sum((rows - 1) ** 2 * beyond, axis=1), 2 * (rows - 1) * beyond

    found = descend(evaluate, np.array([[-50.0, 3.0], [0.5, 0.5]]), 40)
    np.testing.assert_allclose(found.latents, 1, atol=1e-5)


@pytest.fixture(scope="module")
def trained():
    return make_trained(label_size=2, resolution=8, latent_size=6, phase="stabilize", alpha=1.0)


def targets_of(sampler, classes):
    latents = latents_from_seeds(range(500, 500 + len(classes)), sampler.latent_size)
    # On the sphere: with classes, their length next to the label's matters.
    latents /= np.sqrt(np.square(latents).mean(axis=1, keepdims=True))
    labels = one_hot_labels(classes, sampler.label_size)
    return np.clip(sampler.images(latents, labels).numpy(), -1, 1)


@pytest.mark.parametrize("kind", ["checkpoint", "export", "published"])
def test_pictures_of_known_latents_are_found_again(kind, trained, tmp_path):
    """And an export is differentiable."""
    classes = [1, 0, 1, 1, 0]
    if kind == "export":
        write_saved_model(trained, ExportOptions(str(tmp_path)))
        sampler = open_export(str(tmp_path))
    elif kind == "published":
        sampler, classes = make_sampler(from_official(f"{GOLDEN}/theano.pkl")), [0] * 3
    else:
        sampler = make_sampler(trained)
    targets, counted = targets_of(sampler, classes), []
    every = range(max(1, sampler.label_size))
    found = project(sampler, targets, every, EFFORT, each=counted.append)
    assert sum(counted) == count_evaluations(len(classes), EFFORT)
    np.testing.assert_allclose(np.square(found.latents).mean(axis=1), 1, rtol=1e-4)  # the sphere
    drawn = np.clip(sampler.images(found.latents, found.labels).numpy(), -1, 1)
    psnr = 10 * np.log10(4 / np.square(drawn - targets).mean(axis=(1, 2, 3)))
    assert np.median(psnr) > 35, psnr
    random = latents_from_seeds(range(len(classes)), sampler.latent_size)
    others = np.clip(sampler.images(random, found.labels).numpy(), -1, 1)
    assert np.square(drawn - targets).mean() < 0.1 * np.square(others - targets).mean()
    again = project(sampler, targets[:1], every, EFFORT)
    np.testing.assert_allclose(again.latents, found.latents[:1], atol=0.1)


def test_features_count_too(trained):
    sampler = make_sampler(trained)
    targets = targets_of(sampler, [1])
    short = dataclasses.replace(EFFORT, first_steps=2, steps=3)
    plain = project(sampler, targets, [1], short)
    seen = project(sampler, targets, [1], short, lambda images: [tf.square(images)])
    assert seen.losses != plain.losses
    assert plain.way.shape == (5, 1, 6)


def test_pictures_are_read_and_shown_beside_their_projections(tmp_path, trained):
    pixels = np.random.default_rng(0).integers(0, 256, (12, 10, 3)).astype(np.uint8)
    for name in ("a", "b"):
        (tmp_path / "photos").mkdir(exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / f"photos/{name}.png")
    photos = projection_sheet.read_photos([str(tmp_path / "photos")], 8, 3)
    assert photos.pixels.shape == (2, 8, 8, 3)
    paths = [*map(str, (tmp_path / "photos/a.png", tmp_path / "photos"))]
    several = projection_sheet.read_photos(paths, 8, 3)
    assert several.names == (paths[0], *photos.names)
    np.testing.assert_array_equal(several.pixels[0], photos.pixels[0])
    other = photos.pixels ^ 1
    psnr = projection_sheet.psnr_of(photos.pixels, other)
    np.testing.assert_allclose(psnr, 20 * np.log10(255))  # each number is off by 1
    sheet = projection_sheet.make_sheet(photos, other, 2)
    np.testing.assert_array_equal(sheet[-16::2, 16:32:2], other[0])
    np.testing.assert_array_equal(sheet[-16::2, 32:48:2], photos.pixels[1])
    (tmp_path / "no.png").write_text("no picture")
    with pytest.raises(UserError, match=r"no\.png"):
        projection_sheet.read_photos([paths[0], str(tmp_path / "no.png")], 8, 3)
