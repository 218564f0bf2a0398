"""An export behind TensorFlow Serving's protocol, and docs/serving.md run as it stands."""

import dataclasses
import json
import re
import textwrap
import urllib.error
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
from tests.helpers.exports import make_trained
from tests.helpers.places import ROOT
from tests.helpers.serving_server import serve

PAGE = (ROOT / "docs/serving.md").read_text()
NAMES = ("circle", "square", "triangle", "star", "cross", "ring")
ONE_CLASS = [1, 0, 0, 0, 0, 0]


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
def stub(ports):
    with grpc.insecure_channel(f"localhost:{ports[0]}") as channel:
        yield prediction_service_pb2_grpc.PredictionServiceStub(channel)


def make_request(signature="serving_default", **inputs):
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "pgan", signature
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return request


def draw(trained, latents, labels):
    return np.clip(trained.generator([latents, labels]).numpy(), -1, 1)


def inputs_of(n, **changed):
    latents = sampling.latents_from_seeds(range(n), 64)
    return {"latents": latents, "labels": sampling.one_hot_labels(range(n), 6), **changed}


def post(ports, body, model="pgan"):
    """Returns the status and the answer of the REST API."""
    address = f"http://localhost:{ports[1]}/v1/models/{model}:predict"
    try:
        request = urllib.request.Request(address, body.encode())
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


# gRPC


def test_predict_gives_the_networks_pictures(trained, stub):
    inputs = inputs_of(3)
    expected = draw(trained, **inputs)
    seeded = {"seeds": np.arange(3), "labels": inputs["labels"]}
    for name, given in (("serving_default", inputs), ("", inputs), ("from_seed", seeded)):
        response = stub.Predict(make_request(name, **given), timeout=30)
        assert response.model_spec.signature_name == (name or "serving_default")
        images = tf.make_ndarray(response.outputs["images"])
        np.testing.assert_allclose(images, expected, rtol=0, atol=1e-6)
    files = stub.Predict(make_request("png", **inputs), timeout=30).outputs["image_bytes"]
    for file, picture in zip(tf.make_ndarray(files), sampling.to_uint8(expected), strict=True):
        decoded = tf.io.decode_png(file).numpy().astype(int)
        assert np.abs(decoded - picture).max() <= 1


@pytest.mark.parametrize(
    ("code", "signature", "changed"),
    [
        ("FAILED_PRECONDITION", "classify", {}),
        ("INVALID_ARGUMENT", "from_seed", {}),
        ("INVALID_ARGUMENT", "serving_default", {"noise": np.zeros(1, np.float32)}),
        ("INVALID_ARGUMENT", "serving_default", {"latents": np.zeros((1, 65), np.float32)}),
        ("INVALID_ARGUMENT", "serving_default", {"latents": np.zeros(64, np.float32)}),
        ("INVALID_ARGUMENT", "serving_default", {"latents": np.zeros((1, 64))}),
        ("INVALID_ARGUMENT", "serving_default", {"labels": np.eye(2, 6, dtype=np.float32)}),
    ],
)
def test_mistakes_have_the_codes_of_the_page_and_the_next_request_is_answered(
    code, signature, changed, stub
):
    with pytest.raises(grpc.RpcError) as caught:
        stub.Predict(make_request(signature, **inputs_of(1, **changed)), timeout=30)
    assert caught.value.code().name == code, caught.value.details()
    assert f"`{code}`" in PAGE
    stub.Predict(make_request(**inputs_of(1)), timeout=30)


# The page, and REST


def test_the_pages_curl_draws_two_seeds_and_mistakes_are_errors(trained, ports):
    (command,) = re.findall(r"```sh\n(curl .*?)```", PAGE, re.DOTALL)
    (body,) = re.findall(r"-d '(.*)'", command, re.DOTALL)
    assert "http://localhost:8501/v1/models/pgan:predict" in command
    status, answer = post(ports, body)
    assert status == 200
    labels = np.eye(6, dtype=np.float32)[[0, 3]]
    expected = draw(trained, sampling.latents_from_seeds([7, 8], 64), labels)
    np.testing.assert_allclose(answer["predictions"], expected, rtol=0, atol=1e-6)
    # In columns they are the same.
    columns = {"seeds": [7, 8], "labels": labels.tolist()}
    body = json.dumps({"signature_name": "from_seed", "inputs": columns})
    np.testing.assert_array_equal(post(ports, body)[1]["outputs"], answer["predictions"])
    for body, model, status in (
        ({"instances": [{"latents": [0.0] * 64, "labels": ONE_CLASS}]}, "another", 404),
        ({"instances": [{"latents": [0.0] * 65, "labels": ONE_CLASS}]}, "pgan", 400),
        ({"instances": [[0.0] * 64]}, "pgan", 400),
        ({"signature_name": "jpeg", "instances": [1]}, "pgan", 400),
    ):
        got, answer = post(ports, json.dumps(body), model)
        assert got == status and list(answer) == ["error"]


def test_without_classes_the_only_inputs_name_may_be_missing(tmp_path):
    (body,) = re.findall(r'`(\{"signature_name": "from_seed",\s"instances": \[7, 8\]\})`', PAGE)
    trained = make_trained(latent_size=64)
    with serve(write_saved_model(trained, ExportOptions(str(tmp_path))).path) as ports:
        status, answer = post(ports, body)
    assert status == 200
    latents = sampling.latents_from_seeds([7, 8], 64)
    expected = draw(trained, latents, np.zeros((2, 0), np.float32))
    np.testing.assert_allclose(answer["predictions"], expected, rtol=0, atol=1e-6)


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
    expected = draw(trained, known["latents"].numpy(), np.eye(6, dtype=np.float32))
    np.testing.assert_allclose(known["images"], expected, rtol=0, atol=1e-6)
    # A class by its name.
    (code,) = re.findall(r"\n(    import json\n(?:    .*\n|\n)*?    images = .*\n)", PAGE)
    exec(textwrap.dedent(code), known)
    expected = draw(trained, sampling.latents_from_seeds([7], 64), np.eye(6, dtype="f")[[3]])
    np.testing.assert_allclose(known["images"], expected, rtol=0, atol=1e-6)


def test_the_batching_sizes_end_with_the_largest():
    text = (ROOT / "cluster/batching.config").read_text()
    sizes = [int(size) for size in re.findall(r"^allowed_batch_sizes: (\d+)$", text, re.MULTILINE)]
    (largest,) = re.findall(r"^max_batch_size { value: (\d+) }$", text, re.MULTILINE)
    assert sizes == sorted(sizes) and sizes[-1] == int(largest)
