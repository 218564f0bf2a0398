"""Scoring a run's checkpoints at chosen ticks, and keeping the best."""

import json

import pytest

from pgan_tf.config.schedule import make_stages
from pgan_tf.config.training import NetworkConfig, ScheduleConfig, TrainingConfig
from pgan_tf.devices.strategy import make_strategy
from pgan_tf.metrics.by_name import make_metrics
from pgan_tf.metrics.evaluation import Evaluation, RealPictures, read_generated
from pgan_tf.metrics.in_training import Scorer
from pgan_tf.metrics.inception import open_inception
from pgan_tf.metrics.score_log import read_scores
from pgan_tf.runs import checkpoint
from pgan_tf.runs.folder import checkpoint_folder, open_run
from pgan_tf.runs.log import RunLog
from pgan_tf.training.state import build_state
from tests.helpers.small_inception import make_graph
from tests.helpers.tests_data import prepare_shapes
from tfrecords.common.errors import UserError

CONFIG = TrainingConfig(
    network=NetworkConfig(resolution=8, fmap_base=32, fmap_max=4, latent_size=4),
    schedule=ScheduleConfig(resolution=8, stabilize_kimg=1, fade_in_kimg=1, total_kimg=5),
)


@pytest.fixture(scope="module")
def info(tmp_path_factory):
    return prepare_shapes(tmp_path_factory.mktemp("data"), 8)


@pytest.fixture
def run_dir(tmp_path):
    """A run of five ticks, 1 kimg each, whose generator is another one at each."""
    folder = str(tmp_path / "run")
    open_run(folder, CONFIG, "")
    log = RunLog(folder, 0)
    state = build_state(make_stages(CONFIG.schedule)[-1], CONFIG, make_strategy("one_device"))
    for tick in range(1, 6):
        for variable in state.average_generator.trainable_variables:
            variable.assign(variable + 0.3)
        log.write_metrics({"images_shown": 1000 * tick, "seconds": float(tick)})
        checkpoint.save(
            checkpoint_folder(folder), state.stage, state.variables(), 1000 * tick, CONFIG
        )
    return folder


def make_scorer(info, run_dir, **plan):
    reals = RealPictures(info, 8, num_images=40, seed=0)
    metrics = make_metrics(("modes",), reals)
    return Scorer(metrics, reals, run_dir, CONFIG.schedule, **plan)


def go(scorer, run_dir, ticks=range(1, 6)):
    said = []
    for tick, path in enumerate(checkpoint.list_checkpoints(checkpoint_folder(run_dir)), start=1):
        if tick in ticks:
            scorer(path, 1000 * tick, said.append)
    return said


def test_every_second_tick_and_the_last_one_are_scored_as_evaluate_does(info, run_dir):
    said = go(make_scorer(info, run_dir, every=2), run_dir)
    scores = read_scores(run_dir)
    assert [score.kimg for score in scores] == [2, 4, 5]
    assert said == [str(score) for score in scores]
    reals = RealPictures(info, 8, num_images=40, seed=0)
    evaluation = Evaluation(make_metrics(("modes",), reals), reals)
    path = checkpoint.list_checkpoints(checkpoint_folder(run_dir))[3]
    assert evaluation.score(read_generated(path, "average_generator")) == [scores[1]]


def test_what_is_scored_already_is_not_scored_again(info, run_dir):
    go(make_scorer(info, run_dir, every=2), run_dir)
    with open(f"{run_dir}/metrics.jsonl") as file:
        before = file.read()
    assert go(make_scorer(info, run_dir, every=2), run_dir) == []
    with open(f"{run_dir}/metrics.jsonl") as file:
        assert file.read() == before


def test_a_score_that_is_missing_is_caught_up_with(info, run_dir):
    go(make_scorer(info, run_dir, every=2), run_dir)
    with open(f"{run_dir}/metrics.jsonl") as file:
        lines = file.readlines()
    with open(f"{run_dir}/metrics.jsonl", "w") as file:
        rows = map(json.loads, lines)
        file.writelines(
            line
            for line, row in zip(lines, rows, strict=True)
            if "kind" not in row or row["images_shown"] != 4000
        )
        file.write('{"kind": "score", "images_sho')
    (said,) = go(make_scorer(info, run_dir, every=4), run_dir, [4])
    assert "4 kimg" in said
    assert [score.kimg for score in read_scores(run_dir)] == [2, 4, 5]


@pytest.mark.parametrize("batches", [1, 3], ids=["in the reals", "in the fakes"])
def test_a_run_that_is_to_stop_breaks_scoring_off_and_catches_up(info, run_dir, batches):
    """A batch each: of the reals, of as many others for the floor, of the fakes."""
    scorer, asked = make_scorer(info, run_dir, every=1), []

    def stop_asked():
        asked.append(1)
        return len(asked) >= batches

    path = checkpoint.latest(checkpoint_folder(run_dir))
    scorer(path, 5000, pytest.fail, stop_asked)
    assert len(asked) == batches
    assert read_scores(run_dir) == []
    go(scorer, run_dir, [5])
    assert [score.kimg for score in read_scores(run_dir)] == [5]


def test_between_two_ticks_nothing_is_scored(info, run_dir):
    scorer = make_scorer(info, run_dir, every=1)
    path = checkpoint.latest(checkpoint_folder(run_dir))
    scorer(path, 4500, pytest.fail)
    assert read_scores(run_dir) == []


def test_best_checkpoint_stays_when_others_go(info, run_dir):
    scorer, folder = (
        make_scorer(info, run_dir, every=1, keep_best="modes"),
        checkpoint_folder(run_dir),
    )
    paths = checkpoint.list_checkpoints(folder)
    contents = []
    for path in paths:
        with open(path, "rb") as file:
            contents.append(file.read())
    for tick in range(1, 6):
        go(scorer, run_dir, [tick])
        values = [score.value for score in read_scores(run_dir)]
        with open(f"{folder}/best-modes.npz", "rb") as file:
            assert file.read() == contents[values.index(min(values))]
    assert len(set(values)) > 1
    checkpoint.prune(folder, keep=1)
    assert checkpoint.list_checkpoints(folder) == paths[-1:]
    assert checkpoint.read(f"{folder}/best-modes.npz").images_shown in range(1000, 6000, 1000)


def test_best_checkpoint_that_is_gone_comes_again(info, run_dir):
    go(make_scorer(info, run_dir, every=1), run_dir)
    scores = read_scores(run_dir)
    best = min(scores, key=lambda score: score.value)
    go(make_scorer(info, run_dir, every=1, keep_best="modes"), run_dir, [5])
    kept = checkpoint.read(f"{checkpoint_folder(run_dir)}/best-modes.npz")
    assert kept.images_shown == best.images_shown


def test_best_of_a_metric_that_is_not_computed_is_refused(info, run_dir):
    with pytest.raises(UserError, match=r"--keep_best: expected one of .*modes, got swd"):
        make_scorer(info, run_dir, every=1, keep_best="swd")


def test_inception_looks_while_it_trains_and_another_one_scores_anew(info, run_dir, tmp_path):
    for seed in (0, 0, 1):
        (tmp_path / "graph.pb").write_bytes(make_graph(seed))
        inception = open_inception(str(tmp_path / "graph.pb"), "")
        reals = RealPictures(info, 8, num_images=40, seed=0)
        metrics = make_metrics(("fid",), reals, inception.sha256)
        scorer = Scorer(metrics, reals, run_dir, CONFIG.schedule, every=2, inception=inception)
        go(scorer, run_dir)
    scores = read_scores(run_dir)
    assert [score.kimg for score in scores] == [2, 2, 4, 4, 5, 5]
    assert len({score.metric_weights_sha256 for score in scores}) == 2
    assert scores[0].conditions != scores[1].conditions
