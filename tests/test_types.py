"""The type checker is strict enough to find what once went wrong."""

from mypy import api

from tests.helpers.places import ROOT

READS = """
from pgan_tf.training.pretrained import read_init_from

def unseen(init_from: str, run_dir: str) -> int:
    return read_init_from(init_from, run_dir).resolution

def seen(init_from: str, run_dir: str) -> int:
    weights = read_init_from(init_from, run_dir)
    return weights.resolution if weights else 4
"""
FOUND = ':5: error: Item "None" of "Weights | None" has no attribute "resolution"  [union-attr]'


def test_what_may_be_none_is_looked_at_first(monkeypatch, tmp_path):
    """As `None.resolution` once was not, at `--init_from`."""
    monkeypatch.chdir(ROOT)
    path = tmp_path / "reads.py"
    path.write_text(READS)
    options = ["--config-file=pyproject.toml", f"--cache-dir={tmp_path}", "--follow-imports=silent"]
    output, _, _ = api.run([*options, str(path)])
    assert FOUND in output
    assert "Found 1 error" in output
