"""The TensorFlow.js export: read back as its format says, it draws the same pictures."""

import dataclasses
import json
import pathlib
from collections import Counter

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import json_format

from pgan_tf.exporting.gallery import default_name
from pgan_tf.exporting.tfjs import BROWSER_FORM, write_tfjs
from pgan_tf.exporting.writer import ExportOptions
from pgan_tf.networks.folded import fold
from tests.helpers.exports import make_inputs, make_trained
from tfrecords.common.errors import UserError


def write(trained, folder, **options):
    return pathlib.Path(write_tfjs(trained, ExportOptions(str(folder), **options)).path)


def read(folder):
    """A graph model as TensorFlow.js reads it: a function, its operations and model.json."""
    model = json.loads((folder / "model.json").read_text())
    (manifest,) = model["weightsManifest"]
    data = b"".join((folder / name).read_bytes() for name in manifest["paths"])
    values = {}
    for entry in manifest["weights"]:
        stored = np.dtype(entry.get("quantization", {}).get("dtype", entry["dtype"]))
        size = stored.itemsize * int(np.prod(entry["shape"]))
        array = np.frombuffer(data[:size], stored.newbyteorder("<")).reshape(entry["shape"])
        values[entry["name"]], data = array.astype(entry["dtype"]), data[size:]
    assert data == b""
    graph = json_format.ParseDict(model["modelTopology"], tf.compat.v1.GraphDef())
    for node in graph.node:
        if node.op == "Const":
            assert not node.attr["value"].tensor.tensor_content
            node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(values[node.name]))
    wrapped = tf.compat.v1.wrap_function(lambda: tf.import_graph_def(graph, name=""), [])
    signature = model["signature"]
    function = wrapped.prune(
        [info["name"] for info in signature["inputs"].values()],
        signature["outputs"]["images"]["name"],
    )
    names = list(signature["inputs"])
    return (
        lambda **inputs: function(*(tf.constant(inputs[name]) for name in names)).numpy(),
        Counter(node.op for node in graph.node),
        model,
    )


OPTIONS = {
    "fading_in": {},
    "small_features": {"small": True},
    "stabilized": {"phase": "stabilize"},
    "with_classes": {"label_size": 3},
    "gray": {"num_channels": 1},
    "separate_scaling": {"fused_scale": False},
    "relu": {"generator_leaky_relu": False},
    "tanh": {"tanh": True, "pixel_norm": False, "normalize_latents": False},
    "batch_norm": {"generator_batch_norm": True},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_its_files_draw_the_same_pictures(name, tmp_path):
    trained = make_trained(**OPTIONS[name])
    latents, labels = make_inputs(trained)
    draw, operations, model = read(write(trained, tmp_path))
    inputs = {"latents": latents, "labels": labels} if labels.shape[1] else {"latents": latents}
    assert list(model["signature"]["inputs"]) == list(inputs)
    images = draw(**inputs)

    # The same arithmetic as the folded generator's.
    folded = fold(trained.generator, trained.network, BROWSER_FORM)
    np.testing.assert_allclose(images, np.clip(folded([latents, labels]), -1, 1), rtol=0, atol=2e-6)
    expected = np.clip(trained.generator([latents, labels]).numpy(), -1, 1)
    np.testing.assert_allclose(images, expected, rtol=0, atol=1e-5)
    # Any number at once.
    one = draw(**{name: value[:1] for name, value in inputs.items()})
    np.testing.assert_allclose(one, images[:1], rtol=0, atol=2e-6)

    assert not set(operations) & {"Conv2D", "ReadVariableOp", "Conv2DBackpropInput"}
    assert operations["Identity"] == 1  # the output's
    assert operations["BiasAdd"] == 1  # the dense layer's
    # Enlarged first, convolved then: twice, and the lower resolution of a fade.
    assert operations["ResizeNearestNeighbor"] == (3 if trained.fading_in else 2)
    assert operations["_FusedConv2D"] == 5 + (2 if trained.fading_in else 1)


def test_halves_are_half_the_download_and_almost_the_same(tmp_path):
    trained = make_trained()
    latents, _ = make_inputs(trained)
    full = write(trained, tmp_path, name="full")
    half = write(trained, tmp_path, name="half", quantize="float16")
    sizes = [sum(f.stat().st_size for f in folder.glob("*.bin")) for folder in (full, half)]
    assert 0.5 <= sizes[1] / sizes[0] < 0.51
    images = [read(folder)[0](latents=latents) for folder in (full, half)]
    difference = np.abs(images[0] - images[1]).max()
    assert 0 < difference < 4e-3


def test_it_says_what_it_is(tmp_path):
    """As every export does; what the page shows of it is the same."""
    named = dataclasses.replace(make_trained(3), label_names=("cat", "dog", "| owl"))
    folder = write(named, tmp_path, quantize="float16")
    known = json.loads((folder / "pgan.json").read_text())
    assert (known["format"], known["resolution"], known["latent_size"]) == ("tfjs", 16, 6)
    assert (known["training_data"], known["kimg"], known["metrics"]) == ("made up", 1.5, {})
    assert (known["is_blend"], known["alpha"]) == (True, 0.4)
    shown = read(folder)[2]["userDefinedMetadata"]
    assert shown.pop("name") == "a-test"
    assert shown == {key: known[key] for key in shown}
    assert shown["label_names"] == ["cat", "dog", "| owl"]
    card = (folder / "model_card.md").read_text()
    assert "in this order: cat, dog, \\| owl |" in card
    assert "(weights in float16)" in card and "model.execute({latents, labels})" in card


def test_weights_that_no_half_can_hold_are_refused(tmp_path):
    trained = make_trained()
    trained.generator.get_layer("4x4_conv").bias.assign(np.full(8, 1e5, np.float32))
    with pytest.raises(UserError, match="float16"):
        write(trained, tmp_path, quantize="float16")
    assert not (tmp_path / "models").exists()


def test_weights_come_in_pieces_that_browsers_cache(tmp_path, monkeypatch):
    monkeypatch.setattr("pgan_tf.exporting.tfjs_graph._SHARD_BYTES", 1000)
    trained = make_trained()
    latents, labels = make_inputs(trained)
    folder = write(trained, tmp_path)
    assert len(list(folder.glob("group1-shard*.bin"))) > 2
    expected = fold(trained.generator, trained.network, BROWSER_FORM)([latents, labels])
    np.testing.assert_allclose(
        read(folder)[0](latents=latents), np.clip(expected, -1, 1), rtol=0, atol=2e-6
    )


def test_a_folder_holds_several_and_the_newest_of_each(tmp_path):
    for name in ("one", "two", "one"):
        write(make_trained(), tmp_path, name=name)
    listed = json.loads((tmp_path / "models.json").read_text())
    assert listed == [
        {"name": "one", "path": "models/one/2"},
        {"name": "two", "path": "models/two/1"},
    ]
    for model in listed:
        metadata = read(tmp_path / model["path"])[2]["userDefinedMetadata"]
        assert metadata["name"] == model["name"] and metadata["resolution"] == 16
    assert [path.name for path in (tmp_path / "models/one").iterdir()] == ["2"]


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("runs/shapes-32px/checkpoints/images-0000036000-stage-06.npz", "shapes-32px"),
        ("gs://bucket/my run/checkpoints/images-1.npz", "my-run"),
        ("a/network.final.pkl", "network-final"),
        ("…", "generator"),
    ],
)
def test_a_generator_is_named_after_its_run(source, name):
    trained = make_trained()
    assert (
        default_name(type(trained)(trained.generator, trained.network, trained.stage, 1.0, source))
        == name
    )


def test_mistakes_are_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="--export_dir"):
        write(make_trained(), tmp_path / "file")
    with pytest.raises(UserError, match=r"--name.*a/b"):
        write(make_trained(), tmp_path, name="a/b")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    folder = write(make_trained(), tmp_path / "web")
    (tmp_path / "web/models.json").write_text("[{")
    with pytest.raises(UserError, match=r"models\.json"):
        write(make_trained(), tmp_path / "web")
    assert folder.exists()
