"""Other exports in a browser: ONNX Runtime Web and LiteRT.js draw what Python draws."""

import dataclasses
import json
import shutil

import numpy as np
import pytest

from pgan_tf.exporting.litert_file import write_litert
from pgan_tf.exporting.onnx_file import write_onnx
from pgan_tf.exporting.tfjs import write_tfjs
from pgan_tf.exporting.writer import ExportOptions
from tests.helpers import demo
from tests.helpers.exports import make_inputs, make_trained
from tests.helpers.pages import served
from tests.helpers.places import ROOT
from tfrecords.common.errors import UserError

MODULES = ROOT / "demo/node_modules"
ENGINES = {"onnx": "ONNX Runtime Web", "litert": "LiteRT.js"}


@pytest.fixture
def modules():
    if not (MODULES / "@litertjs/core").exists() or not (MODULES / "onnxruntime-web").exists():
        pytest.skip("needs the engines: npm ci, in demo/")
    return MODULES


@pytest.mark.browser
def test_they_draw_the_same_pictures(browser, tmp_path, modules):
    trained = make_trained(3)
    for writer, name in ((write_onnx, "model.onnx"), (write_litert, "model.tflite")):
        written = writer(trained, ExportOptions(str(tmp_path / writer.__name__)))
        shutil.move(written.path, tmp_path / name)
    (tmp_path / "modules").symlink_to(modules)
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


@pytest.mark.browser
def test_the_page_draws_with_the_engine_that_it_is_told(browser, tmp_path, modules):
    trained = dataclasses.replace(make_trained(3), label_names=("a", "b", "c"))
    plain = make_trained(num_channels=4)
    write_tfjs(trained, ExportOptions(str(tmp_path), name="classes", engines=str(modules)))
    write_tfjs(plain, ExportOptions(str(tmp_path), name="plain"))  # leaves the engines there
    latents, labels = make_inputs(trained, 3)
    expected = np.clip(trained.generator([latents, labels]).numpy(), -1, 1)
    with served(tmp_path) as address, demo.tab(browser, address) as page:
        page.console_may_say = ""  # as above
        loaded = []
        page.on("request", lambda request: loaded.append(request.url))
        for engine in ENGINES:
            page.goto("about:blank")
            loaded.clear()
            words = f"view=picture&seed=2&scaling=pixelated&model=classes&backend={engine}"
            page.goto(f"{address}#{words}")
            page.wait_for_selector("body[data-ready=classes]")
            assert (page.evaluate("pgan.backend()"), page.input_value("#backend")) == (engine,) * 2
            # Nothing of the others, which are not asked for.
            assert not [url for url in loaded if url.endswith((".bin", "simd-BrM3BlWr.wasm"))]
            assert {
                url.split("/engines/")[1].split("/")[0] for url in loaded if "/engines/" in url
            } == {engine}
            for z, y, picture in zip(latents.tolist(), labels.tolist(), expected, strict=True):
                drawn = page.evaluate("([z, y]) => pgan.draw(z, y).then(x => [...x])", [z, y])
                np.testing.assert_allclose(drawn, picture.ravel(), rtol=0, atol=1e-5)
            demo.wait_for_seed(page, trained, 2)
        shown = page.locator("#backend option").all_inner_texts()
        assert shown[-2:] == [*ENGINES.values()]
        # By hand, the others can be chosen; a generator without engines draws with TensorFlow.js.
        for backend in ("wasm", "onnx", "litert"):
            page.select_option("#backend", backend)
            page.wait_for_function(f"pgan.backend() === '{backend}'")
        demo.choose(page, "plain")
        assert not {*ENGINES.values()} & {*page.locator("#backend option").all_inner_texts()}
        demo.wait_for_seed(page, plain, 2)
        load = "import('./generator.js').then(m => m.load('.', {name: 'classes', engine: 'onnx'}))"
        drawn = page.evaluate(f"{load}.then(g => g.pixels({{seed: 2}})).then(x => [...x])")
        np.testing.assert_allclose(drawn, expected[2].ravel(), rtol=0, atol=1e-5)


def make_modules(folder):
    """A folder with packages of the names that an export looks for."""
    names = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
    (folder / "onnxruntime-web/dist").mkdir(parents=True)
    for name in names:
        (folder / "onnxruntime-web/dist" / name).write_text(name)
    return str(folder)


def test_engines_stay_with_their_generator_and_are_refused_where_they_are_not(tmp_path):
    trained = make_trained()
    web, folder = tmp_path / "web", make_modules(tmp_path / "node_modules")
    with pytest.raises(UserError, match=r"--engines: expected npm's node_modules with onnx"):
        write_tfjs(trained, ExportOptions(str(web), engines=str(tmp_path)))
    assert not web.exists()
    for name, engines in (("a", folder), ("b", "")):
        write_tfjs(trained, ExportOptions(str(web), name=name, engines=engines))
        metadata = json.loads((web / f"models/{name}/1/model.json").read_text())
        assert metadata["userDefinedMetadata"]["engines"] == ["onnx"] * (name == "a")
        assert (web / f"models/{name}/1/model.onnx").exists() == (name == "a")
        assert len([*(web / "engines/onnx").iterdir()]) == 3
    (web / "engines/onnx/ort.wasm.min.mjs").write_text("mine")
    with pytest.raises(UserError, match=r"ort\.wasm\.min\.mjs: expected the page as an export"):
        write_tfjs(trained, ExportOptions(str(web), name="c", engines=folder))
    (tmp_path / "node_modules/onnxruntime-web/dist/ort.wasm.min.mjs").unlink()
    with pytest.raises(UserError, match=r"--engines: expected .*ort\.wasm\.min\.mjs, got none"):
        write_tfjs(trained, ExportOptions(str(web), name="c", engines=folder))
