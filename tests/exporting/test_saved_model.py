"""The SavedModel: loaded as Python does, and as TensorFlow Serving does."""

import io
import json
import pathlib
import subprocess
import sysconfig

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import prediction_log_pb2

from pgan_tf.exporting.saved_model import write_saved_model
from pgan_tf.exporting.writer import ExportOptions
from pgan_tf.networks import sampling
from tests.helpers.c_loader import run_in_c, signatures_of
from tests.helpers.exports import make_inputs, make_trained
from tfrecords.common.errors import UserError


def write(trained, folder):
    return write_saved_model(trained, ExportOptions(str(folder))).path


@pytest.mark.parametrize(("label_size", "num_channels"), [(0, 3), (3, 1)])
def test_signatures_equal_the_keras_model(label_size, num_channels, tmp_path):
    trained = make_trained(label_size, num_channels=num_channels)
    path = write(trained, tmp_path / "model")
    assert path == str(tmp_path / "model/1")
    latents, labels = make_inputs(trained)
    inputs = {"latents": tf.constant(latents)}
    if label_size:
        inputs["labels"] = tf.constant(labels)
    expected = np.clip(trained.generator([latents, labels]).numpy(), -1, 1)

    signatures = tf.saved_model.load(path).signatures
    images = signatures["serving_default"](**inputs)["images"].numpy()
    np.testing.assert_allclose(images, expected, rtol=0, atol=1e-6)
    one = {name: value[:1] for name, value in inputs.items()}
    assert signatures["serving_default"](**one)["images"].shape == (1, 16, 16, num_channels)

    files = signatures["png"](**inputs)["image_bytes"].numpy()
    assert len(files) == len(latents)
    for file, picture in zip(files, sampling.to_uint8(images), strict=True):
        decoded = np.asarray(Image.open(io.BytesIO(file)))
        np.testing.assert_array_equal(decoded, picture.squeeze())

    # make_inputs: the latents of seeds 0 to 4.
    seeds = {"seeds": tf.range(5, dtype=tf.int64), "labels": tf.constant(labels)}
    drawn = signatures["from_seed"](**{k: seeds[k] for k in seeds if label_size or k == "seeds"})
    np.testing.assert_allclose(drawn["images"], expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("label_size", [0, 3])
def test_keras_draws_with_it_as_docs_serving_says(label_size, tmp_path):
    trained = make_trained(label_size)
    layer = keras.layers.TFSMLayer(write(trained, tmp_path))
    latents, labels = make_inputs(trained)
    expected = np.clip(trained.generator([latents, labels]).numpy(), -1, 1)
    inputs = {"latents": latents, "labels": labels} if label_size else latents
    np.testing.assert_allclose(layer(inputs)["images"], expected, rtol=0, atol=1e-6)
    # And as a part of a model.
    given = keras.tree.map_structure(lambda one: keras.Input(one.shape[1:]), inputs)
    model = keras.Model(given, layer(given)["images"])
    np.testing.assert_allclose(model(inputs), expected, rtol=0, atol=1e-6)


def test_each_variable_is_stored_once(tmp_path):
    trained = make_trained()
    path = write(trained, tmp_path / "model")
    stored = [
        shape
        for name, shape in tf.train.list_variables(path + "/variables/variables")
        if name.endswith("VARIABLE_VALUE")
    ]
    spread = [
        (4, 4, *v.shape[2:]) if "x8_conv0/k" in v.path or "16_conv0/k" in v.path else v.shape
        for v in trained.generator.trainable_variables
    ]
    assert sorted(map(tuple, stored)) == sorted(map(tuple, spread))


def test_inputs_and_outputs_are_those_of_the_contract(tmp_path):
    """DESIGN.md, section 3: names, types and shapes, the batch dimension free."""
    path = write(make_trained(3), tmp_path / "model")
    latents, labels = ("latents", "float32", (None, 6)), ("labels", "float32", (None, 3))
    images = ("images", "float32", (None, 16, 16, 3))
    expected = {
        "serving_default": ({latents, labels}, {images}),
        "png": ({latents, labels}, {("image_bytes", "string", (None,))}),
        "from_seed": ({("seeds", "int64", (None,)), labels}, {images}),
    }

    def told(tensors):
        return {
            (name, tf.as_dtype(info.dtype).name, tuple(tf.TensorShape(info.tensor_shape)))
            for name, info in tensors.items()
        }

    signatures = signatures_of(path)
    assert set(signatures) - {"__saved_model_init_op"} == set(expected)
    for name, (inputs, outputs) in expected.items():
        assert told(signatures[name].inputs) == inputs
        assert told(signatures[name].outputs) == outputs
        assert signatures[name].method_name == "tensorflow/serving/predict"


def test_no_device_is_named(tmp_path):
    path = pathlib.Path(write(make_trained(), tmp_path / "model"))
    proto = saved_model_pb2.SavedModel.FromString((path / "saved_model.pb").read_bytes())
    graph = proto.meta_graphs[0].graph_def
    nodes = [*graph.node, *(n for f in graph.library.function for n in f.node_def)]
    # The arithmetic runs where the server puts it; savers, on any processor.
    assert {node.device for node in nodes} <= {"", "/device:CPU:0", "/device:CPU:*"}
    arithmetic = [node for node in nodes if "Conv2D" in node.op or node.op in ("MatMul", "Tanh")]
    assert len(arithmetic) > 5 and {node.device for node in arithmetic} == {""}


def test_requests_to_warm_up_with_are_the_servers_own_messages(tmp_path):
    trained = make_trained(3)
    path = write(trained, tmp_path / "model")
    file = path + "/assets.extra/tf_serving_warmup_requests"
    records = [record.numpy() for record in tf.data.TFRecordDataset(file)]
    logs = [prediction_log_pb2.PredictionLog.FromString(record) for record in records]
    requests = [log.predict_log.request for log in logs]
    names = [request.model_spec.signature_name for request in requests]
    assert names == ["serving_default", "png", "from_seed"]
    signatures = tf.saved_model.load(path).signatures
    for record, log, request in zip(records, logs, requests, strict=True):
        # Nothing that the server does not know.
        assert log.WhichOneof("log_type") == "predict_log"
        assert len(log.SerializeToString()) == len(record)
        inputs = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
        assert set(inputs) == {
            "seeds" if names.index("from_seed") == logs.index(log) else "latents",
            "labels",
        }
        (output,) = signatures[request.model_spec.signature_name](
            **{name: tf.constant(value) for name, value in inputs.items()}
        ).values()
        assert output.shape[0] == 1


def test_it_says_what_it_is(tmp_path):
    path = pathlib.Path(write(make_trained(3), tmp_path / "model"))
    known = json.loads((path / "pgan.json").read_text())
    assert known["format"] == "saved_model" and known["alpha"] == 0.4 and known["is_blend"]
    card = (path / "model_card.md").read_text()
    assert "made up" in card
    assert (
        "| `from_seed` | `seeds` int64 (batch,), 0 or more, `labels` float32 (batch, 3) |" in card
    )


def test_saved_model_cli_gives_the_same_pictures(tmp_path):
    trained = make_trained(3)
    path = write(trained, tmp_path / "model")
    latents, labels = make_inputs(trained)
    np.savez(tmp_path / "inputs.npz", latents=latents, labels=labels)
    given = ";".join(f"{name}={tmp_path}/inputs.npz[{name}]" for name in ("latents", "labels"))
    result = subprocess.run(
        [
            f"{sysconfig.get_path('scripts')}/saved_model_cli",
            *("run", f"--dir={path}", "--tag_set=serve", "--signature_def=serving_default"),
            *(f"--inputs={given}", f"--outdir={tmp_path}"),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    expected = np.clip(trained.generator([latents, labels]).numpy(), -1, 1)
    np.testing.assert_allclose(np.load(tmp_path / "images.npy"), expected, rtol=0, atol=1e-6)


def test_each_export_is_the_next_version(tmp_path):
    trained = make_trained()
    for version in (1, 2):
        assert write(trained, tmp_path) == str(tmp_path / str(version))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "2"]


def test_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "model"):
        with pytest.raises(UserError, match="--export_dir"):
            write(make_trained(), folder)


def test_c_loader_of_tensorflow_serving_gives_the_same_pictures(tmp_path):
    """Python's loader mends what the C++ one of TensorFlow Serving refuses: ask that one."""
    trained = make_trained()
    path = write(trained, tmp_path / "model")
    latents, labels = make_inputs(trained)
    expected = np.clip(trained.generator([latents, labels]).numpy(), -1, 1)
    images = run_in_c(path, "serving_default", {"latents": latents}, "images")
    np.testing.assert_allclose(images, expected, rtol=0, atol=1e-6)
    seeds = np.arange(5, dtype=np.int64)
    images = run_in_c(path, "from_seed", {"seeds": seeds}, "images")
    np.testing.assert_allclose(images, expected, rtol=0, atol=1e-6)
    files = run_in_c(path, "png", {"latents": latents}, "image_bytes")
    for file, picture in zip(files, sampling.to_uint8(expected), strict=True):
        assert np.abs(np.asarray(Image.open(io.BytesIO(file))).astype(int) - picture).max() <= 1
