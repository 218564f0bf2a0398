"""The TensorFlow.js export: read back as its format says, it draws the same pictures."""

import dataclasses
import json
import pathlib
from collections import Counter

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import json_format
from PIL import Image

from pgan_tf.exporting.tfjs import write_tfjs
from pgan_tf.exporting.writer import ExportOptions
from pgan_tf.networks.sampling import to_uint8
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


@pytest.mark.parametrize(
    "options",
    [
        {"small": True},  # fading in
        {"label_size": 3, "phase": "stabilize"},
        {"num_channels": 1, "fused_scale": False, "generator_leaky_relu": False},
        {"tanh": True, "pixel_norm": False, "normalize_latents": False},
        {"generator_batch_norm": True},
    ],
)
def test_its_files_draw_the_same_pictures(options, tmp_path):
    trained = make_trained(**options)
    latents, labels = make_inputs(trained)
    draw, operations, model = read(write(trained, tmp_path))
    inputs = {"latents": latents} | ({"labels": labels} if labels.size else {})
    assert list(model["signature"]["inputs"]) == list(inputs)
    images = draw(**inputs)
    expected = np.clip(trained.generator([latents, labels]).numpy(), -1, 1)
    np.testing.assert_allclose(images, expected, rtol=0, atol=1e-5)
    # Any number at once.
    one = draw(**{name: value[:1] for name, value in inputs.items()})
    np.testing.assert_allclose(one, images[:1], rtol=0, atol=2e-6)

    # Nothing that is slow in a browser; enlarged first, convolved then.
    assert not set(operations) & {"Conv2D", "ReadVariableOp", "Conv2DBackpropInput"}
    assert operations["Identity"] == operations["BiasAdd"] == 1
    assert operations["ResizeNearestNeighbor"] == (3 if trained.fading_in else 2)
    assert operations["_FusedConv2D"] == 5 + (2 if trained.fading_in else 1)


def test_halves_are_half_the_download_and_almost_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr("pgan_tf.exporting.tfjs_graph._SHARD_BYTES", 1000)
    named = dataclasses.replace(make_trained(3), label_names=("cat", "dog", "| owl"))
    latents, labels = make_inputs(named)
    full = write(named, tmp_path, name="full")
    half = write(named, tmp_path, name="half", quantize="float16")
    files = [list(folder.glob("group1-shard*.bin")) for folder in (full, half)]
    sizes = [sum(file.stat().st_size for file in one) for one in files]
    assert 0.5 <= sizes[1] / sizes[0] < 0.51
    # In pieces that browsers keep in their caches.
    assert len(files[0]) == -(-sizes[0] // 1000) > 2
    assert max(file.stat().st_size for file in files[0]) == 1000
    images = [read(folder)[0](latents=latents, labels=labels) for folder in (full, half)]
    assert 0 < np.abs(images[0] - images[1]).max() < 4e-3

    # What the page shows of it is what every export says of itself.
    known = json.loads((half / "pgan.json").read_text())
    model = read(half)[2]
    assert (model["format"], known["format"]) == ("graph-model", "tfjs")
    shown = model["userDefinedMetadata"]
    assert shown.pop("name") == "half"
    with np.load(half / "directions.npz") as found:
        np.testing.assert_allclose(shown.pop("directions"), found["closed_form"][:6], atol=1e-6)
    assert shown.pop("mark")["generator"] == known["weights_sha256"]
    assert shown == {key: known[key] for key in shown}
    assert {"resolution", "latent_size", "training_data", "kimg", "is_blend"} <= set(shown)
    assert shown["label_names"] == ["cat", "dog", "| owl"]
    card = (half / "model_card.md").read_text()
    assert "in this order: cat, dog, \\| owl |" in card
    assert "(weights in float16)" in card and "model.execute({latents, labels})" in card
    assert "(weights in" not in (full / "model_card.md").read_text()


def test_weights_that_no_half_can_hold_are_refused(tmp_path):
    trained = make_trained()
    trained.generator.get_layer("4x4_conv").bias.assign(np.full(8, 1e5, np.float32))
    with pytest.raises(UserError, match=r"--quantize=float16: .*too large"):
        write(trained, tmp_path, quantize="float16")
    assert list(tmp_path.iterdir()) == []


def test_its_preview_is_the_picture_that_the_page_shows_first(tmp_path):
    trained = make_trained()
    preview = np.asarray(Image.open(write(trained, tmp_path) / "preview.png")).astype(int)
    expected = to_uint8(trained.generator([*make_inputs(trained, 1)]).numpy())[0]
    assert np.abs(preview - expected).max() <= 1


def test_mistakes_are_named_and_leave_nothing(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="--export_dir"):
        write(make_trained(), tmp_path / "file")
    with pytest.raises(UserError, match=r"--name.*a/b"):
        write(make_trained(), tmp_path, name="a/b")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
