import dataclasses
import functools
import pathlib

import numpy as np
import pytest

from pgan_tf.config.schedule import Stage
from pgan_tf.config.training import NetworkConfig
from pgan_tf.data.dataset import make_dataset
from pgan_tf.metrics import evaluation
from pgan_tf.metrics.by_name import NAMES, make_metrics, parse_names
from pgan_tf.metrics.evaluation import (
    Evaluation,
    Generated,
    RealPictures,
    default_num_images,
    fake_batches,
    weights_sha256,
)
from pgan_tf.metrics.mode_coverage import nearest_modes
from pgan_tf.networks.generator import build_generator
from tests.helpers.tests_data import prepare_shapes
from tfrecords.common.errors import UserError
from tfrecords.sources import shapes

NETWORK = NetworkConfig(resolution=16, fmap_base=32, fmap_max=4, latent_size=4, label_size=6)


@pytest.fixture(scope="module")
def info(tmp_path_factory):
    return prepare_shapes(tmp_path_factory.mktemp("data"), 16)


def generator(resolution=16, seed=0):
    return build_generator(Stage(0, resolution, "stabilize", 0, 0), NETWORK, seed=seed)


def generated(model):
    return Generated(
        draw=model,
        latent_size=4,
        label_size=6,
        images_shown=5000,
        stage=0,
        stage_resolution=model.output_shape[1],
        network="average_generator",
        checkpoint="images.npz",
        weights_sha256=weights_sha256(model),
    )


def test_damaged_records_are_left_out_as_far_as_is_borne(tmp_path):
    info = prepare_shapes(tmp_path / "data", 8)
    path = pathlib.Path(info.files[8][0])
    contents = bytearray(path.read_bytes())
    for at in (100, len(contents) // 2):
        contents[at] ^= 1
    path.write_bytes(contents)
    assert sum(map(len, RealPictures(info, 8, info.num_images, 0, 2).batches())) == info.num_images
    with pytest.raises(UserError, match="at most 1 damaged records, got 2"):
        list(RealPictures(info, 8, info.num_images, 0, 1).batches())


def test_a_file_of_reals_that_is_gone_is_one_line(tmp_path, monkeypatch):
    """Read from files, as data sets that memory does not hold are."""
    info = prepare_shapes(tmp_path / "data", 8)
    from_files = functools.partial(make_dataset, memory_bytes=0)
    monkeypatch.setattr(evaluation, "make_dataset", from_files)
    batches = RealPictures(info, 8, info.num_images, 0, 2).batches()
    next(batches)
    pathlib.Path(info.files[8][0]).unlink()
    with pytest.raises(UserError, match=r"^data: a file of the data set is gone.*put it back"):
        list(batches)


def test_reals_are_a_choice_without_repetition_and_the_others_are_others(info):
    reals = RealPictures(info, 16, 300, seed=3)
    ours, others = (list(reals.batches(other)) for other in (False, True))
    assert [len(batch) for batch in ours] == [64] * 4 + [300 - 4 * 64]
    everything = np.concatenate([*ours, *others]).reshape(600, -1)
    assert everything.dtype == np.uint8
    assert len(np.unique(everything, axis=0)) == 600


def test_labels_are_those_of_the_reals(info):
    reals = RealPictures(info, 16, 150, seed=3)
    colours = len(shapes.COLOURS) * len(shapes.BACKGROUNDS)
    classes = nearest_modes(np.concatenate(list(reals.batches()))) // colours
    np.testing.assert_array_equal(reals.labels(6).argmax(axis=1), classes)


def test_generators_are_scored_with_real_pictures_as_the_floor(info):
    reals = RealPictures(info, 16, 144, seed=0)
    counted = []
    metrics = make_metrics(("swd", "ms_ssim", "modes"), reals)
    scoring = Evaluation(metrics, reals, counted.append)
    found = scoring.score(generated(generator()), counted.append)
    scores = {score.metric: score for score in found}
    assert sum(counted) == Evaluation.num_pictures(reals, 1) == 3 * 144
    # An untrained generator is far from any real picture, and others of these are near.
    assert scores["swd"].value > 3 * scores["swd"].floor_value
    assert scores["swd"].values.keys() == {"swd", "swd_16"}
    assert scores["modes"].value > scores["modes"].floor_value + 0.5
    assert scores["ms_ssim"].floor_value < 0.6
    score = scores["swd"]
    assert (score.resolution, score.num_images, score.metric_version, score.seed) == (16, 144, 1, 0)
    assert (score.kimg, score.checkpoint, score.stage_resolution) == (5, "images.npz", 16)
    assert score.weights_sha256 == weights_sha256(generator())
    assert score.data == "shapes, 3888 pictures"


def test_the_same_weights_have_the_same_score_and_others_another(info):
    reals = RealPictures(info, 16, 64, seed=0)
    scoring = Evaluation(make_metrics(("swd",), reals), reals)
    first, again, other = (scoring.score(generated(generator(seed=seed)))[0] for seed in (0, 0, 1))
    assert first == again
    assert other.value != first.value
    assert other.weights_sha256 != first.weights_sha256
    assert other.conditions == first.conditions


def test_pictures_of_an_earlier_stage_are_enlarged_by_repetition(info):
    small, reals = generator(resolution=8), RealPictures(info, 16, 70, seed=0)
    pictures = np.concatenate(list(fake_batches(generated(small), reals)))
    assert pictures.shape == (70, 16, 16, 3)
    np.testing.assert_array_equal(pictures, pictures[:, ::2, ::2].repeat(2, 1).repeat(2, 2))
    assert len(np.unique(pictures.reshape(70, -1), axis=0)) == 70


def test_without_pictures_for_two_sets_there_is_no_floor(info):
    few = dataclasses.replace(info, num_images=3888)
    reals = RealPictures(few, 16, 1945, seed=0)
    assert not reals.has_others
    assert RealPictures(few, 16, 1944, seed=0).has_others
    assert Evaluation.num_pictures(reals, 1) == 2 * 1945


@pytest.mark.parametrize("num_images", [1, 3889])
def test_sets_that_cannot_be_are_refused(info, num_images):
    with pytest.raises(UserError, match=rf"expected 2 to 3888.* got {num_images}"):
        RealPictures(info, 16, num_images, seed=0)


def test_default_leaves_as_many_pictures_for_the_floor(info):
    assert default_num_images(info) == 3888 // 2
    assert default_num_images(dataclasses.replace(info, num_images=70000)) == 2048


def test_checksum_depends_on_names_and_every_value():
    model = generator()
    before = weights_sha256(model)
    kernel = model.get_layer("4x4_conv").kernel
    value = kernel.numpy()
    value[0, 0, 0, 0] = np.nextafter(value[0, 0, 0, 0], 10, dtype=np.float32)
    kernel.assign(value)
    assert weights_sha256(model) != before


@pytest.mark.parametrize("text", ["", "swd,", "fid_", "swd,swd"])
def test_unknown_metrics_are_refused(text):
    with pytest.raises(UserError, match="--metrics: expected some of swd, "):
        parse_names(text, "--metrics")


def test_names_can_be_spaced():
    assert parse_names(", ".join(NAMES), "--metrics") == NAMES
