"""A small run of train.py that the tests of the commands share."""

import json

import pytest

from tests.helpers.command_calls import SMALL, call


def read_scores(cwd):
    lines = (cwd / "runs/a/metrics.jsonl").read_text().splitlines()
    return [row for row in map(json.loads, lines) if row.get("kind") == "score"]


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A folder with the run `runs/a`, what train.py printed, and its scores."""
    cwd = tmp_path_factory.mktemp("cwd")
    scoring = ("--eval_metrics=modes", "--every=2", "--keep_best=modes", "--num_images=70")
    given = ("--data=shapes", "--conditional", "--run_dir=runs/a", *scoring, *SMALL)
    status, out, err = call("train.py", *given, cwd=cwd, eagerly=True)
    assert status == 0, err
    return cwd, out, read_scores(cwd)
