"""A small stand-in for TensorFlow Serving: its gRPC service and REST API, for one model `pgan`.

It computes in a C++ session, as the real server does.
"""

import base64
import contextlib
import http.server
import json
import threading
from concurrent import futures

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from tests.helpers.exports import CModel


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


class Service(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Answers gRPC."""

    def __init__(self, servable):
        self.servable = servable

    def Predict(self, request, context):  # noqa: N802
        assert request.model_spec.name == "pgan"
        response = predict_pb2.PredictResponse()
        response.model_spec.signature_name = request.model_spec.signature_name or "serving_default"
        inputs = {key: tf.make_ndarray(value) for key, value in request.inputs.items()}
        outputs = self.servable.predict(response.model_spec.signature_name, inputs)
        for key, value in outputs.items():
            response.outputs[key].CopyFrom(tf.make_tensor_proto(value))
        return response


def answer_json(servable, text):
    """Answers the body of a REST request whose `instances` are rows of inputs."""
    body = json.loads(text)
    name, rows = body["signature_name"], body["instances"]
    inputs = {
        key: np.array([row[key] for row in rows], tf.as_dtype(info.dtype).as_numpy_dtype)
        for key, info in servable.model.signatures[name].inputs.items()
    }
    (value,) = servable.predict(name, inputs).values()
    if isinstance(value, list):
        return {"predictions": [{"b64": base64.b64encode(one).decode()} for one in value]}
    # The name of the only output is not given.
    return {"predictions": value.tolist()}


def _rest_handler(servable):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            assert self.path == "/v1/models/pgan:predict"
            text = self.rfile.read(int(self.headers["Content-Length"]))
            contents = json.dumps(answer_json(servable, text)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(contents)))
            self.end_headers()
            self.wfile.write(contents)

        def log_message(self, *_):
            pass

    return Handler


@contextlib.contextmanager
def serve(path):
    """Serves a SavedModel; gives the ports of gRPC and REST."""
    servable = Servable(path)
    server = grpc.server(futures.ThreadPoolExecutor(2))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Service(servable), server)
    port = server.add_insecure_port("localhost:0")
    server.start()
    rest = http.server.ThreadingHTTPServer(("localhost", 0), _rest_handler(servable))
    threading.Thread(target=rest.serve_forever, daemon=True).start()
    try:
        yield port, rest.server_address[1]
    finally:
        rest.shutdown()
        rest.server_close()
        server.stop(0).wait()
