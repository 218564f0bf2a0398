"""The SavedModel: loaded as Python does, and as TensorFlow Serving does."""

import io

import numpy as np
import pytest
import tensorflow as tf
from c_loader import run_in_c
from exports import make_inputs, make_trained
from PIL import Image

from pgan_tf import sampling
from pgan_tf.exporting.export import ExportOptions
from pgan_tf.exporting.saved_model import write_saved_model
from tfrecords.errors import UserError


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
