"""LiteRT: each signature of the file draws what the generator draws."""

import json

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from pgan_tf.exporting.litert_file import SIGNATURES, write_litert
from pgan_tf.exporting.writer import ExportOptions
from tests.helpers.exports import make_inputs, make_trained
from tfrecords.common.errors import UserError


def test_the_converter_is_still_in_tensorflow():
    """The day this fails, tf.lite has left TensorFlow.

    If its successor has a SavedModel converter for Python, use that in litert_file.py, as an
    extra; if not, remove the format, its page in docs and this test, and say so in CHANGELOG.md.
    """
    assert hasattr(tf, "lite"), f"TensorFlow {tf.__version__} has no tf.lite: see this test"
    assert hasattr(tf.lite, "TFLiteConverter"), f"TensorFlow {tf.__version__}: see this test"


def test_without_the_converter_it_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.delattr(tf, "lite", raising=False)
    with pytest.raises(UserError, match=r"--format=litert: expected a TensorFlow with tf\.lite"):
        write_litert(make_trained(), ExportOptions(str(tmp_path)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("options", [{"label_size": 3, "num_channels": 1}, {"tanh": True}])
def test_each_signature_draws_the_same_pictures(options, tmp_path):
    trained = make_trained(**options)
    path = write_litert(trained, ExportOptions(str(tmp_path))).path
    assert SIGNATURES == {"serving_default": None, "batch_1": 1, "batch_16": 16}
    interpreter = Interpreter(path)
    assert set(interpreter.get_signature_list()) == set(SIGNATURES)
    latents, labels = make_inputs(trained, 16)
    expected = np.clip(trained.generator([latents, labels]).numpy(), -1, 1)
    for name, batch in SIGNATURES.items():
        runner = interpreter.get_signature_runner(name)
        for n in (batch,) if batch else (5, 1, 16):
            inputs = {"latents": latents[:n]} | ({"labels": labels[:n]} if labels.size else {})
            images = np.array(runner(**inputs)["images"])
            np.testing.assert_allclose(images, expected[:n], rtol=0, atol=1e-5)
    # Three signatures, the weights once.
    weights = 4 * sum(variable.shape.num_elements() for variable in trained.generator.variables)
    assert (tmp_path / "1/model.tflite").stat().st_size < 4 * weights
    said = json.loads((tmp_path / "1/pgan.json").read_text())["signatures"]
    assert said == {"serving_default": "free", "batch_1": 1, "batch_16": 16}
