"""ONNX: what ONNX Runtime draws is what the generator draws."""

import dataclasses
import json
import re

import numpy as np
import onnx
import onnxruntime
import pytest

from pgan_tf.exporting.onnx_file import OPSET, onnx_model, write_onnx
from pgan_tf.exporting.writer import ExportOptions
from pgan_tf.networks.folded import fold
from tests.helpers.exports import make_inputs, make_trained
from tests.helpers.places import ROOT

VARIANTS = [
    {},  # in the middle of a fade
    {"small": True},
    {"label_size": 3, "tanh": True},
    {"num_channels": 1, "fused_scale": False, "generator_leaky_relu": False},
    {"pixel_norm": False, "normalize_latents": False, "phase": "stabilize"},
    {"generator_batch_norm": True, "num_channels": 4},
    {"resolution": 4, "phase": "stabilize"},
    {"base_width": 3, "base_height": 2, "label_size": 2},
    {"resolution": 1024, "fmap_base": 8192, "fmap_max": 16},
]


def write(trained, folder):
    return write_onnx(trained, ExportOptions(str(folder))).path


@pytest.mark.parametrize("form", ["fused", "resize"])
@pytest.mark.parametrize("options", VARIANTS)
def test_every_generator_that_folds_draws_the_same(options, form):
    trained = make_trained(**options)
    model = onnx_model(fold(trained.generator, trained.network, form))
    onnx.checker.check_model(model, full_check=True)  # infers the shapes, too
    (output,) = model.graph.output
    batch, *shape = output.type.tensor_type.shape.dim
    size = trained.stage.resolution
    expected = [*trained.network.base.shape(size), trained.network.num_channels]
    assert batch.dim_param == "batch"
    assert [one.dim_value for one in shape] == expected

    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    latents, labels = make_inputs(trained, 1 if size == 1024 else 2)
    expected = np.clip(trained.generator([latents, labels]).numpy(), -1, 1)
    for n in {1, len(latents)}:  # the batch is free
        inputs = {"latents": latents[:n]} | ({"labels": labels[:n]} if labels.size else {})
        (images,) = session.run(["images"], inputs)
        np.testing.assert_allclose(images, expected[:n], rtol=0, atol=1e-5)


def test_upsampling_is_one_convolution(tmp_path):
    model = onnx.load(write(make_trained(), tmp_path))
    kinds = [node.op_type for node in model.graph.node]
    # Only the lower resolution of a fade is enlarged.
    assert kinds.count("ConvTranspose") == 2 and kinds.count("Resize") == 1


@pytest.mark.parametrize("label_size", [0, 3])
def test_the_lines_in_the_docs_draw(label_size, tmp_path, monkeypatch):
    section = (ROOT / "docs/exports.md").read_text().partition("## ONNX")[2].partition("\n## ")[0]
    (code,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    write(make_trained(label_size), tmp_path / "exports/mine")
    monkeypatch.chdir(tmp_path)
    exec(code, scope := {})
    assert scope["images"].shape == (4, 16, 16, 3) and np.abs(scope["images"]).max() <= 1


def test_the_file_alone_says_what_it_takes(tmp_path):
    trained = dataclasses.replace(make_trained(3), label_names=("cat", "dög", "owl"))
    path = write(trained, tmp_path)
    model = onnx.load(path)
    known = json.loads((tmp_path / "1/pgan.json").read_text())
    assert [(one.domain, one.version) for one in model.opset_import] == [("", OPSET)]
    assert (
        known["opset"] == OPSET and f"opset {OPSET}" in (tmp_path / "1/model_card.md").read_text()
    )
    assert model.producer_name == "pgan-tf"
    assert "clipped to [-1, 1]" in model.doc_string
    said = {one.key: json.loads(one.value) for one in model.metadata_props}
    assert (said["latent_size"], said["label_names"]) == (6, ["cat", "dög", "owl"])
    assert said == {name: known[name] for name in said}
