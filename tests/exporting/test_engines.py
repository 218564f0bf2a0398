"""Other engines in a browser: ONNX Runtime Web and LiteRT.js draw what Python draws."""

import shutil

import numpy as np
import pytest

from pgan_tf.exporting.litert_file import write_litert
from pgan_tf.exporting.onnx_file import write_onnx
from pgan_tf.exporting.writer import ExportOptions
from tests.helpers import demo
from tests.helpers.exports import make_inputs, make_trained
from tests.helpers.pages import served
from tests.helpers.places import ROOT

MODULES = ROOT / "demo/node_modules"


@pytest.mark.browser
def test_they_draw_the_same_pictures(browser, tmp_path):
    if not (MODULES / "@litertjs/core").exists() or not (MODULES / "onnxruntime-web").exists():
        pytest.skip("needs the engines: npm ci, in demo/")
    trained = make_trained(3)
    for writer, name in ((write_onnx, "model.onnx"), (write_litert, "model.tflite")):
        written = writer(trained, ExportOptions(str(tmp_path / writer.__name__)))
        shutil.move(written.path, tmp_path / name)
    (tmp_path / "modules").symlink_to(MODULES)
    shutil.copy(ROOT / "demo/engines.html", tmp_path / "index.html")
    latents, labels = make_inputs(trained, 16)
    expected = np.clip(trained.generator([latents, labels]).numpy(), -1, 1)
    with served(tmp_path) as address, demo.tab(browser, address) as page:
        page.console_may_say = ""  # LiteRT.js tells it of all that it does, as errors
        page.goto(address)
        page.wait_for_function("'draw' in window")
        for engine, n in (("onnx", 1), ("onnx", 5), ("litert", 1), ("litert", 16)):
            inputs = {"latents": latents[:n].tolist(), "labels": labels[:n].tolist()}
            drawn = page.evaluate("([engine, inputs]) => draw(engine, inputs)", [engine, inputs])
            np.testing.assert_allclose(drawn, expected[:n].ravel(), rtol=0, atol=1e-5)
        # Why there are signatures of fixed batches: if this fails, docs/exports.md has news.
        with pytest.raises(Exception, match=r"does not match expected .*-1"):
            page.evaluate("inputs => draw('litert', inputs, 'serving_default')", inputs)
