"""A small stand-in for TensorFlow Serving: its gRPC service and REST API, for one model.

It answers by the real server's rules (which code for which mistake; how tensors become JSON) and
computes in a C++ session, as that one does. No batching, no versions but one.
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

from tests.helpers.exports import CError, CModel

NAME, VERSION = "pgan", 1
CODES = {code.value[0]: code for code in grpc.StatusCode}


class RefusedError(Exception):
    """A request that gets no answer: gRPC's code, and words for people."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code, self.message = code, message


def invalid(message):
    return RefusedError(grpc.StatusCode.INVALID_ARGUMENT, message)


class Servable:
    """One model, asked one thing at a time."""

    def __init__(self, path):
        self.model = CModel(path)
        self._lock = threading.Lock()

    def find(self, name, version=None):
        """Checks that a request means this model."""
        if name != NAME or version not in (None, VERSION):
            which = "Latest" if version is None else f"Specific({version})"
            raise RefusedError(grpc.StatusCode.NOT_FOUND, f"Servable not found: {which} {name}")

    def signature(self, name):
        if name not in self.model.signatures:
            raise RefusedError(grpc.StatusCode.FAILED_PRECONDITION, f"no signature {name!r}")
        return self.model.signatures[name]

    def predict(self, name, inputs):
        """Returns outputs by name."""
        signature = self.signature(name)
        if set(inputs) != set(signature.inputs):
            raise invalid(f"expected the inputs {set(signature.inputs)}, got {set(inputs)}")
        try:
            with self._lock:
                return {one: self.model.run(name, inputs, one) for one in signature.outputs}
        except CError as error:
            raise RefusedError(CODES[error.error_code], error.message) from None


class Service(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Answers gRPC."""

    def __init__(self, servable):
        self.servable = servable

    def Predict(self, request, context):  # noqa: N802
        spec = request.model_spec
        name = spec.signature_name or "serving_default"
        response = predict_pb2.PredictResponse()
        response.model_spec.name, response.model_spec.signature_name = spec.name, name
        try:
            self.servable.find(spec.name, spec.version.value if spec.HasField("version") else None)
            try:
                inputs = {key: tf.make_ndarray(value) for key, value in request.inputs.items()}
            except (ValueError, TypeError) as error:
                raise invalid(f"tensor parsing error: {error}") from None
            for key, value in self.servable.predict(name, inputs).items():
                response.outputs[key].CopyFrom(tf.make_tensor_proto(value))
        except RefusedError as error:
            context.abort(error.code, error.message)
        return response


def answer_json(servable, name, text):
    """Answers the body of a REST request; rows as `instances`, columns as `inputs`."""
    body = json.loads(text)
    signature_name = body.pop("signature_name", "serving_default")
    if list(body) not in (["instances"], ["inputs"]):
        raise invalid(f"expected instances or inputs, got {list(body)}")
    servable.find(name)
    signature = servable.signature(signature_name)
    ((form, columns),) = body.items()
    if form == "instances" and all(isinstance(one, dict) for one in columns):
        if any(one.keys() != columns[0].keys() for one in columns):
            raise invalid("instances differ in their names")
        columns = {key: [one[key] for one in columns] for key in columns[0]}
    if not isinstance(columns, dict):
        if len(signature.inputs) != 1:
            raise invalid(f"expected names: {set(signature.inputs)}")
        columns = {next(iter(signature.inputs)): columns}
    inputs = {key: _array(value, signature.inputs.get(key), key) for key, value in columns.items()}
    ((key, value),) = servable.predict(signature_name, inputs).items()
    if isinstance(value, list):
        assert key.endswith("_bytes")
        found = [{"b64": base64.b64encode(one).decode()} for one in value]
    else:
        found = value.tolist()
    # The name of the only output is not given.
    return {"predictions" if form == "instances" else "outputs": found}


def _array(value, info, key):
    if info is None:
        raise invalid(f"no input {key!r}")
    kind = tf.as_dtype(info.dtype)
    try:
        array = np.array(value)
    except ValueError:
        raise invalid(f"{key}: not a tensor") from None
    # Whole numbers are taken for floats, but not the other way round.
    if array.dtype.kind not in ("iu" if kind.is_integer else "iuf"):
        raise invalid(f"{key}: expected {kind.name}")
    return array.astype(kind.as_numpy_dtype)


def _rest_handler(servable):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            text = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                prefix, _, rest = self.path.partition("/v1/models/")
                name, _, verb = rest.partition(":")
                assert (prefix, verb) == ("", "predict")
                status, answer = 200, answer_json(servable, name, text)
            except RefusedError as error:
                status = 404 if error.code == grpc.StatusCode.NOT_FOUND else 400
                answer = {"error": error.message}
            contents = json.dumps(answer).encode()
            self.send_response(status)
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
