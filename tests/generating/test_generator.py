"""A generator in Python: seeds and classes in any form, pictures as an array."""

import dataclasses
import itertools

import numpy as np
import pytest

from pgan_tf import UserError, slerp
from pgan_tf.generating.generator import Generator
from pgan_tf.generating.sampler import make_sampler
from tests.helpers.exports import make_trained

TRAINED = dataclasses.replace(
    make_trained(label_size=3, resolution=8, num_channels=1), label_names=("dog", "stär", "wolf")
)


@pytest.fixture(scope="module")
def generator():
    return Generator(make_sampler(TRAINED), lambda: TRAINED.generator)


def test_it_says_what_it_is(generator):
    assert (generator.resolution, generator.num_channels, generator.latent_size) == (8, 1, 6)
    assert (generator.label_size, generator.label_names) == (3, ("dog", "stär", "wolf"))
    assert repr(generator) == (
        "<Generator of a test: 8 px, gray, latents of 6, 3 classes (dog, stär, wolf)>"
    )


def test_seeds_and_classes_in_any_form_are_the_same_pictures(generator):
    pictures = generator.generate(range(6))
    assert pictures.shape == (6, 8, 8, 1)
    assert pictures.dtype == np.uint8
    assert pictures.std() > 5
    for seeds in ([0, 1, 2, 3, 4, 5], np.arange(6), (0, 1, 2, 3, 4, 5)):
        for labels in (None, ["dog", "sta\u0308r", "wolf"] * 2, [0, "stär", 2, 0, 1, 2]):
            np.testing.assert_array_equal(generator.generate(seeds, labels), pictures)
    labels = np.arange(6) % 3
    np.testing.assert_array_equal(generator.generate(range(6), labels), pictures)
    alone = [generator.generate(seed, label) for seed, label in enumerate(labels)]
    assert np.abs(np.concatenate(alone).astype(int) - pictures).max() <= 1  # of 255: rounding
    wolves = generator.generate(range(6), "wolf")
    np.testing.assert_array_equal(wolves, generator.generate(range(6), 2))
    assert (wolves[[2, 5]] == pictures[[2, 5]]).all()
    assert (wolves[[0, 1]] != pictures[[0, 1]]).any()


def test_latents_of_seeds_are_drawn_as_the_seeds_are_and_as_keras_draws_them(generator, tmp_path):
    latents = generator.latents([7, 9])
    assert (latents.shape, latents.dtype) == ((2, 6), np.float32)
    pictures = generator.generate([7, 9], [2, 0])
    np.testing.assert_array_equal(generator.draw(latents, ["wolf", "dog"]), pictures)
    one_hot = np.eye(3, dtype=np.float32)[[2, 0]]
    np.testing.assert_array_equal(generator.draw(latents.tolist(), one_hot), pictures)
    assert generator.model is generator.model is TRAINED.generator
    float_pictures = np.clip(generator.model([latents, one_hot]), -1, 1)
    assert np.abs((float_pictures + 1) * 127.5 - pictures).max() < 0.51
    np.save(tmp_path / "x.npy", latents)
    half = generator.generate(range(7, 10, 2), [2, 0], 0.5)
    for given in (latents, tmp_path / "x.npy"):
        np.testing.assert_array_equal(generator.generate(None, [2, 0], latents=given), pictures)
        np.testing.assert_array_equal(generator.generate(None, [2, 0], 0.5, latents=given), half)
        np.testing.assert_array_equal(generator.draw(given, ["wolf", "dog"]), pictures)
    halfway = generator.draw(slerp(*latents, 0.5)[None], np.full((1, 3), 1 / 3))
    assert (halfway != pictures).any(axis=(1, 2, 3)).all()


def test_truncation_goes_to_the_picture_of_its_seed(generator):
    center = generator.generate(5, "wolf")
    wolves = generator.generate(range(4), "wolf", truncation=0, truncation_seed=5)
    assert np.abs(wolves.astype(int) - center).max() <= 1
    far = generator.generate(range(4), "wolf", truncation=1, truncation_seed=5)
    np.testing.assert_array_equal(far, generator.generate(range(4), "wolf"))


def test_thousands_are_drawn_a_few_at_once():
    most = 0

    def images(latents, labels):
        nonlocal most
        most = max(most, len(latents))
        return sampler.images(latents, labels)

    sampler = make_sampler(TRAINED)
    generator = Generator(dataclasses.replace(sampler, images=images), lambda: None)
    assert generator.generate(range(1000)).shape == (1000, 8, 8, 1)
    assert most <= 16


MISTAKES = [
    (lambda one: one.generate("5"), "seeds: expected a seed, or a list"),
    (lambda one: one.generate([]), "got none"),
    (lambda one: one.generate(-1), "seeds: .* got -1"),
    (lambda one: one.generate([1, 2.0]), "seeds: .* got 2.0"),
    (lambda one: one.generate(True), "seeds: .* got True"),
    (lambda one: one.generate(np.zeros((2, 2), int)), r"seeds: .* got the shape \(2, 2\)"),
    (lambda one: one.generate(itertools.count()), "got more than 100,000"),
    (lambda one: one.generate(1, "star"), "labels: .* got 'star': did you mean stär"),
    (lambda one: one.generate(1, 3), "labels: .* from 0 to 2, got 3"),
    (lambda one: one.generate(1, 1.5), "labels: .* got 1.5"),
    (lambda one: one.generate(range(4), ["dog", "wolf"]), "one for each of 4 pictures, got 2"),
    (lambda one: one.generate(1, truncation=1.1), "truncation: .* got 1.1"),
    (lambda one: one.generate(1, truncation_seed=-1), "truncation_seed: .* got -1"),
    (lambda one: one.latents("a"), "seeds: .* got 'a'"),
    (lambda one: one.draw(np.zeros((2, 5))), r"latents: .*\(count, 6\), got \(2, 5\)"),
    (lambda one: one.generate(1, latents=[[1.0] * 6]), "expected one of them, got both"),
    (lambda one: one.generate(latents="x.txt"), "latents: expected a file, .npy or"),
    (lambda one: one.draw([[np.nan] * 6]), "latents: expected finite"),
    (lambda one: one.draw([[0.0] * 6, [1.0]]), "latents: expected an array of numbers"),
    (lambda one: one.draw([[1.0] * 6], np.ones((2, 3))), r"labels: .*\(1, 3\), got \(2, 3\)"),
]


@pytest.mark.parametrize(("call", "message"), MISTAKES, ids=[words for _, words in MISTAKES])
def test_wrong_input_is_one_line(generator, call, message):
    with pytest.raises(UserError, match=message) as error:
        call(generator)
    assert "\n" not in str(error.value)


def test_classes_of_a_generator_without_any_are_refused():
    trained = make_trained(resolution=8)
    generator = Generator(make_sampler(trained), lambda: trained.generator)
    assert generator.generate([1]).shape == (1, 8, 8, 3)
    with pytest.raises(UserError, match="labels: expected a generator with classes"):
        generator.generate(1, labels=0)
