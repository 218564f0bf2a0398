"""Whether a run learns its pictures by heart, where it is known."""

import math
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from pgan_tf.config.schedule import make_stages
from pgan_tf.config.training import NetworkConfig, ScheduleConfig, TrainingConfig
from pgan_tf.data.reals import fade_reals, to_float
from pgan_tf.devices.strategy import make_strategy
from pgan_tf.metrics.by_name import make_metrics
from pgan_tf.metrics.evaluation import Comparison, Evaluation, Generated, RealPictures
from pgan_tf.metrics.in_training import Scorer
from pgan_tf.metrics.memorization import (
    THRESHOLD,
    Scores,
    before_path,
    first_by_heart,
    make_judge,
    relative_score,
    share_nearer,
)
from pgan_tf.metrics.score import Score
from pgan_tf.metrics.score_log import read_scores
from pgan_tf.networks.growth import set_alpha
from pgan_tf.runs import checkpoint
from pgan_tf.runs.folder import checkpoint_folder, open_run
from pgan_tf.runs.log import RunLog
from pgan_tf.runs.next_steps import next_steps
from pgan_tf.training.state import build_state
from tests.helpers.built_dataset import build, draw
from tests.helpers.small_run import save_state
from tfrecords.format.dataset_info import read_dataset_info

RANDOM = np.random.default_rng(0)
COUNT, SIDE = 12, 16


def judge_brightness(pictures, are_real):
    """A discriminator whose score is a picture's brightness, 0 to 255."""
    return pictures.mean(axis=(1, 2, 3))


def score_of(fakes, training, held_out, folder):
    """Returns the score of a generator that draws the `fakes`, one after another."""
    infos = []
    for name, pictures in (("training", training), ("held_out", held_out)):
        (folder / name).mkdir()
        infos.append(read_dataset_info(str(build(folder / name, pictures))))
    reals, others = (RealPictures(info, SIDE, COUNT, seed=0) for info in infos)
    metrics = make_metrics(("memorization",), reals)
    counted = []
    comparison = Comparison(metrics, reals, others)
    images = tf.constant(fakes, tf.float32) / 127.5 - 1
    generated = Generated(
        *(lambda inputs: images[: len(inputs[0])], 4, 0, 5000, 0, SIDE, "average_generator"),
        *("images.npz", "0" * 64, judge_brightness),
    )
    (score,) = Evaluation(comparison, counted.append).score(generated, counted.append)
    assert sum(counted) == comparison.num_pictures(1)
    return score


def noise(seed, brightness):
    """As many pictures of noise of a mean brightness."""
    return draw(COUNT, SIDE, seed=seed) // 8 + np.uint8(brightness - 16)


def test_r_v_is_where_the_score_of_held_out_pictures_lies_between_training_and_fakes(tmp_path):
    score = score_of(noise(1, 100), noise(2, 200), noise(3, 120), tmp_path)
    # (200 - 120) / (200 - 100)
    assert score.headline == "r_v" and score.value == pytest.approx(0.8, abs=0.01)
    # The fakes are darker than the held-out pictures, which are less bright than the training ones.
    assert score.values["nearer_to_training"] == 0
    assert score.num_images == COUNT


def test_samples_that_repeat_pictures_are_nearer_to_those():
    training, held_out = RANDOM.normal(size=(2, 300, 50)).astype(np.float32)
    assert share_nearer(training, training, held_out) == 1
    assert share_nearer(held_out, training, held_out) == 0
    # A quarter of the samples repeat, and the others are as near to either.
    mixed = np.concatenate([training[:75], RANDOM.normal(size=(225, 50)).astype(np.float32)])
    assert share_nearer(mixed, training, held_out) == pytest.approx(0.25 + 0.75 / 2, abs=0.08)


def test_samples_that_repeat_nothing_are_as_near_to_either_set():
    fakes, training, held_out = RANDOM.normal(size=(3, 400, 5)).astype(np.float32)
    assert share_nearer(fakes, training, held_out) == pytest.approx(0.5, abs=0.08)
    assert share_nearer(fakes, training, training) == 0.5  # ties


def test_r_v_is_unknown_where_the_discriminator_does_not_tell_fakes():
    training, held_out = Scores(5.0, 0.1), Scores(2.0, 0.1)
    assert relative_score(training, held_out, Scores(2.0, 0.1)) == 1
    assert relative_score(training, training, Scores(2.0, 0.1)) == 0
    for fakes in (5.0, 4.8, 9.0):
        assert math.isnan(relative_score(training, held_out, Scores(fakes, 0.1)))


CONFIG = TrainingConfig(
    network=NetworkConfig(resolution=SIDE, fmap_base=32, fmap_max=4, latent_size=4),
    schedule=ScheduleConfig(resolution=SIDE, stabilize_kimg=1, fade_in_kimg=1, total_kimg=5),
)


def test_the_discriminator_sees_reals_as_in_training_and_fakes_as_they_are(tmp_path):
    stage = next(one for one in make_stages(CONFIG.schedule) if one.resolution == 8)
    state = build_state(stage, CONFIG, make_strategy("one_device"))
    images_shown = int((stage.first_image + stage.last_image) / 2)
    saved = checkpoint.read(save_state(str(tmp_path), state, images_shown, CONFIG))
    assert stage.fades_in and 0.3 < saved.alpha < 0.7
    set_alpha(state.discriminator, saved.alpha)
    small = draw(8, 8)
    images = to_float(tf.constant(small))
    judge = make_judge(saved)
    for are_real, seen in ((False, images), (True, fade_reals(images, saved.alpha))):
        found = judge(small.repeat(2, axis=1).repeat(2, axis=2), are_real)
        expected = state.discriminator(seen)[0]
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    # Of eleven, three are left over when groups of four are made.
    assert len(judge(draw(11, 16), True)) == 8 and len(judge(draw(3, 16), True)) == 3


def test_a_run_says_once_that_it_learns_by_heart_and_keeps_the_checkpoint_before(
    tmp_path, monkeypatch
):
    run_dir, values = str(tmp_path / "run"), [math.nan, 0.5, THRESHOLD - 0.01, 0.9, 0.7, 0.95]
    open_run(run_dir, CONFIG, "")
    log = RunLog(run_dir, 0)
    shown = iter(range(1000, 7000, 1000))

    class FakeEvaluation:
        def __init__(self, comparison, report):
            pass

        def score(self, generated, report):
            at = generated.images_shown
            value = {"r_v": values[at // 1000 - 1]}
            named = {"metric": "memorization", "values": value, "floor": None, "headline": "r_v"}
            named |= {"better": "lower", "stage": 0, "stage_resolution": 16, "resolution": 16}
            named |= {"metric_version": 1, "num_images": COUNT, "filter": "", "seed": 0, "data": ""}
            kept = {"network": "average_generator", "checkpoint": "", "weights_sha256": ""}
            return [Score(**named, **kept, images_shown=at)]

    monkeypatch.setattr("pgan_tf.metrics.in_training.Evaluation", FakeEvaluation)
    (tmp_path / "data").mkdir()
    info = read_dataset_info(str(build(tmp_path / "data", noise(1, 99))))
    reals = RealPictures(info, SIDE, COUNT, seed=0)
    comparison = Comparison(make_metrics(("memorization",), reals), reals, reals)
    state = build_state(make_stages(CONFIG.schedule)[0], CONFIG, make_strategy("one_device"))
    lines, contents = [], []
    for at in shown:
        log.write_metrics({"images_shown": at, "seconds": 1.0})
        path = save_state(checkpoint_folder(run_dir), state, at, CONFIG)
        contents.append(pathlib.Path(path).read_bytes())
        for _ in range(2):  # as when the run is resumed
            scorer = Scorer([comparison], run_dir, CONFIG.schedule, every=1)
            scorer(path, at, lines.append)
    assert [line for line in lines if "by heart" in line] == [lines[4]]
    assert lines[4].startswith("From 4 kimg on ") and "--augment=ada" in lines[4]
    assert len(lines) == 7 and first_by_heart(read_scores(run_dir)).kimg == 4
    before = before_path(run_dir)
    assert pathlib.Path(before).read_bytes() == contents[2]
    steps = next_steps(run_dir, str, None, before)
    assert f"generate --checkpoint={before} --grid" in " ".join(step.command for step in steps)
