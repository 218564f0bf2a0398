"""A small stand-in for TensorFlow Serving: its gRPC service and REST API, for one model `pgan`.

It computes in a C++ session, as the real server does, or batches with TensorFlow's own operation,
which has the scheduler of the real server. Before it answers, it runs the warm-up requests.
"""

import base64
import contextlib
import http.server
import json
import os
import re
import threading
from concurrent import futures

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2, prediction_service_pb2_grpc

from tests.helpers.exports import CModel, signatures_of
from tests.helpers.places import ROOT


class Servable:
    """One model, asked one thing at a time."""

    def __init__(self, path):
        self.model = CModel(path)
        self._lock = threading.Lock()

    def predict(self, name, inputs):
        """Returns outputs by name."""
        with self._lock:
            outputs = self.model.signatures[name].outputs
            return {one: self.model.run(name, inputs, one) for one in outputs}


class BatchingServable:
    """One model, asked by many at once: batched as cluster/batching.config says.

    `batch_sizes` are those that were computed, padding included.
    """

    def __init__(self, path):
        self._model = tf.saved_model.load(path)
        self.batch_sizes = []
        self._functions = {name: self._batched(name) for name in self._model.signatures}

    def predict(self, name, inputs):
        """Returns outputs by name."""
        function = self._functions[name]
        given = [tf.constant(inputs[spec.name], spec.dtype) for spec in function.input_signature]
        return {key: value.numpy() for key, value in function(*given).items()}

    def _batched(self, name):
        signature = self._model.signatures[name]
        specs = list(signature.structured_input_signature[1].values())
        (output,) = signature.structured_outputs

        @tf.nondifferentiable_batch_function(**read_batching())
        def batch(*inputs):
            tf.py_function(lambda one: self.batch_sizes.append(len(one)), [inputs[0]], [])
            given = {spec.name: value for spec, value in zip(specs, inputs, strict=True)}
            return signature(**given)[output]

        return tf.function(lambda *inputs: {output: batch(*inputs)}, input_signature=specs)


def read_batching():
    """Returns what cluster/batching.config says, as TensorFlow's operation takes it."""
    text = (ROOT / "cluster/batching.config").read_text()
    values = {name: int(value) for name, value in re.findall(r"(\w+) { value: (\d+) }", text)}
    sizes = re.findall(r"^allowed_batch_sizes: (\d+)$", text, re.MULTILINE)
    return {**values, "allowed_batch_sizes": [int(size) for size in sizes]}


def warm_up(path, service):
    """Asks a service what the file of warm-up requests says; returns the signatures asked."""
    file = os.path.join(path, "assets.extra/tf_serving_warmup_requests")
    records = tf.data.TFRecordDataset(file).as_numpy_iterator()
    logs = [prediction_log_pb2.PredictionLog.FromString(record) for record in records]
    answers = [service.Predict(log.predict_log.request, None) for log in logs]
    return [answer.model_spec.signature_name for answer in answers]


class Service(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Answers gRPC."""

    def __init__(self, servable, path):
        self.servable = servable
        self.signatures = signatures_of(path)

    def Predict(self, request, context):  # noqa: N802
        assert request.model_spec.name == "pgan"
        response = predict_pb2.PredictResponse()
        response.model_spec.signature_name = request.model_spec.signature_name or "serving_default"
        signature = self.signatures[response.model_spec.signature_name]
        given = {**signature.defaults, **request.inputs}
        assert given.keys() == signature.inputs.keys()
        inputs = {key: tf.make_ndarray(value) for key, value in given.items()}
        outputs = self.servable.predict(response.model_spec.signature_name, inputs)
        for key, value in outputs.items():
            response.outputs[key].CopyFrom(tf.make_tensor_proto(value))
        return response


def answer_json(service, text):
    """Answers the body of a REST request whose `instances` are rows of all inputs."""
    body = json.loads(text)
    name, rows = body["signature_name"], body["instances"]
    inputs = {
        key: np.array([row[key] for row in rows], tf.as_dtype(info.dtype).as_numpy_dtype)
        for key, info in service.signatures[name].inputs.items()
    }
    (value,) = service.servable.predict(name, inputs).values()
    if isinstance(value, list):
        return {"predictions": [{"b64": base64.b64encode(one).decode()} for one in value]}
    # The name of the only output is not given.
    return {"predictions": value.tolist()}


def _rest_handler(service):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            assert self.path == "/v1/models/pgan:predict"
            text = self.rfile.read(int(self.headers["Content-Length"]))
            contents = json.dumps(answer_json(service, text)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(contents)))
            self.end_headers()
            self.wfile.write(contents)

        def log_message(self, *_):
            pass

    return Handler


@contextlib.contextmanager
def serve(path, servable=None, threads=2, warm=True):
    """Serves a SavedModel; gives the ports of gRPC and REST."""
    service = Service(servable or Servable(path), path)
    if warm:
        warm_up(path, service)
    server = grpc.server(futures.ThreadPoolExecutor(threads))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(service, server)
    port = server.add_insecure_port("localhost:0")
    server.start()
    rest = http.server.ThreadingHTTPServer(("localhost", 0), _rest_handler(service))
    threading.Thread(target=rest.serve_forever, daemon=True).start()
    try:
        yield port, rest.server_address[1]
    finally:
        rest.shutdown()
        rest.server_close()
        server.stop(0).wait()
