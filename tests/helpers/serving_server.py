"""A small stand-in for TensorFlow Serving: its gRPC service and REST API, for one model.

It answers by the real server's rules (which code for which mistake; how tensors become JSON) and
computes with TensorFlow's C++ API, as that one does. No batching, no versions but one.
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
from tensorflow_serving.apis import get_model_metadata_pb2, predict_pb2, prediction_service_pb2_grpc

from tests.helpers.c_loader import CError, CModel

NAME, VERSION = "pgan", 1
CODES = {code.value[0]: code for code in grpc.StatusCode}
HTTP_STATUS = {grpc.StatusCode.NOT_FOUND: 404}


class RefusedError(Exception):
    """A request that gets no answer.

    Attributes:
        code: gRPC's.
        message: for people.
    """

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

    def predict(self, name, inputs, wanted=()):
        """Returns outputs by name."""
        signature = self.signature(name)
        if set(inputs) != set(signature.inputs):
            raise invalid(f"expected the inputs {set(signature.inputs)}, got {set(inputs)}")
        for output in wanted:
            if output not in signature.outputs:
                raise invalid(f"no output {output!r}")
        try:
            with self._lock:
                return {
                    output: self.model.run(name, inputs, output)
                    for output in wanted or signature.outputs
                }
        except CError as error:
            raise RefusedError(CODES[error.error_code], error.message) from None


class Service(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Answers gRPC."""

    def __init__(self, servable):
        self.servable = servable

    def Predict(self, request, context):  # noqa: N802
        with _told(context):
            spec = request.model_spec
            name = spec.signature_name or "serving_default"
            self.servable.find(spec.name, _version(spec))
            try:
                inputs = {key: tf.make_ndarray(value) for key, value in request.inputs.items()}
            except (ValueError, TypeError) as error:
                raise invalid(f"tensor parsing error: {error}") from None
            outputs = self.servable.predict(name, inputs, request.output_filter)
            response = predict_pb2.PredictResponse()
            response.model_spec.name, response.model_spec.signature_name = spec.name, name
            response.model_spec.version.value = VERSION
            for key, value in outputs.items():
                response.outputs[key].CopyFrom(tf.make_tensor_proto(value))
            return response

    def GetModelMetadata(self, request, context):  # noqa: N802
        with _told(context):
            spec = request.model_spec
            if not spec.name:
                raise invalid("Missing ModelSpec")
            if list(request.metadata_field) != ["signature_def"]:
                raise invalid(f"metadata_field: expected signature_def, got {request}")
            self.servable.find(spec.name, _version(spec))
            signatures = get_model_metadata_pb2.SignatureDefMap()
            for name, signature in self.servable.model.signatures.items():
                signatures.signature_def[name].CopyFrom(signature)
            response = get_model_metadata_pb2.GetModelMetadataResponse()
            response.model_spec.name = spec.name
            response.model_spec.version.value = VERSION
            response.metadata["signature_def"].Pack(signatures)
            return response

    def Classify(self, request, context):  # noqa: N802
        with _told(context):
            spec = request.model_spec
            self.servable.find(spec.name, _version(spec))
            signature = self.servable.signature(spec.signature_name or "serving_default")
            raise invalid(f"Expected a classification signature, got {signature.method_name}")


@contextlib.contextmanager
def _told(context):
    try:
        yield
    except RefusedError as error:
        context.abort(error.code, error.message)


def _version(spec):
    return spec.version.value if spec.HasField("version") else None


def answer_json(servable, name, text):
    """Answers the body of a REST request; rows as `instances`, columns as `inputs`."""
    body = json.loads(text)
    signature_name = body.pop("signature_name", "serving_default")
    if list(body) not in (["instances"], ["inputs"]):
        raise invalid(f"expected instances or inputs, got {list(body)}")
    servable.find(name)
    signature = servable.signature(signature_name)
    (form,) = body
    given = body[form]
    if form == "instances":
        named = [isinstance(one, dict) for one in given]
        if all(named):
            if any(one.keys() != given[0].keys() for one in given):
                raise invalid("instances differ in their names")
            columns = {key: [one[key] for one in given] for key in given[0]}
        else:
            columns = given
    else:
        columns = given
    if not isinstance(columns, dict):
        if len(signature.inputs) != 1:
            raise invalid(f"expected names: {set(signature.inputs)}")
        columns = {next(iter(signature.inputs)): columns}
    outputs = servable.predict(
        signature_name,
        {key: _array(value, signature.inputs.get(key), key) for key, value in columns.items()},
    )
    # The name of the only output is left out.
    (key,) = outputs
    return {"predictions" if form == "instances" else "outputs": _jsonable(key, outputs[key])}


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


def _jsonable(key, value):
    if isinstance(value, list):
        assert key.endswith("_bytes")
        return [{"b64": base64.b64encode(one).decode()} for one in value]
    return value.tolist()


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
                status, answer = HTTP_STATUS.get(error.code, 400), {"error": error.message}
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
