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
from tests.helpers.exports import make_inputs, make_trained, run_in_c, signatures_of
from tfrecords.common.errors import UserError


class Export:
    """A generator, its export, the inputs of seeds 0 to 4, and their pictures."""

    def __init__(self, folder, label_size, num_channels):
        self.trained = make_trained(label_size, num_channels=num_channels)
        self.channels = num_channels
        self.path = write_saved_model(self.trained, ExportOptions(str(folder))).path
        latents, labels = make_inputs(self.trained)
        self.inputs = {"latents": latents, "labels": labels} if label_size else {"latents": latents}
        self.pictures = np.clip(self.trained.generator([latents, labels]).numpy(), -1, 1)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return Export(tmp_path_factory.mktemp("plain"), 0, 3)


@pytest.fixture(scope="module")
def classes(tmp_path_factory):
    return Export(tmp_path_factory.mktemp("classes"), 3, 1)


@pytest.fixture(params=["plain", "classes"])
def export(request):
    return request.getfixturevalue(request.param)


def test_signatures_equal_the_keras_model(export):
    signatures = tf.saved_model.load(export.path).signatures
    inputs = {name: tf.constant(value) for name, value in export.inputs.items()}
    images = signatures["serving_default"](**inputs)["images"].numpy()
    np.testing.assert_allclose(images, export.pictures, rtol=0, atol=1e-6)
    one = {name: value[:1] for name, value in inputs.items()}
    assert signatures["serving_default"](**one)["images"].shape == (1, 16, 16, export.channels)
    files = signatures["png"](**inputs)["image_bytes"].numpy()
    for file, picture in zip(files, sampling.to_uint8(images), strict=True):
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(file))), picture.squeeze())
    inputs["seeds"] = tf.range(5, dtype=tf.int64)
    del inputs["latents"]
    drawn = signatures["from_seed"](**inputs)["images"]
    np.testing.assert_allclose(drawn, export.pictures, rtol=0, atol=1e-6)


def test_keras_draws_with_it_as_docs_serving_says(export):
    layer = keras.layers.TFSMLayer(export.path)
    inputs = export.inputs if len(export.inputs) > 1 else export.inputs["latents"]
    np.testing.assert_allclose(layer(inputs)["images"], export.pictures, rtol=0, atol=1e-6)
    # And as a part of a model.
    given = keras.tree.map_structure(lambda one: keras.Input(one.shape[1:]), inputs)
    model = keras.Model(given, layer(given)["images"])
    np.testing.assert_allclose(model(inputs), export.pictures, rtol=0, atol=1e-6)


def test_the_c_loader_of_tensorflow_serving_gives_the_same_pictures(plain):
    """Python's loader mends what the C++ one of TensorFlow Serving refuses: ask that one."""
    images = run_in_c(plain.path, "serving_default", plain.inputs, "images")
    np.testing.assert_allclose(images, plain.pictures, rtol=0, atol=1e-6)
    seeds = np.arange(5, dtype=np.int64)
    images = run_in_c(plain.path, "from_seed", {"seeds": seeds}, "images")
    np.testing.assert_allclose(images, plain.pictures, rtol=0, atol=1e-6)
    files = run_in_c(plain.path, "png", plain.inputs, "image_bytes")
    for file, picture in zip(files, sampling.to_uint8(plain.pictures), strict=True):
        assert np.abs(np.asarray(Image.open(io.BytesIO(file))).astype(int) - picture).max() <= 1


@pytest.mark.slow
def test_saved_model_cli_gives_the_same_pictures(classes, tmp_path):
    np.savez(tmp_path / "inputs.npz", **classes.inputs)
    given = ";".join(f"{name}={tmp_path}/inputs.npz[{name}]" for name in classes.inputs)
    command = [f"{sysconfig.get_path('scripts')}/saved_model_cli", "run", f"--dir={classes.path}"]
    command += ["--tag_set=serve", "--signature_def=serving_default", f"--inputs={given}"]
    result = subprocess.run(
        [*command, f"--outdir={tmp_path}"], capture_output=True, text=True, timeout=120, check=False
    )
    assert result.returncode == 0, result.stderr
    np.testing.assert_allclose(np.load(tmp_path / "images.npy"), classes.pictures, atol=1e-6)


def test_each_variable_is_stored_once(plain):
    stored = [
        tuple(shape)
        for name, shape in tf.train.list_variables(plain.path + "/variables/variables")
        if name.endswith("VARIABLE_VALUE")
    ]
    spread = [  # an upsampling convolution is one of 4 x 4
        (4, 4, *v.shape[2:]) if "x8_conv0/k" in v.path or "16_conv0/k" in v.path else v.shape
        for v in plain.trained.generator.trainable_variables
    ]
    assert sorted(stored) == sorted(map(tuple, spread))


def test_inputs_and_outputs_are_those_of_the_contract(classes):
    """Names, types and shapes, the batch dimension free."""
    latents, labels = ("latents", "float32", (None, 6)), ("labels", "float32", (None, 3))
    images = ("images", "float32", (None, 16, 16, 1))
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

    signatures = signatures_of(classes.path)
    assert set(signatures) - {"__saved_model_init_op"} == set(expected)
    for name, (inputs, outputs) in expected.items():
        assert told(signatures[name].inputs) == inputs
        assert told(signatures[name].outputs) == outputs
        assert signatures[name].method_name == "tensorflow/serving/predict"


def test_no_device_is_named(plain):
    file = pathlib.Path(plain.path, "saved_model.pb")
    graph = saved_model_pb2.SavedModel.FromString(file.read_bytes()).meta_graphs[0].graph_def
    nodes = [*graph.node, *(n for f in graph.library.function for n in f.node_def)]
    # The arithmetic runs where the server puts it; savers, on any processor.
    assert {node.device for node in nodes} <= {"", "/device:CPU:0", "/device:CPU:*"}
    arithmetic = [node for node in nodes if "Conv2D" in node.op or node.op in ("MatMul", "Tanh")]
    assert len(arithmetic) > 5 and {node.device for node in arithmetic} == {""}


def test_warmup_requests_are_the_servers_own_messages(classes):
    file = classes.path + "/assets.extra/tf_serving_warmup_requests"
    records = [record.numpy() for record in tf.data.TFRecordDataset(file)]
    logs = [prediction_log_pb2.PredictionLog.FromString(record) for record in records]
    names = [log.predict_log.request.model_spec.signature_name for log in logs]
    assert names == ["serving_default", "png", "from_seed"]
    signatures = tf.saved_model.load(classes.path).signatures
    for name, record, log in zip(names, records, logs, strict=True):
        # Nothing that the server does not know.
        assert log.WhichOneof("log_type") == "predict_log"
        assert len(log.SerializeToString()) == len(record)
        request = log.predict_log.request
        inputs = {key: tf.constant(tf.make_ndarray(one)) for key, one in request.inputs.items()}
        assert set(inputs) == {"seeds" if name == "from_seed" else "latents", "labels"}
        (output,) = signatures[name](**inputs).values()
        assert output.shape[0] == 1


def test_it_says_what_it_is_and_the_next_export_is_the_next_version(classes):
    folder = pathlib.Path(classes.path)
    known = json.loads((folder / "pgan.json").read_text())
    assert known["format"] == "saved_model" and known["alpha"] == 0.4 and known["is_blend"]
    card = (folder / "model_card.md").read_text()
    seeds = "`seeds` int64 (batch,), 0 or more, `labels` float32 (batch, 3)"
    assert "made up" in card and f"| `from_seed` | {seeds} |" in card
    result = write_saved_model(classes.trained, ExportOptions(str(folder.parent)))
    assert result.path == str(folder.parent / "2")
    assert sorted(path.name for path in folder.parent.iterdir()) == ["1", "2"]
    assert f"--model_base_path={folder.parent}" in result.what_next[1]


@pytest.mark.parametrize("name", ["file", "file/model"])
def test_a_folder_that_cannot_be_written_is_named(name, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="--export_dir"):
        write_saved_model(make_trained(), ExportOptions(str(tmp_path / name)))
