"""The SavedModel: loaded as Python does, and as TensorFlow Serving does."""

import io
import json
import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow_serving.apis import prediction_log_pb2

from pgan_tf.exporting.picture_mark import SOURCE_TYPE
from pgan_tf.exporting.saved_model import write_saved_model
from pgan_tf.exporting.writer import ExportOptions
from pgan_tf.metrics.evaluation import weights_sha256
from pgan_tf.networks import sampling
from tests.helpers.exports import CModel, make_inputs, make_trained, signatures_of


class Export:
    """A generator, its export, the inputs of seeds 0 to 4, and their pictures."""

    def __init__(self, folder, label_size, num_channels):
        self.trained = make_trained(label_size, num_channels=num_channels)
        self.path = write_saved_model(self.trained, ExportOptions(str(folder))).path
        latents, labels = make_inputs(self.trained)
        self.inputs = {"latents": latents} | ({"labels": labels} if label_size else {})
        self.pictures = np.clip(self.trained.generator([latents, labels]).numpy(), -1, 1)

    def assert_drawn(self, images):
        np.testing.assert_allclose(images, self.pictures, rtol=0, atol=1e-6)

    def assert_encoded(self, files):
        """They show the pictures, and say who drew them."""
        for i, (file, picture) in enumerate(
            zip(files, sampling.to_uint8(self.pictures), strict=True)
        ):
            image = Image.open(io.BytesIO(file))
            assert np.abs(np.asarray(image).astype(int) - picture.squeeze()).max() <= 1
            said = json.loads(image.text["pgan-tf"])
            assert said["generator"] == weights_sha256(self.trained.generator)
            assert said.get("classes") == ([i % 3] if "labels" in self.inputs else None)
            assert SOURCE_TYPE.encode() in image.info["xmp"]


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return Export(tmp_path_factory.mktemp("plain"), 0, 3)


@pytest.fixture(scope="module")
def classes(tmp_path_factory):
    return Export(tmp_path_factory.mktemp("classes"), 3, 1)


@pytest.mark.parametrize("name", ["plain", "classes"])
def test_signatures_and_a_layer_of_it_equal_the_keras_model(name, request):
    export = request.getfixturevalue(name)
    signatures = tf.saved_model.load(export.path).signatures
    inputs = {key: tf.constant(value) for key, value in export.inputs.items()}
    export.assert_drawn(signatures["serving_default"](**inputs)["images"])
    one = {key: value[:1] for key, value in inputs.items()}
    assert signatures["serving_default"](**one)["images"].shape[:3] == (1, 16, 16)
    export.assert_encoded(signatures["png"](**inputs)["image_bytes"].numpy())
    if "labels" in inputs:
        mixed = signatures["png"](**inputs | {"labels": inputs["labels"] / 2})["image_bytes"]
        assert "classes" not in Image.open(io.BytesIO(mixed[0].numpy())).text["pgan-tf"]
    inputs["seeds"] = tf.range(5, dtype=tf.int64)
    del inputs["latents"]
    export.assert_drawn(signatures["from_seed"](**inputs)["images"])
    given = export.inputs if len(export.inputs) > 1 else export.inputs["latents"]
    export.assert_drawn(keras.layers.TFSMLayer(export.path)(given)["images"])


def test_the_c_loader_of_tensorflow_serving_gives_the_same_pictures(plain):
    """Python's loader mends what the C++ one of TensorFlow Serving refuses: ask that one."""
    model = CModel(plain.path)
    plain.assert_drawn(model.run("serving_default", plain.inputs, "images"))
    plain.assert_drawn(model.run("from_seed", {"seeds": np.arange(5)}, "images"))
    plain.assert_encoded(model.run("png", plain.inputs, "image_bytes"))


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
        (output,) = signatures[name](**inputs).values()
        assert output.shape[0] == 1


def test_it_says_what_it_is_and_the_next_export_is_the_next_version(classes):
    folder = pathlib.Path(classes.path)
    known = json.loads((folder / "pgan.json").read_text())
    assert (known["format"], known["alpha"], known["is_blend"]) == ("saved_model", 0.4, True)
    result = write_saved_model(classes.trained, ExportOptions(str(folder.parent)))
    assert sorted(path.name for path in folder.parent.iterdir()) == ["1", "2"]
    assert f"--model_base_path={folder.parent}" in result.what_next[1]
