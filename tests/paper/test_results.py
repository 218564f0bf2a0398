"""What is measured of the experiments: running, summing up, keeping, showing."""

import dataclasses
import json
import signal

import numpy as np
import pytest

from paper import results, running
from paper.experiments import EXPERIMENTS, choose
from paper.results import Result
from tests.helpers.places import ROOT
from tfrecords.common.errors import StoppedError, UserError
from tfrecords.sources.idx import open_mnist

FIRST = Result("python -m paper --run=x", "16 px", 2, 120.0, {"SWD x10³": 12.3}, {"SWD x10³": 2.5})


def changed(**changes):
    return dataclasses.replace(FIRST, **changes)


def test_figures_are_kept_and_shown(tmp_path):
    path = tmp_path / "paper.json"
    assert results.read_results(str(path)) == {}
    results.write_results(str(path), {"table1_g": FIRST, "table1_b": changed(cores=1)})
    kept = results.read_results(str(path))
    assert list(kept) == ["table1_b", "table1_g"]  # the paper's order
    assert kept["table1_g"] == FIRST
    text = results.describe(EXPERIMENTS, kept)
    assert len(text.split("\n\n")) == len(EXPERIMENTS)
    assert "SWD x10³ 12.3 (reals 2.5) (16 px; 120 s on 2 cores)" in text
    assert "120 s on 1 core)" in text and "pictures only" in text
    path.write_text("{")
    with pytest.raises(UserError, match=r"paper\.json: expected results"):
        results.read_results(str(path))


def test_the_page_shows_what_was_measured():
    page = (ROOT / "docs" / "paper.md").read_text()
    found = results.read_results(str(ROOT / "docs" / "paper.json"))
    assert results.replace_table(page, results.to_markdown(EXPERIMENTS, found)) == page
    assert "| not measured |" in results.to_markdown(EXPERIMENTS, {})
    with pytest.raises(UserError, match="measured: begin"):
        results.replace_table("a page", "a table")


def test_other_seeds_stand_beside_the_first():
    first = results.add_seed(FIRST, 7, changed(figures={"SWD x10³": 10.0}, seconds=1.0))
    shown = results.describe(EXPERIMENTS, {"table1_g": first})
    assert "SWD x10³ 12.3 (other seeds 10; reals 2.5) (16 px; 120 s" in shown
    for before in (None, changed(scale="32 px")):
        with pytest.raises(UserError, match="measured without --seed at the same scale"):
            results.add_seed(before, 7, FIRST)


def test_a_run_is_summed_up(tmp_path):
    rows = []
    for shown, seconds, swd in ((2000, 10.04, 80.0), (4000, 25.0, 40.0)):
        rows.append({"images_shown": shown, "kimg": shown / 1000, "seconds": seconds})
        score = {"images_shown": shown, "values": {"swd": swd}, "floor": {"swd": 1.5}}
        rows.append({"kind": "score", "metric": "swd", **score})
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = {"network": {"resolution": 32, "fmap_max": 32}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    on, (off,) = choose(["growth_on"])[0], choose(["celebahq"])
    found = running.summarize(on, str(tmp_path), ("swd",), "x", "emoji")
    assert found.scale == "32 px, at most 32 maps, 4 kimg of emoji"
    assert found.figures == {"SWD x10³": 40.0} and found.reals == {"SWD x10³": 1.5}
    assert found.curve == [(2.0, 10.0, 80.0), (4.0, 25.0, 40.0)]
    assert found.seconds == 25.0 and found.cores >= 1
    assert running.summarize(off, str(tmp_path), ("swd",), "x", "emoji").curve == []


def test_a_table_of_digits_becomes_mnists_files(tmp_path):
    rows = np.random.default_rng(0).integers(0, 256, (7, 785))
    rows[:, -1] = range(7)
    table, folder = tmp_path / "digits.csv", str(tmp_path / "out")
    np.savetxt(table, rows, "%d", ",")
    running.write_idx(str(table), folder)
    source = open_mnist(folder)
    np.testing.assert_array_equal(np.argmax(source.labels, axis=1), range(7))
    np.testing.assert_array_equal(source.open()(3)[2:30, 2:30].reshape(-1), rows[3, :-1])
    running.write_idx("missing, but the files are there", folder)
    white = table.read_text().replace(",255,", ",256,")
    for text, words in ((white, "pixels from 0 to 255"), ("1,2,3", "rows of 785"), ("a", "table")):
        table.write_text(text)
        with pytest.raises(UserError, match=f"expected .*{words}"):
            running.write_idx(str(table), str(tmp_path / "other"))
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("name", "data", "in_train", "in_measure"),
    [
        ("table1_g", "shapes", "--data=shapes", "--metrics=swd,ms_ssim,modes"),
        ("growth_on", "emoji", "--data=emoji", "--checkpoint=all"),
        ("modes_k4_growing", "x", "--data=mnist_rgb:mnist:20000", "--digits=mnist"),
    ],
)
def test_an_experiment_trains_and_is_measured(name, data, in_train, in_measure, monkeypatch):
    calls, (one,) = [], choose([name])
    monkeypatch.setattr(running, "_call", lambda one, *arguments: calls.append(set(arguments)))
    monkeypatch.setattr(running, "summarize", lambda *arguments: arguments[3])  # the command
    command = running.run_experiment(one, running.Places("runs", data, "mnist"), seed=3)
    assert command.startswith(f"python -m paper --run={name}") and command.endswith("--seed=3")
    train, measure = calls
    assert {*one.flags, *one.small, in_train, "--seed=3", "--data_cache=datasets"} <= train
    assert in_measure in measure and f"--run_dir=runs/{name}-seed3" in train & measure


def test_a_step_that_fails_or_is_stopped_ends_the_experiment():
    (one,) = choose(["table1_g"])
    running._call(one, "-c", "import paper")
    for status, error in ((3, UserError), (130, StoppedError), (143, StoppedError)):
        with pytest.raises(error, match="table1_g"):
            running._call(one, "-c", f"raise SystemExit({status})")
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
