"""An export behind TensorFlow Serving's protocol, and docs/serving.md run as it stands."""

import dataclasses
import io
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
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    predict_pb2,
    prediction_log_pb2,
    prediction_service_pb2_grpc,
)

from pgan_tf.exporting.saved_model import write_saved_model
from pgan_tf.exporting.writer import ExportOptions
from pgan_tf.networks import sampling
from tests.helpers.exports import make_trained
from tests.helpers.places import ROOT
from tests.helpers.serving_server import serve

PAGE = (ROOT / "docs/serving.md").read_text()
ONE_CLASS = [1, 0, 0, 0, 0, 0]


@pytest.fixture(scope="module")
def trained():
    """As large as the page's: 64 latents, 6 classes."""
    return make_trained(6, latent_size=64)


@pytest.fixture(scope="module")
def path(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    return write_saved_model(trained, ExportOptions(str(folder))).path


@pytest.fixture(scope="module")
def ports(path):
    with serve(path) as ports:
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
    return {
        "latents": sampling.latents_from_seeds(range(n), 64),
        "labels": sampling.one_hot_labels(range(n), 6),
        **changed,
    }


@pytest.mark.parametrize("n", [1, 3])
def test_predict_gives_the_networks_pictures(trained, stub, n):
    inputs = inputs_of(n)
    expected = draw(trained, **inputs)
    # Without a name it is serving_default.
    for name in ("serving_default", ""):
        response = stub.Predict(make_request(name, **inputs), timeout=30)
        assert response.model_spec.signature_name == "serving_default"
        images = tf.make_ndarray(response.outputs["images"])
        np.testing.assert_allclose(images, expected, rtol=0, atol=1e-6)
    files = stub.Predict(make_request("png", **inputs), timeout=30).outputs["image_bytes"]
    for file, picture in zip(tf.make_ndarray(files), sampling.to_uint8(expected), strict=True):
        decoded = np.asarray(Image.open(io.BytesIO(file))).astype(int)
        assert np.abs(decoded - picture).max() <= 1
    seeded = make_request("from_seed", seeds=np.arange(n), labels=inputs["labels"])
    images = tf.make_ndarray(stub.Predict(seeded, timeout=30).outputs["images"])
    np.testing.assert_allclose(images, expected, rtol=0, atol=1e-6)


def test_metadata_tells_the_signatures(stub):
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "pgan"
    response = stub.GetModelMetadata(request, timeout=30)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    told = signatures.signature_def
    shape = [dim.size for dim in told["serving_default"].inputs["latents"].tensor_shape.dim]
    assert shape == [-1, 64]
    assert set(told["from_seed"].inputs) == {"seeds", "labels"}
    assert told["png"].outputs["image_bytes"].dtype == tf.string.as_datatype_enum


def test_what_it_warms_up_with_is_answered(path, stub):
    file = path + "/assets.extra/tf_serving_warmup_requests"
    for record in tf.data.TFRecordDataset(file):
        log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
        response = stub.Predict(log.predict_log.request, timeout=30)
        (output,) = response.outputs.values()
        assert output.tensor_shape.dim[0].size == 1


def bad_requests():
    """Requests by name, each with the code of docs/serving.md."""
    other, later = make_request(**inputs_of(1)), make_request(**inputs_of(1))
    other.model_spec.name = "another"
    later.model_spec.version.value = 2
    filtered = make_request(**inputs_of(1))
    filtered.output_filter.append("scores")
    torn = make_request(**inputs_of(1))
    torn.inputs["latents"].tensor_content = b"123"
    extra = make_request(**inputs_of(1), noise=np.zeros(1, np.float32))
    alone = inputs_of(1)
    del alone["labels"]
    invalid = "INVALID_ARGUMENT"
    return {
        "another model": (other, "NOT_FOUND"),
        "another version": (later, "NOT_FOUND"),
        "no such signature": (make_request("classify", **inputs_of(1)), "FAILED_PRECONDITION"),
        "an input too few": (make_request(**alone), invalid),
        "an input too many": (extra, invalid),
        "another input": (make_request("from_seed", **inputs_of(1)), invalid),
        "latents too long": (
            make_request(**inputs_of(1, latents=np.zeros((1, 65), np.float32))),
            invalid,
        ),
        "latents without a batch": (
            make_request(**inputs_of(1, latents=np.zeros(64, np.float32))),
            invalid,
        ),
        "fewer labels than latents": (
            make_request(**inputs_of(2, labels=np.eye(1, 6, dtype=np.float32))),
            invalid,
        ),
        "another type": (make_request(**inputs_of(1, latents=np.zeros((1, 64)))), invalid),
        "seeds as floats": (
            make_request(
                "from_seed", seeds=np.zeros(1, np.float32), labels=np.eye(1, 6, dtype="f")
            ),
            invalid,
        ),
        "no such output": (filtered, invalid),
        "a torn tensor": (torn, invalid),
    }


@pytest.mark.parametrize("mistake", bad_requests())
def test_a_mistake_has_its_code_and_the_next_request_is_answered(stub, mistake):
    request, code = bad_requests()[mistake]
    with pytest.raises(grpc.RpcError) as caught:
        stub.Predict(request, timeout=30)
    assert caught.value.code().name == code, caught.value.details()
    assert f"`{code}`" in PAGE
    stub.Predict(make_request(**inputs_of(1)), timeout=30)


def test_other_questions_have_their_codes(stub):
    classify = classification_pb2.ClassificationRequest()
    classify.model_spec.name = "pgan"
    metadata = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["cost"])
    metadata.model_spec.name = "pgan"
    unknown = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    unknown.model_spec.name = "another"
    for ask, request, code in (
        (stub.Classify, classify, "INVALID_ARGUMENT"),
        (stub.GetModelMetadata, metadata, "INVALID_ARGUMENT"),
        (stub.GetModelMetadata, unknown, "NOT_FOUND"),
    ):
        with pytest.raises(grpc.RpcError) as caught:
            ask(request, timeout=30)
        assert caught.value.code().name == code


def post(ports, body, model="pgan"):
    """Returns the status and the answer of the REST API."""
    request = urllib.request.Request(
        f"http://localhost:{ports[1]}/v1/models/{model}:predict", body.encode()
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_the_pages_curl_draws_two_seeds(trained, ports):
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


def test_without_classes_the_only_inputs_name_is_left_out(tmp_path):
    (body,) = re.findall(r'`(\{"signature_name": "from_seed",\s"instances": \[7, 8\]\})`', PAGE)
    trained = make_trained(latent_size=64)
    path = write_saved_model(trained, ExportOptions(str(tmp_path))).path
    with serve(path) as ports:
        status, answer = post(ports, body)
    assert status == 200
    latents = sampling.latents_from_seeds([7, 8], 64)
    expected = draw(trained, latents, np.zeros((2, 0), np.float32))
    np.testing.assert_allclose(answer["predictions"], expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("body", "model", "status"),
    [
        ({"instances": [{"latents": [0.0] * 64, "labels": ONE_CLASS}]}, "another", 404),
        ({"instances": [{"latents": [0.0] * 65, "labels": ONE_CLASS}]}, "pgan", 400),
        ({"instances": [[0.0] * 64]}, "pgan", 400),
        (
            {"signature_name": "from_seed", "instances": [{"seeds": 7.5, "labels": ONE_CLASS}]},
            "pgan",
            400,
        ),
        ({"signature_name": "jpeg", "instances": [1]}, "pgan", 400),
    ],
)
def test_mistakes_over_rest(ports, body, model, status):
    got, answer = post(ports, json.dumps(body), model)
    assert got == status and list(answer) == ["error"]


def test_the_pages_clients_write_png_files(ports, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    *clients, _ = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(clients) == 2
    for client in clients:
        client = client.replace("localhost:8500", f"localhost:{ports[0]}")
        exec(client.replace("localhost:8501", f"localhost:{ports[1]}"), {})
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [*(f"picture-{i}.png" for i in range(6)), "picture.png"]
    for name in names:
        assert Image.open(name).size == (16, 16)
    first = np.asarray(Image.open("picture-0.png")).astype(int)
    assert np.abs(first - np.asarray(Image.open("picture-1.png"))).max() > 10


def test_the_pages_keras_code_draws(trained, path, tmp_path, monkeypatch):
    (tmp_path / "exports/shapes").mkdir(parents=True)
    (tmp_path / "exports/shapes/1").symlink_to(path)
    monkeypatch.chdir(tmp_path)
    *_, code = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names = {}
    exec(code, names)
    expected = draw(trained, names["latents"].numpy(), np.eye(6, dtype=np.float32))
    np.testing.assert_allclose(names["images"], expected, rtol=0, atol=1e-6)


def test_the_pages_batching_sizes_end_with_the_largest():
    (block,) = re.findall(r"((?:    .*\n)*    allowed_batch_sizes.*\n(?:    .*\n)*)", PAGE)
    values = re.findall(r"(\w+)(?:: | \{ value: )(\d+)(?: \})?\n", block)
    sizes = [int(value) for name, value in values if name == "allowed_batch_sizes"]
    assert sizes == sorted(sizes) and sizes[-1] == int(dict(values)["max_batch_size"])
    assert len(values) == len(block.splitlines())


def test_the_pages_code_draws_a_class_by_its_name(trained, tmp_path, monkeypatch):
    names = ("circle", "square", "triangle", "star", "cross", "ring")
    named = dataclasses.replace(trained, label_names=names)
    write_saved_model(named, ExportOptions(str(tmp_path / "exports/shapes")))
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"\n(    import json\n(?:    .*\n|\n)*?    images = .*\n)", PAGE)
    known = {}
    exec(textwrap.dedent(code), known)
    expected = draw(trained, sampling.latents_from_seeds([7], 64), np.eye(6, dtype="f")[[3]])
    np.testing.assert_allclose(known["images"], expected, rtol=0, atol=1e-6)
