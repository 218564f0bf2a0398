"""The SavedModel: loaded as Python does, and as TensorFlow Serving does."""

import ctypes
import glob
import io
import os

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from pgan_tf import networks, sampling
from pgan_tf.config import NetworkConfig
from pgan_tf.exporting.saved_model import export_saved_model
from pgan_tf.schedule import Stage
from tfrecords.errors import UserError


def make_generator(label_size=0, alpha=0.4, num_channels=3):
    config = NetworkConfig(
        resolution=16,
        fmap_base=64,
        fmap_max=8,
        latent_size=6,
        label_size=label_size,
        num_channels=num_channels,
    )
    generator = networks.build_generator(Stage(1, 16, "fade_in", 1, 9), config)
    networks.set_alpha(generator, alpha)
    return generator


def make_inputs(label_size, n=5):
    latents = sampling.latents_from_seeds(range(n), 6)
    return latents, sampling.one_hot_labels(range(n), label_size)


@pytest.mark.parametrize(("label_size", "num_channels"), [(0, 3), (3, 1)])
def test_signatures_equal_the_keras_model(label_size, num_channels, tmp_path):
    generator = make_generator(label_size, num_channels=num_channels)
    path = export_saved_model(generator, str(tmp_path / "model"))
    assert path == str(tmp_path / "model/1")
    latents, labels = make_inputs(label_size)
    inputs = {"latents": tf.constant(latents)}
    if label_size:
        inputs["labels"] = tf.constant(labels)
    expected = np.clip(generator([latents, labels]).numpy(), -1, 1)

    signatures = tf.saved_model.load(path).signatures
    images = signatures["serving_default"](**inputs)["images"].numpy()
    np.testing.assert_allclose(images, expected, rtol=0, atol=1e-6)
    one = {name: value[:1] for name, value in inputs.items()}
    assert signatures["serving_default"](**one)["images"].shape == (1, 16, 16, num_channels)

    files = signatures["png"](**inputs)["image_bytes"].numpy()
    assert len(files) == len(latents)
    for file, picture in zip(files, sampling.to_uint8(expected), strict=True):
        decoded = np.asarray(Image.open(io.BytesIO(file)))
        np.testing.assert_array_equal(decoded, picture.squeeze())


def test_each_variable_is_stored_once(tmp_path):
    generator = make_generator()
    path = export_saved_model(generator, str(tmp_path / "model"))
    stored = [
        shape
        for name, shape in tf.train.list_variables(path + "/variables/variables")
        if name.endswith("VARIABLE_VALUE")
    ]
    assert sorted(map(tuple, stored)) == sorted(tuple(v.shape) for v in generator.variables)


def test_each_export_is_the_next_version(tmp_path):
    generator = make_generator()
    for version in (1, 2):
        assert export_saved_model(generator, str(tmp_path)) == str(tmp_path / str(version))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "2"]


def test_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="--export_dir"):
        export_saved_model(make_generator(), str(tmp_path / "file" / "model"))


def test_c_loader_of_tensorflow_serving_gives_the_same_pictures(tmp_path):
    """Python's loader mends what the C++ one of TensorFlow Serving refuses: ask that one."""
    generator = make_generator()
    path = export_saved_model(generator, str(tmp_path / "model"))
    latents, labels = make_inputs(0)
    expected = np.clip(generator([latents, labels]).numpy(), -1, 1)
    signature = tf.saved_model.load(path).signatures["serving_default"]
    from tensorflow.core.protobuf import saved_model_pb2

    proto = saved_model_pb2.SavedModel()
    with open(os.path.join(path, "saved_model.pb"), "rb") as file:
        proto.ParseFromString(file.read())
    definition = proto.meta_graphs[0].signature_def["serving_default"]
    fed, fetched = definition.inputs["latents"].name, definition.outputs["images"].name
    assert signature is not None
    images = run_in_c(path, fed, latents, fetched, expected.shape)
    np.testing.assert_allclose(images, expected, rtol=0, atol=1e-6)


def run_in_c(path, fed, value, fetched, shape):
    """Loads a SavedModel with TF_LoadSessionFromSavedModel and runs one output."""
    folder = os.path.dirname(tf.__file__)
    library = next(iter(glob.glob(os.path.join(folder, "libtensorflow_cc.so*"))))
    c = ctypes.CDLL(library)
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int

    class Output(ctypes.Structure):
        _fields_ = (("operation", pointer), ("index", number))

    for name in (
        "TF_NewStatus",
        "TF_NewGraph",
        "TF_NewSessionOptions",
        "TF_LoadSessionFromSavedModel",
        "TF_GraphOperationByName",
        "TF_AllocateTensor",
        "TF_TensorData",
    ):
        getattr(c, name).restype = pointer
    c.TF_Message.restype = text

    status = pointer(c.TF_NewStatus())
    graph = pointer(c.TF_NewGraph())
    options = pointer(c.TF_NewSessionOptions())

    def check():
        assert c.TF_GetCode(status) == 0, c.TF_Message(status).decode()

    tags = (text * 1)(b"serve")
    session = pointer(
        c.TF_LoadSessionFromSavedModel(options, None, path.encode(), tags, 1, graph, None, status)
    )
    check()

    def output(name):
        operation, index = name.split(":")
        found = c.TF_GraphOperationByName(graph, operation.encode())
        assert found, name
        return Output(found, int(index))

    value = np.ascontiguousarray(value, np.float32)
    dims = (ctypes.c_int64 * value.ndim)(*value.shape)
    tensor = pointer(c.TF_AllocateTensor(1, dims, value.ndim, ctypes.c_size_t(value.nbytes)))
    ctypes.memmove(c.TF_TensorData(tensor), value.ctypes.data, value.nbytes)
    results = (pointer * 1)()
    c.TF_SessionRun(
        session,
        None,
        (Output * 1)(output(fed)),
        (pointer * 1)(tensor),
        1,
        (Output * 1)(output(fetched)),
        results,
        1,
        None,
        0,
        None,
        status,
    )
    check()
    images = np.zeros(shape, np.float32)
    ctypes.memmove(images.ctypes.data, c.TF_TensorData(pointer(results[0])), images.nbytes)
    return images
