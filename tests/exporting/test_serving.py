"""An export behind TensorFlow Serving's protocol, and docs/serving.md run as it stands."""

import dataclasses
import json
import re
import textwrap
import urllib.request

import grpc
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from pgan_tf.exporting.saved_model import write_saved_model
from pgan_tf.exporting.writer import ExportOptions
from pgan_tf.networks import sampling
from tests.helpers.exports import make_inputs, make_trained
from tests.helpers.places import ROOT
from tests.helpers.serving_server import serve

PAGE = (ROOT / "docs/serving.md").read_text()
NAMES = ("circle", "square", "triangle", "star", "cross", "ring")
CLASSES = np.eye(6, dtype=np.float32)


@pytest.fixture(scope="module")
def trained():
    """As large as the page's: 64 latents, 6 classes."""
    return dataclasses.replace(make_trained(6, latent_size=64), label_names=NAMES)


@pytest.fixture(scope="module")
def folder(trained, tmp_path_factory):
    """Where the page's `exports/shapes` is."""
    folder = tmp_path_factory.mktemp("export")
    write_saved_model(trained, ExportOptions(str(folder / "exports/shapes")))
    return folder


@pytest.fixture(scope="module")
def ports(folder):
    with serve(str(folder / "exports/shapes/1")) as ports:
        yield ports


@pytest.fixture(scope="module")
def predict(ports):
    """Asks a signature over gRPC."""
    with grpc.insecure_channel(f"localhost:{ports[0]}") as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)

        def predict(signature, **inputs):
            request = predict_pb2.PredictRequest()
            request.model_spec.name, request.model_spec.signature_name = "pgan", signature
            for name, value in inputs.items():
                request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
            return stub.Predict(request, timeout=30)

        yield predict


def assert_drawn(images, trained, latents, labels):
    expected = np.clip(trained.generator([latents, labels]).numpy(), -1, 1)
    np.testing.assert_allclose(images, expected, rtol=0, atol=1e-6)


def test_predict_gives_the_networks_pictures(trained, predict):
    latents, labels = make_inputs(trained, 3)
    inputs = {"latents": latents, "labels": labels}
    for name, given in (("", inputs), ("from_seed", {"seeds": np.arange(3), "labels": labels})):
        images = tf.make_ndarray(predict(name, **given).outputs["images"])
        assert_drawn(images, trained, latents, labels)


def test_labels_may_be_left_out_of_from_seed(trained, folder, predict):
    """Left out or a row of zeros: the class is the seed modulo the number of classes."""
    seeds, classes = np.array([8, 9, 13]), CLASSES[[2, 3, 1]]
    latents = sampling.latents_from_seeds(seeds, 64)
    for i in range(3):
        images = tf.make_ndarray(predict("from_seed", seeds=seeds[i : i + 1]).outputs["images"])
        assert_drawn(images, trained, latents[i : i + 1], classes[i : i + 1])
    zeros = np.zeros((3, 6), np.float32)
    for given in ({"seeds": seeds}, {"seeds": seeds, "labels": zeros}):
        images = tf.make_ndarray(predict("from_seed", **given).outputs["images"])
        assert_drawn(images, trained, latents, classes)
    loaded = tf.saved_model.load(str(folder / "exports/shapes/1"))
    assert_drawn(loaded.from_seed(tf.constant(seeds))["images"], trained, latents, classes)


def test_the_pages_curl_draws_two_seeds(trained, ports):
    (path, body) = re.search(r"curl .*:8501(/\S*) -d '(.*?)'", PAGE, re.DOTALL).groups()
    request = urllib.request.Request(f"http://localhost:{ports[1]}{path}", body.encode())
    with urllib.request.urlopen(request, timeout=30) as response:
        images = json.load(response)["predictions"]
    assert_drawn(images, trained, sampling.latents_from_seeds([7, 8], 64), CLASSES[[0, 3]])


def test_the_pages_code_runs(trained, folder, ports, tmp_path, monkeypatch):
    *clients, keras_code = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(clients) == 2
    monkeypatch.chdir(tmp_path)
    for client in clients:
        client = client.replace("localhost:8500", f"localhost:{ports[0]}")
        exec(client.replace("localhost:8501", f"localhost:{ports[1]}"), {})
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [*(f"picture-{i}.png" for i in range(6)), "picture.png"]
    pictures = [np.asarray(Image.open(name)).astype(int) for name in names]
    assert {picture.shape for picture in pictures} == {(16, 16, 3)}
    assert np.abs(pictures[0] - pictures[1]).max() > 10

    monkeypatch.chdir(folder)
    known = {}
    exec(keras_code, known)
    assert_drawn(known["images"], trained, known["latents"].numpy(), CLASSES)
    # A class by its name.
    (code,) = re.findall(r"\n(    import json\n(?:    .*\n|\n)*?    images = .*\n)", PAGE)
    exec(textwrap.dedent(code), known)
    assert_drawn(known["images"], trained, sampling.latents_from_seeds([7], 64), CLASSES[[3]])


def test_the_batching_sizes_end_with_the_largest():
    text = (ROOT / "cluster/batching.config").read_text()
    sizes = [int(size) for size in re.findall(r"^allowed_batch_sizes: (\d+)$", text, re.MULTILINE)]
    (largest,) = re.findall(r"^max_batch_size { value: (\d+) }$", text, re.MULTILINE)
    assert sizes == sorted(sizes) and sizes[-1] == int(largest)
