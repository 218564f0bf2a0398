"""pgan.json and the model card: what an export says of itself."""

import dataclasses
import json

import pytest

from pgan_tf.exporting.model_card import describe, model_card
from pgan_tf.metrics.evaluation import weights_sha256
from pgan_tf.metrics.score import Score
from pgan_tf.runs import trained
from pgan_tf.runs.log import RunLog
from tests.helpers.exports import make_trained
from tests.helpers.golden_cases import GOLDEN
from tests.helpers.small_run import make_small_run


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    """A run of two checkpoints, each with a tick, the second with a score."""
    folder = tmp_path_factory.mktemp("run") / "run"
    make_small_run(str(folder))
    name = max(path.name for path in (folder / "checkpoints").iterdir())
    values = {"a": 3.5, "average": 7.25}
    weights = weights_sha256(trained.from_run(str(folder)).generator)
    score = Score(
        *("swd", values, {"a": 1.0, "average": 2.125}, "average", "lower", 32, 2, 8, 8, 1, 64),
        *("box", 0, "made up", "average_generator", name, weights),
    )
    RunLog(str(folder), 32).write_metrics(score.to_row())
    return folder


def described(path, weights="average_generator"):
    known = describe(trained.from_checkpoint(str(path), weights), "saved_model")
    assert json.loads(json.dumps(known)) == known
    return known, model_card(known, "How to use it.")


def assert_rows(card, *rows):
    for row in rows:
        assert f"| {row} |" in card


def test_the_last_checkpoint_has_the_last_tick_and_its_scores(run_dir):
    last = max((run_dir / "checkpoints").iterdir())
    known, card = described(last)
    expected = {"resolution": 8, "latent_size": 6, "label_size": 2, "kimg": 0.032, "alpha": 1.0}
    expected |= {"training_data": "made up & <b>small</b>", "is_blend": False}
    assert {name: known[name] for name in expected} == expected
    assert known["metrics"]["images_shown"] == 32
    assert [score["values"]["average"] for score in known["scores"]] == [7.25]
    assert_rows(
        card,
        "swd | 7.25 | 2.125",
        "classes | 2: `labels`, one-hot, in this order: cat, dog",
        "trained on | 0.032 thousand images",
        "growth | full",
        "pictures | 8 x 8 px, RGB",
        "weights | the running average of the generator's",
        "fake score | 96",  # small_run: the i-th metric at 32 is 32 i
    )
    assert "made up &amp; &lt;b&gt;small&lt;/b&gt;" in card and "<b>" not in card
    assert "`labels` that draw dog: `tf.one_hot([1], 2)`" in card
    assert "How to use it." in card

    # `--keep_best` copies it; other weights of the same file have none of its scores.
    best = run_dir / "checkpoints" / "best-swd.npz"
    best.write_bytes(last.read_bytes())
    known, _ = described(best)
    best.unlink()
    assert known["checkpoint"] == "best-swd.npz"
    assert [score["values"]["average"] for score in known["scores"]] == [7.25]
    assert described(last, "generator")[0]["scores"] == []


def test_an_earlier_checkpoint_has_its_own_tick_and_no_later_score(run_dir, tmp_path):
    first = min((run_dir / "checkpoints").iterdir())
    known, card = described(first, "generator")
    assert known["metrics"]["images_shown"] == 8 and known["scores"] == []
    assert_rows(card, "growth | to 4 px of 8")
    # Outside of its run nothing is known of that.
    alone = tmp_path / first.name
    alone.write_bytes(first.read_bytes())
    known, card = described(alone)
    assert known["metrics"] == {} and known["scores"] == [] and known["kimg"] == 0.008
    assert "Nothing that is known here." in card


def test_a_published_network_says_whose_it_is_and_what_nobody_knows():
    known = describe(trained.from_official(str(GOLDEN / "base.pkl")), "onnx")
    card = model_card(known, "")
    assert card.startswith("# base.pkl, 32 px\n")
    assert "trained by the published implementation" in card
    assert "CC BY-NC 4.0" in known["terms"] and known["terms"] in card
    unknown = "unknown: a published pickle does not say"
    assert_rows(card, f"training data | {unknown}", f"trained on | {unknown}")


def test_a_card_says_of_a_blend_that_it_is_one_and_what_is_not_known():
    gray = dataclasses.replace(make_trained(num_channels=1), kimg=None, training_data="", source="")
    known = describe(gray, "saved_model")
    assert (known["is_blend"], known["phase"], known["alpha"]) == (True, "fade_in", 0.4)
    card = model_card(known, "")
    assert card.startswith("# A generator of 16 px\n")
    assert (
        "| growth | fading in 8→16 px: exported as it stood, a blend of both at alpha 0.400" in card
    )
    assert_rows(card, "training data | unknown", "trained on | unknown", "weights | unknown")
    assert_rows(card, "classes | none", "pictures | 16 x 16 px, gray")


def test_twenty_classes_are_named_in_their_order():
    for count, end in ((20, "kind 19"), (21, "kind 19, …")):
        names = tuple(f"kind {i}" for i in range(count))
        known = describe(dataclasses.replace(make_trained(count), label_names=names), "saved_model")
        assert known["label_names"] == list(names)
        row = f"one-hot, in this order: {', '.join(names[:19])}, {end} |"
        assert row in model_card(known, "")
