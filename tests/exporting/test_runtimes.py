"""Exports for other runtimes: what is checked before a file is written."""

import pathlib
import sys

import numpy as np
import onnxruntime
import pytest
from ai_edge_litert.interpreter import Interpreter

from pgan_tf.exporting import runtimes
from pgan_tf.exporting.litert_file import write_litert
from pgan_tf.exporting.onnx_file import write_onnx
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


def test_a_package_that_is_missing_is_named(tmp_path, monkeypatch):
    for kind, module, packages in (
        ("onnx", "onnxruntime", "onnx onnxruntime"),
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
