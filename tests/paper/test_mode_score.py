"""The mode test's figures, on samples whose answer is known."""

import dataclasses
import math

import numpy as np
import pytest
import tensorflow as tf

from paper import mode_score
from paper.mode_score import NUM_MODES, DigitClassifier, count_modes, load_classifier
from pgan_tf.config.schedule import make_stages
from pgan_tf.config.training import NetworkConfig, ScheduleConfig, TrainingConfig
from pgan_tf.metrics.mode_coverage import mode_coverage
from pgan_tf.runs import checkpoint
from pgan_tf.runs import folder as run_folder
from pgan_tf.training.state import build_state
from tfrecords.common.errors import UserError
from tfrecords.pictures.source import Source, one_hot


def picture_of(number):
    """A picture whose three channels say their digit by brightness."""
    digits = (number // 100, number // 10 % 10, number % 10)
    return np.broadcast_to(np.array(digits, np.uint8), (32, 32, 3))


def by_brightness(pictures):
    return pictures[:, 0, 0].astype(np.int64)


def counts_of(numbers):
    return count_modes([np.stack([picture_of(number) for number in numbers])], by_brightness)


def test_digits_are_hundreds_tens_and_ones():
    counts = counts_of([742, 742, 5])
    assert counts[742] == 2 and counts[5] == 1 and counts.sum() == 3


def test_every_mode_once_is_uniform():
    counts = counts_of(range(NUM_MODES))
    assert mode_coverage(counts) == (1000, pytest.approx(0, abs=1e-12))


def test_one_mode_alone_diverges_by_log_1000():
    assert mode_coverage(counts_of([123] * 7)) == (1, pytest.approx(math.log(1000)))


def test_half_of_the_modes_diverge_by_log_2():
    assert mode_coverage(counts_of(range(500))) == (500, pytest.approx(math.log(2)))


def test_a_perfect_generator_comes_to_what_chance_lets_it():
    """A sample of a uniform distribution is not uniform itself."""
    numbers = np.random.default_rng(0).integers(NUM_MODES, size=(20, 5000))
    found = [mode_coverage(np.bincount(row, minlength=NUM_MODES)) for row in numbers]
    missed = NUM_MODES * (1 - 1 / NUM_MODES) ** 5000
    assert np.mean([modes for modes, _ in found]) == pytest.approx(round(NUM_MODES - missed), abs=2)
    # To second order.
    kl = np.mean([kl for _, kl in found])
    assert kl == pytest.approx((NUM_MODES - 1) / (2 * 5000), rel=0.1)


def bars(index):
    """Ten kinds of bar, each a class of its own."""
    picture = np.zeros((32, 32), np.uint8)
    picture[3 + 2 * (index % 10) :][:6] = 255
    return picture


def source_of_bars(num_pictures=600, **changes):
    source = Source(
        name="bars",
        description="bars",
        num_pictures=num_pictures,
        open=lambda: bars,
        identity=["bars"],
        picture_name=str,
        labels=one_hot((index % 10 for index in range(num_pictures)), 10),
    )
    return dataclasses.replace(source, **changes)


def test_a_classifier_learns_and_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("paper.mode_score._IMAGES_SHOWN", 6000)
    first = load_classifier(source_of_bars(), str(tmp_path))
    assert first.accuracy > 0.9
    [kept] = tmp_path.glob("digits-*.keras")
    monkeypatch.setattr("paper.mode_score._train", None)  # would fail if it was called
    again = load_classifier(source_of_bars(), str(tmp_path))
    assert again.accuracy == first.accuracy
    pictures = np.stack([bars(index) for index in range(10)])
    np.testing.assert_array_equal(first(pictures), again(pictures))
    assert [*tmp_path.iterdir()] == [kept]


def test_other_pictures_than_digits_are_refused(tmp_path):
    with pytest.raises(UserError, match="expected digits with labels 0 to 9"):
        load_classifier(source_of_bars(labels=None), str(tmp_path))
    small = source_of_bars(open=lambda: lambda index: np.zeros((28, 28), np.uint8))
    with pytest.raises(UserError, match="expected digits of 32x32 pixels"):
        load_classifier(small, str(tmp_path))


class ByHeight(DigitClassifier):
    """Reads `bars`: which row is the first bright one."""

    def __call__(self, pictures):
        bright = (pictures.max(axis=2) > 200).argmax(axis=1)
        return np.clip((bright - 3) // 2, 0, 9)


def save_run(folder, resolution):
    config = TrainingConfig(
        network=NetworkConfig(resolution=resolution, fmap_base=64, fmap_max=4, latent_size=4),
        schedule=ScheduleConfig(resolution=resolution, initial_resolution=resolution),
    )
    run_folder.open_run(folder, config, "")
    state = build_state(make_stages(config.schedule)[0], config, tf.distribute.get_strategy())
    checkpoint.save(
        run_folder.checkpoint_folder(folder), state.stage, state.variables(), 16, config
    )


def test_a_runs_modes_are_counted_beside_those_of_reals(tmp_path, monkeypatch):
    monkeypatch.setattr(mode_score, "load_classifier", lambda source, cache: ByHeight(None, 0.987))
    save_run(str(tmp_path / "run"), 32)
    score = mode_score.measure_modes(str(tmp_path / "run"), source_of_bars(500), "cache", 1000)
    # An untrained generator draws about one thing; ten kinds of bar, thrice, are a thousand.
    assert score.values["modes"] < 100 and score.values["reverse_kl"] > 2
    uniform = np.random.default_rng(0).integers(NUM_MODES, size=(20, 1000))
    found = [mode_coverage(np.bincount(row, minlength=NUM_MODES)) for row in uniform]
    assert score.floor["modes"] == pytest.approx(np.mean([modes for modes, _ in found]), abs=40)
    kl = np.mean([kl for _, kl in found])
    assert score.floor["reverse_kl"] == pytest.approx(kl, rel=0.1)
    assert score.num_images == 1000 and "98.70%" in score.filter
    row = score.to_row()
    assert row["metric"] == "mnist_modes" and row["images_shown"] == 16


def test_other_generators_than_32_px_are_refused(tmp_path):
    save_run(str(tmp_path / "run"), 8)
    with pytest.raises(UserError, match="expected a generator of 32x32 in color, got 8 px"):
        mode_score.measure_modes(str(tmp_path / "run"), source_of_bars(), "cache", 10)
