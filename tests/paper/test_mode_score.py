"""The mode test of a run, on pictures whose answer is known."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from paper import mode_score
from paper.mode_score import NUM_MODES, DigitClassifier, count_modes, load_classifier
from pgan_tf.config.schedule import make_stages
from pgan_tf.config.training import NetworkConfig, ScheduleConfig, TrainingConfig
from pgan_tf.metrics.mode_coverage import mode_coverage
from pgan_tf.runs.folder import checkpoint_folder, open_run
from pgan_tf.training.state import build_state
from tests.helpers.small_run import save_state
from tfrecords.common.errors import UserError
from tfrecords.pictures.source import Source, one_hot


def test_digits_are_hundreds_tens_and_ones():
    # Pictures whose three channels say their digit by brightness.
    digits = np.array([[7, 4, 2], [7, 4, 2], [0, 0, 5]], np.uint8)
    pictures = np.broadcast_to(digits[:, None, None], (3, 32, 32, 3))
    counts = count_modes(np.array_split(pictures, 2), lambda channel: channel[:, 0, 0].astype(int))
    assert counts[742] == 2 and counts[5] == 1 and counts.sum() == 3 and len(counts) == NUM_MODES


def bars(index):
    """Ten kinds of bar, each a class of its own."""
    picture = np.zeros((32, 32), np.uint8)
    picture[3 + 2 * (index % 10) :][:6] = 255
    return picture


def source_of_bars(num_pictures=300, **changes):
    labels = one_hot((index % 10 for index in range(num_pictures)), 10)
    source = Source("bars", "bars", num_pictures, lambda: bars, ["bars"], str, labels=labels)
    return dataclasses.replace(source, **changes)


def test_a_classifier_learns_and_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(mode_score, "_IMAGES_SHOWN", 3000)
    first = load_classifier(source_of_bars(), str(tmp_path))
    assert first.accuracy > 0.9
    monkeypatch.setattr(mode_score, "_train", None)  # would fail if it was called
    again = load_classifier(source_of_bars(), str(tmp_path))
    assert again.accuracy == first.accuracy
    pictures = np.stack([bars(index) for index in range(10)])
    np.testing.assert_array_equal(first(pictures), again(pictures))
    with pytest.raises(TypeError):  # other digits train another one
        load_classifier(source_of_bars(identity=["others"]), str(tmp_path))
    small = source_of_bars(open=lambda: lambda index: np.zeros((28, 28), np.uint8))
    for other, words in ((source_of_bars(labels=None), "labels 0 to 9"), (small, "32x32 pixels")):
        with pytest.raises(UserError, match=f"expected digits .*{words}"):
            load_classifier(other, str(tmp_path))


class ByHeight(DigitClassifier):
    """Reads `bars`: which row is the first bright one."""

    def __call__(self, pictures):
        bright = (pictures.max(axis=2) > 200).argmax(axis=1)
        return np.clip((bright - 3) // 2, 0, 9)


def save_run(folder, resolution):
    schedule = ScheduleConfig(resolution=resolution, initial_resolution=8)
    network = NetworkConfig(resolution=resolution, fmap_base=64, fmap_max=4, latent_size=4)
    config = TrainingConfig(network=network, schedule=schedule)
    open_run(folder, config, "")
    state = build_state(make_stages(config.schedule)[0], config, tf.distribute.get_strategy())
    save_state(checkpoint_folder(folder), state, 16, config)
    return folder


def test_a_runs_modes_are_counted_beside_those_of_reals(tmp_path, monkeypatch):
    monkeypatch.setattr(mode_score, "load_classifier", lambda source, cache: ByHeight(None, 0.987))
    run_dir = save_run(str(tmp_path / "run"), 32)
    score = mode_score.measure_modes(run_dir, source_of_bars(500), "cache", 1000)
    # An untrained generator draws about one thing; ten kinds of bar, thrice, are a thousand.
    assert score.values["modes"] < 100 and score.values["reverse_kl"] > 2
    uniform = np.random.default_rng(0).integers(NUM_MODES, size=(20, 1000))
    found = [mode_coverage(np.bincount(row, minlength=NUM_MODES)) for row in uniform]
    modes, kl = np.mean(found, axis=0)
    assert score.floor["modes"] == pytest.approx(modes, abs=40)
    assert score.floor["reverse_kl"] == pytest.approx(kl, rel=0.1)
    assert (score.num_images, score.images_shown, score.resolution) == (1000, 16, 32)
    assert "98.70%" in score.filter
    other = save_run(str(tmp_path / "other"), 8)
    with pytest.raises(UserError, match="expected a generator of 32x32 in color, got 8 px"):
        mode_score.measure_modes(other, source_of_bars(), "cache", 10)
