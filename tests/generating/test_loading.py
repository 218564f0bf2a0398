"""Whatever holds a trained generator is opened by its path; whatever does not is one line."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import pgan_tf
from pgan_tf import UserError
from pgan_tf.exporting.saved_model import write_saved_model
from pgan_tf.exporting.writer import ExportOptions
from pgan_tf.networks import official
from tests.helpers.exports import make_trained
from tests.helpers.golden_cases import GOLDEN

BEFORE = GOLDEN / "before"  # a run, its export and the pictures that they drew
CHECKPOINT = BEFORE / "run/checkpoints/images-0000000096-stage-03-of-03.npz"
SAME = [BEFORE / "run", BEFORE / "run/checkpoints", CHECKPOINT]
SAME += [BEFORE / "export", BEFORE / "export/1"]


@pytest.mark.parametrize("path", SAME, ids=lambda path: str(path.relative_to(BEFORE)))
def test_a_run_its_checkpoint_and_its_export_draw_the_same(path):
    generator = pgan_tf.load(path)
    assert (generator.resolution, generator.label_names) == (8, ("cat", "dog"))
    drawn = np.stack([np.asarray(Image.open(one)) for one in sorted(BEFORE.glob("drawn/*"))])
    assert np.abs(generator.generate(range(4)).astype(int) - drawn).max() <= 1  # of 255: rounding
    labels = np.eye(2, dtype=np.float32)[[0, 1, 0, 1]]
    pictures = generator.model([generator.latents(range(4)), labels])
    assert np.abs((np.clip(pictures, -1, 1) + 1) * 127.5 - drawn).max() <= 1


def test_an_older_checkpoint_draws_at_its_resolution_and_other_weights_others():
    first = BEFORE / "run/checkpoints/images-0000000064-stage-01-of-03.npz"
    assert pgan_tf.load(str(first)).generate([1]).shape == (1, 4, 4, 3)
    last = pgan_tf.load(BEFORE / "run", "generator")
    assert (last.generate(1) != pgan_tf.load(BEFORE / "run").generate(1)).any()


@pytest.mark.parametrize("name", ["conditional", "theano"])
def test_a_published_pickle_draws_what_its_network_draws(name):
    path = f"{GOLDEN}/{name}.pkl"
    generator, network = pgan_tf.load(path), official.read(path).average_generator
    assert (generator.label_size, generator.label_names) == (network.config.label_size, ())
    inputs = generator.latents(range(3)), np.zeros((3, generator.label_size), np.float32)
    expected = np.clip((official.build(network)(inputs).numpy() + 1) * 127.5, 0, 255)
    assert np.abs(generator.draw(*inputs) - expected).max() < 0.501
    np.testing.assert_array_equal(generator.model(inputs), official.build(network)(inputs))


def test_an_export_without_classes_has_a_model_of_one_frozen_layer(tmp_path):
    trained = make_trained(resolution=8)
    write_saved_model(trained, ExportOptions(str(tmp_path)))
    generator = pgan_tf.load(tmp_path)
    inputs = [generator.latents(range(3)), np.zeros((3, 0), np.float32)]
    expected = np.clip(trained.generator(inputs), -1, 1)
    np.testing.assert_allclose(generator.model(inputs), expected, atol=1e-5)
    assert generator.model.trainable_variables == []
    assert generator.generate(range(3)).shape == (3, 8, 8, 3)


FILES = ("web/index.html", "web/models/a/1/model.json", "onnx/1/model.onnx", "lite/model.tflite")
FILES += ("model.keras", "x.txt", "pictures/dataset.json")


def make_files(folder: pathlib.Path) -> None:
    for name in FILES:
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_bytes(b"x")
    (folder / "empty").mkdir()
    (folder / "new").mkdir()
    (folder / "new/config.json").write_text("{}")
    (folder / "damaged.npz").write_bytes(CHECKPOINT.read_bytes()[:1000])
    (folder / "pickled.pkl").write_bytes(b"\x80\x04N.")


MISTAKES = {
    "nothing": "got .*nothing', which is not there",
    "empty": "a folder without any of them",
    "x.txt": "a file of another kind",
    "web": "a web page: open it in a browser, or name the run",
    "web/models/a": "a TensorFlow.js model: open its page",
    "pictures": "a folder without any of them",
    "onnx": "an ONNX model: open it with onnxruntime, or name the run",
    "onnx/1/model.onnx": "an ONNX model: open it with onnxruntime, or name the run",
    "lite": "a LiteRT model",
    "model.keras": "a Keras file",
    "new": "expected a run folder with checkpoints, got .*new', which has none yet",
    "damaged.npz": "damaged.npz: expected a checkpoint",
    "pickled.pkl": "pickled.pkl: expected a pickle of three networks",
}


def test_anything_else_is_one_line(tmp_path):
    make_files(tmp_path)
    for name, message in MISTAKES.items():
        with pytest.raises(UserError, match=message) as error:
            pgan_tf.load(tmp_path / name)
        assert "\n" not in str(error.value)
    with pytest.raises(UserError, match=r"path: expected a run folder.*, got 3"):
        pgan_tf.load(3)
    with pytest.raises(UserError, match="network: expected average_generator or generator, got"):
        pgan_tf.load(BEFORE / "run", "discriminator")
    with pytest.raises(UserError, match=r"network: .*which has one network"):
        pgan_tf.load(BEFORE / "export", "generator")


def test_a_saved_model_of_somebody_else_is_announced(tmp_path, capsys):
    """It is a program."""
    tf.saved_model.save(tf.Module(), str(tmp_path / "1"))
    with pytest.raises(UserError, match=r"path: expected a SavedModel of export\.py"):
        pgan_tf.load(tmp_path)
    assert "path: " in (said := capsys.readouterr().err)
    assert "a SavedModel is a program" in said
