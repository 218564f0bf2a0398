"""The type checker is strict enough to find what once went wrong."""

from mypy import api

from tests.helpers.places import ROOT

READS = """
import pgan_tf
from pgan_tf.training.pretrained import read_init_from

def unseen(init_from: str, run_dir: str) -> int:
    return read_init_from(init_from, run_dir).resolution

def seen(init_from: str, run_dir: str) -> int:
    weights = read_init_from(init_from, run_dir)
    return weights.resolution if weights else 4

names: tuple[str, ...] = pgan_tf.load("run").label_names
pgan_tf.laod("run")
"""
NONE = ':6: error: Item "None" of "Weights | None" has no attribute "resolution"  [union-attr]'
ABSENT = ':13: error: Module has no attribute "laod"'


def test_what_may_be_none_and_public_names_that_there_are_not_are_found(monkeypatch, tmp_path):
    """As `None.resolution` once was not, at `--init_from`."""
    monkeypatch.chdir(ROOT)
    path = tmp_path / "reads.py"
    path.write_text(READS)
    options = ["--config-file=pyproject.toml", f"--cache-dir={tmp_path}", "--follow-imports=silent"]
    output, _, _ = api.run([*options, str(path)])
    assert NONE in output
    assert ABSENT in output
    assert "Found 2 errors" in output
