"""ONNX and LiteRT: what other runtimes draw is what the generator draws."""

import pathlib
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
from ai_edge_litert.interpreter import Interpreter

from pgan_tf.exporting import runtimes
from pgan_tf.exporting.runtimes import write_litert, write_onnx
from pgan_tf.exporting.writer import ExportOptions
from tests.helpers.exports import make_inputs, make_trained
from tfrecords.common.errors import UserError

WRITERS = {"onnx": write_onnx, "litert": write_litert}


def write(kind, trained, folder):
    return pathlib.Path(WRITERS[kind](trained, ExportOptions(str(folder))).path)


def draw(path, inputs):
    if path.suffix == ".onnx":
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        return session.run(["images"], inputs)[0]
    runner = Interpreter(str(path)).get_signature_runner("serving_default")
    return np.array(runner(**inputs)["images"])


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("onnx", {"num_channels": 1, "fused_scale": False, "generator_leaky_relu": False}),
        ("onnx", {"label_size": 3, "tanh": True}),
        ("litert", {"label_size": 3, "num_channels": 1}),
    ],
)
def test_pictures_equal_the_keras_model(kind, options, tmp_path):
    trained = make_trained(**options)
    latents, labels = make_inputs(trained)
    expected = np.clip(trained.generator([latents, labels]).numpy(), -1, 1)
    path = write(kind, trained, tmp_path)
    assert path.parent == tmp_path / "1"
    for n in (5, 1, 3):  # the batch dimension is free
        inputs = {"latents": latents[:n]} | ({"labels": labels[:n]} if labels.size else {})
        np.testing.assert_allclose(draw(path, inputs), expected[:n], rtol=0, atol=1e-4)
    card = (path.parent / "model_card.md").read_text()
    assert path.name in card and ("`labels` float32 (batch, 3)" in card) == (labels.size > 0)


def test_onnx_is_valid_and_its_batch_has_a_name(tmp_path):
    model = onnx.load(write("onnx", make_trained(), tmp_path))
    onnx.checker.check_model(model, full_check=True)
    for tensor in (*model.graph.input, *model.graph.output):
        assert tensor.type.tensor_type.shape.dim[0].dim_param == "batch"
    # Upsampling is one convolution; only the lower resolution of a fade is enlarged.
    kinds = [node.op_type for node in model.graph.node]
    assert kinds.count("ConvTranspose") == 2 and kinds.count("Resize") == 1


def test_a_package_that_is_missing_is_named(tmp_path, monkeypatch):
    for kind, module, packages in (
        ("onnx", "onnxruntime", "tf2onnx onnxruntime"),
        ("litert", "ai_edge_litert.interpreter", "ai-edge-litert"),
    ):
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(UserError, match=f"--format={kind}.*pip install {packages}"):
            write(kind, make_trained(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_other_pictures_are_not_written(tmp_path, monkeypatch):
    trained = make_trained()
    right = np.clip(trained.generator([*make_inputs(trained, 2)]).numpy(), -1, 1)
    for wrong in (right + np.nan, right + 2e-4, right[..., None]):

        def draw_wrong(inputs, wrong=wrong):
            return wrong[: len(inputs["latents"])]

        with pytest.raises(UserError, match="--format=onnx"):
            runtimes.check_pictures(trained, "onnx", draw_wrong)
    monkeypatch.setattr(runtimes, "LARGEST_DIFFERENCE", -1.0)
    with pytest.raises(UserError, match="difference of"):
        write("onnx", trained, tmp_path)
    assert list(tmp_path.iterdir()) == []
