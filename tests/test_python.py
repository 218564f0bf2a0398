"""What one gets from `import pgan_tf`, and the examples in docs/python.md."""

import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import pgan_tf
from tests.helpers.places import ROOT
from tests.helpers.small_run import make_small_run

LIGHT = """
import sys, time
start = time.process_time()
import pgan_tf
from pgan_tf import UserError, __version__
assert time.process_time() - start < 0.2
assert not {"tensorflow", "keras", "numpy"} & set(sys.modules)
assert set(pgan_tf.__all__) <= set(dir(pgan_tf))
"""
PAGE = (ROOT / "docs/python.md").read_text()


def run_examples(page):
    """Runs a page's examples in order; returns the names that they leave."""
    scope = {}
    for block in re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        exec(compile(block, "an example", "exec"), scope)
    return scope


def test_importing_it_takes_no_time_and_no_tensorflow():
    subprocess.run([sys.executable, "-c", LIGHT], cwd=ROOT, check=True)


def test_each_public_name_is_there_and_others_are_not():
    for name in pgan_tf.__all__:
        assert getattr(pgan_tf, name)
    with pytest.raises(AttributeError, match="'laod'"):
        pgan_tf.laod  # noqa: B018
    assert re.fullmatch(r"\d+\.\d+\.\d+", pgan_tf.__version__)


def test_the_examples_of_the_page_run_in_order(tmp_path, monkeypatch, capsys):
    names = ("circle", "square", "triangle", "star", "cross", "ring")
    make_small_run(str(tmp_path / "runs/shapes-32px"), names)
    monkeypatch.chdir(tmp_path)
    scope = run_examples(PAGE)
    assert np.asarray(Image.open("star.png")).shape == (8, 8, 3)
    assert scope["frames"].shape == (10, 8, 8, 3)
    assert (scope["images"].shape, scope["scores"].shape) == ((4, 16, 16, 3), (4,))
    assert capsys.readouterr().out.strip() in PAGE


def test_the_examples_of_arithmetic_on_latents_run_in_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scope = run_examples((ROOT / "docs/latents.md").read_text())
    first, second, third = (scope[name] for name in ("first", "second", "third"))
    rows = np.load("arithmetic.npy").reshape(3, 7, -1)
    np.testing.assert_allclose(rows[0, [0, -1]], [first, second], atol=1e-6)
    np.testing.assert_allclose(rows[1, [0, -1]], [third, third + second - first], atol=1e-6)
    np.testing.assert_allclose(rows[2, 0], third, atol=1e-6)
    assert scope["pictures"].shape == (8, 64, 64, 3)  # of the last example
