import dataclasses
import functools
import pathlib

import numpy as np
import pytest

from pgan_tf.config.schedule import Stage
from pgan_tf.config.training import NetworkConfig
from pgan_tf.data.order import HELD_OUT, TRAINING
from pgan_tf.metrics.by_name import NAMES, make_metrics, parse_names
from pgan_tf.metrics.evaluation import (
    Comparison,
    Evaluation,
    Generated,
    RealPictures,
    default_num_images,
    fake_batches,
    weights_sha256,
)
from pgan_tf.metrics.mode_coverage import nearest_modes
from pgan_tf.networks.generator import build_generator
from pgan_tf.networks.sampling import latents_from_seeds, to_uint8
from tests.helpers.built_dataset import flip
from tests.helpers.made_source import make_source, noise, options
from tfrecords.common.errors import UserError
from tfrecords.sources import shapes
from tfrecords.writing.writer import write_dataset

NETWORK = NetworkConfig(resolution=16, fmap_base=32, fmap_max=4, latent_size=4, label_size=6)


@pytest.fixture(scope="module")
def info(shapes_at):
    return shapes_at(16)


@functools.cache
def generator(resolution=16, seed=0):
    return build_generator(Stage(0, resolution, "stabilize", 0, 0), NETWORK, seed=seed)


def generated(model):
    return Generated(
        *(model, 4, 6, 5000, 0, model.output_shape[1], "average_generator", "images.npz"),
        weights_sha256(model),
    )


def test_damaged_records_are_skipped_up_to_a_number(tmp_path):
    info = write_dataset(make_source(noise(40)), options(), str(tmp_path / "data"), processes=1)
    path = pathlib.Path(info.files[8][0])
    for at in (100, path.stat().st_size // 2):
        flip(path, at)
    assert sum(map(len, RealPictures(info, 8, 40, 0, 2).batches())) == 40
    with pytest.raises(UserError, match="at most 1 damaged records, got 2"):
        list(RealPictures(info, 8, 40, 0, 1).batches())


def test_reals_are_a_choice_without_repetition_and_the_others_are_others(info):
    reals = RealPictures(info, 16, 300, seed=3)
    ours, others = (list(reals.batches(other)) for other in (False, True))
    assert [len(batch) for batch in ours] == [64] * 4 + [300 - 4 * 64]
    everything = np.concatenate([*ours, *others]).reshape(600, -1)
    assert everything.dtype == np.uint8
    assert len(np.unique(everything, axis=0)) == 600
    # The fakes get the labels of the reals.
    colors = len(shapes.COLORS) * len(shapes.BACKGROUNDS)
    classes = nearest_modes(np.concatenate(ours)) // colors
    np.testing.assert_array_equal(reals.labels(6).argmax(axis=1), classes)


def test_generators_are_scored_with_real_pictures_as_the_floor(info):
    reals = RealPictures(info, 16, 144, seed=0)
    counted = []
    comparison = Comparison(make_metrics(("swd", "ms_ssim", "modes"), reals), reals)
    scoring = Evaluation(comparison, counted.append)
    swd, ms_ssim, modes = scoring.score(generated(generator()), counted.append)
    assert sum(counted) == comparison.num_pictures(1) == 3 * 144
    # An untrained generator is far from any real picture, and others of these are near.
    assert swd.value > 3 * swd.floor_value
    assert modes.value > modes.floor_value + 0.5
    assert ms_ssim.floor_value < 0.6
    assert (swd.resolution, swd.num_images, swd.metric_version, swd.seed) == (16, 144, 1, 0)
    assert (swd.kimg, swd.checkpoint, swd.stage_resolution) == (5, "images.npz", 16)
    assert (swd.weights_sha256, swd.data) == (weights_sha256(generator()), "shapes, 3888 pictures")
    # The same weights have the same score, and others another.
    assert scoring.score(generated(generator())) == [swd, ms_ssim, modes]
    other, *_ = scoring.score(generated(generator(seed=1)))
    assert other.value != swd.value and other.weights_sha256 != swd.weights_sha256
    assert other.conditions == swd.conditions


def test_fakes_are_drawn_from_seeds_and_enlarged_by_repetition(info):
    small, reals = generator(resolution=8), RealPictures(info, 16, 70, seed=2)
    pictures = np.concatenate(list(fake_batches(generated(small), reals)))
    assert pictures.shape == (70, 16, 16, 3)
    latents = latents_from_seeds(range(2, 72), 4)
    expected = to_uint8(small([latents, reals.labels(6)]).numpy()).astype(int)
    assert np.abs(pictures - expected.repeat(2, 1).repeat(2, 2)).max() <= 1  # of another batch size


def test_without_pictures_for_two_sets_there_is_no_floor(info):
    reals = RealPictures(info, 16, 1945, seed=0)
    assert not reals.has_others and RealPictures(info, 16, 1944, seed=0).has_others
    assert Comparison((), reals).num_pictures(1) == 2 * 1945
    assert default_num_images(info) == 1944  # leaves as many
    assert default_num_images(dataclasses.replace(info, num_images=70000)) == 2048
    for num_images in (1, 3889):
        with pytest.raises(UserError, match=rf"expected 2 to 3888.* got {num_images}"):
            RealPictures(info, 16, num_images, seed=0)


def test_names_of_metrics_are_read_and_others_refused():
    assert parse_names(", ".join(NAMES), "--metrics") == NAMES
    for text in ("", "swd,", "fid_", "swd,swd"):
        with pytest.raises(UserError, match="--metrics: expected some of swd, "):
            parse_names(text, "--metrics")


def test_the_reals_of_a_part_are_all_of_its_pictures(info):
    parts = [
        RealPictures(info, 16, number, seed=3, held_out=0.25, part=part)
        for part, number in ((TRAINING, 2916), (HELD_OUT, 972))
    ]
    pictures = [one.tobytes() for part in parts for batch in part.batches() for one in batch]
    assert len(set(pictures)) == 3888 and not parts[0].has_others
    some = dataclasses.replace(parts[1], num_images=40)
    colors = len(shapes.COLORS) * len(shapes.BACKGROUNDS)
    modes = nearest_modes(next(some.batches()))
    np.testing.assert_array_equal(modes // colors, some.labels(6).argmax(axis=1))
    with pytest.raises(UserError, match=r"expected 2 to 972, .* got 973"):
        dataclasses.replace(parts[1], num_images=973)
