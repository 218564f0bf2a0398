"""Scoring a run's checkpoints at chosen ticks, and keeping the best."""

import pathlib
import shutil

import pytest

from pgan_tf.config.schedule import make_stages
from pgan_tf.config.training import NetworkConfig, ScheduleConfig, TrainingConfig
from pgan_tf.devices.strategy import make_strategy
from pgan_tf.metrics.by_name import make_metrics
from pgan_tf.metrics.evaluation import Comparison, Evaluation, RealPictures, read_generated
from pgan_tf.metrics.in_training import Scorer
from pgan_tf.metrics.score_log import read_scores
from pgan_tf.runs import checkpoint
from pgan_tf.runs.folder import checkpoint_folder, open_run
from pgan_tf.runs.log import RunLog
from pgan_tf.training.state import build_state
from tests.helpers.small_run import save_state
from tfrecords.common.errors import UserError

CONFIG = TrainingConfig(
    network=NetworkConfig(resolution=8, fmap_base=32, fmap_max=4, latent_size=4),
    schedule=ScheduleConfig(resolution=8, stabilize_kimg=1, fade_in_kimg=1, total_kimg=5),
)


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A run of five ticks, 1 kimg each, whose generator is another one at each."""
    folder = str(tmp_path_factory.mktemp("template") / "run")
    open_run(folder, CONFIG, "")
    log = RunLog(folder, 0)
    state = build_state(make_stages(CONFIG.schedule)[-1], CONFIG, make_strategy("one_device"))
    for tick in range(1, 6):
        for variable in state.average_generator.trainable_variables:
            variable.assign(variable + 0.3)
        log.write_metrics({"images_shown": 1000 * tick, "seconds": float(tick)})
        save_state(checkpoint_folder(folder), state, 1000 * tick, CONFIG)
    return folder


@pytest.fixture
def run_dir(template, tmp_path):
    return str(shutil.copytree(template, tmp_path / "run"))


@pytest.fixture(scope="module")
def reals(shapes_at):
    return RealPictures(shapes_at(8), 8, num_images=40, seed=0)


@pytest.fixture
def make_scorer(reals, run_dir):
    """Makes a scorer, as another process would."""
    comparison = Comparison(make_metrics(("modes",), reals), reals)
    return lambda every, keep_best=None: Scorer(
        [comparison], run_dir, CONFIG.schedule, every, keep_best
    )


def paths_of(run_dir):
    return checkpoint.list_checkpoints(checkpoint_folder(run_dir))


def score(scorer, *ticks):
    """Returns the lines that it says."""
    lines = []
    for tick in ticks:
        scorer(paths_of(scorer.run_dir)[tick - 1], 1000 * tick, lines.append)
    return lines


def kimg_of(run_dir):
    return [score.kimg for score in read_scores(run_dir)]


def test_every_second_tick_and_the_last_one_are_scored_as_evaluate_does(
    make_scorer, reals, run_dir
):
    lines = score(make_scorer(every=2), 1, 2, 3, 4, 5)
    scores = read_scores(run_dir)
    assert kimg_of(run_dir) == [2, 4, 5]
    assert lines == [str(score) for score in scores]
    generated = read_generated(paths_of(run_dir)[3], "average_generator")
    evaluation = Evaluation(Comparison(make_metrics(("modes",), reals), reals))
    assert evaluation.score(generated) == [scores[1]]
    # What is scored already is not scored again, only what is missing.
    log = pathlib.Path(run_dir, "metrics.jsonl")
    kept = [line for line in log.open() if '"score"' not in line or ": 4000" not in line]
    log.write_text("".join(kept) + '{"kind": "score", "images_sho')
    (line,) = score(make_scorer(every=2), 2, 4, 5)
    assert "4 kimg" in line and read_scores(run_dir) == scores


def test_a_run_that_is_to_stop_interrupts_scoring_and_catches_up(make_scorer, run_dir):
    scorer = make_scorer(every=1)
    # A batch each: of the reals, of as many others for the floor, of the fakes.
    for answers in ([True], [False, False, True]):
        scorer(paths_of(run_dir)[-1], 5000, pytest.fail, lambda left=answers: left.pop(0))
        assert answers == []
        assert read_scores(run_dir) == []
    # Between two ticks nothing is scored.
    scorer(paths_of(run_dir)[-1], 4500, pytest.fail)
    score(scorer, 5)
    assert kimg_of(run_dir) == [5]


def test_the_best_checkpoint_stays_when_others_are_removed(make_scorer, run_dir):
    scorer = make_scorer(every=1, keep_best="modes")
    contents = [pathlib.Path(path).read_bytes() for path in paths_of(run_dir)]
    kept = pathlib.Path(checkpoint_folder(run_dir), "best-modes.npz")
    for tick in range(1, 6):
        score(scorer, tick)
        values = [one.value for one in read_scores(run_dir)]
        best = values.index(min(values))
        assert kept.read_bytes() == contents[best]
    # Deleted, it comes again.
    kept.unlink()
    score(make_scorer(every=1, keep_best="modes"), 5)
    assert kept.read_bytes() == contents[best]
    checkpoint.prune(checkpoint_folder(run_dir), keep=1)
    assert len(paths_of(run_dir)) == 1 and kept.exists()
    with pytest.raises(UserError, match=r"--keep_best: expected one of .*modes, got swd"):
        make_scorer(every=1, keep_best="swd")
