"""Loads a SavedModel with the C++ API, as TensorFlow Serving does, and runs its signatures."""

import ctypes
import glob
import os

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

_POINTER, _TEXT = ctypes.c_void_p, ctypes.c_char_p
_RETURN_POINTERS = (
    "TF_NewStatus",
    "TF_NewGraph",
    "TF_NewSessionOptions",
    "TF_LoadSessionFromSavedModel",
    "TF_GraphOperationByName",
    "TF_AllocateTensor",
    "TF_TensorData",
    "TF_StringGetDataPointer",
)
_STRING_BYTES = 24  # sizeof(TF_TString)


class _Output(ctypes.Structure):
    _fields_ = (("operation", _POINTER), ("index", ctypes.c_int))


class CError(Exception):
    """What TensorFlow answers in place of a result.

    Attributes:
        code: absl's, which are gRPC's.
        message: for people.
    """

    def __init__(self, code, message):
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


class CModel:
    """A SavedModel in a C++ session.

    Attributes:
        signatures: SignatureDefs by name.
    """

    def __init__(self, path):
        self.signatures = signatures_of(path)
        self._c = c = _library()
        self._status, self._graph = _POINTER(c.TF_NewStatus()), _POINTER(c.TF_NewGraph())
        options, tags = _POINTER(c.TF_NewSessionOptions()), (_TEXT * 1)(b"serve")
        self._session = _POINTER(
            c.TF_LoadSessionFromSavedModel(
                options, None, path.encode(), tags, 1, self._graph, None, self._status
            )
        )
        self._check()

    def run(self, signature, inputs, output):
        """Returns one output of a signature; strings as a list of bytes.

        Args:
            signature: its name.
            inputs: arrays of numbers by name.
            output: its name.

        Raises:
            CError: TensorFlow does not take the inputs.
        """
        c, definition = self._c, self.signatures[signature]
        fed = [self._place(definition.inputs[name].name) for name in inputs]
        tensors = [_tensor(c, value) for value in inputs.values()]
        results = (_POINTER * 1)()
        c.TF_SessionRun(
            self._session,
            None,
            (_Output * len(fed))(*fed),
            (_POINTER * len(fed))(*tensors),
            len(fed),
            (_Output * 1)(self._place(definition.outputs[output].name)),
            results,
            1,
            None,
            0,
            None,
            self._status,
        )
        self._check()
        return _value(c, _POINTER(results[0]))

    def _place(self, name):
        operation, index = name.split(":")
        found = self._c.TF_GraphOperationByName(self._graph, operation.encode())
        assert found, name
        return _Output(found, int(index))

    def _check(self):
        if code := self._c.TF_GetCode(self._status):
            raise CError(code, self._c.TF_Message(self._status).decode())


def run_in_c(path, signature, inputs, output):
    """Loads a SavedModel for one run; see `CModel`."""
    return CModel(path).run(signature, inputs, output)


def signatures_of(path):
    """Returns the SignatureDefs of a SavedModel by name, without loading it."""
    proto = saved_model_pb2.SavedModel()
    with open(os.path.join(path, "saved_model.pb"), "rb") as file:
        proto.ParseFromString(file.read())
    return dict(proto.meta_graphs[0].signature_def)


def _library():
    folder = os.path.dirname(tf.__file__)
    c = ctypes.CDLL(next(iter(glob.glob(os.path.join(folder, "libtensorflow_cc.so*")))))
    for name in _RETURN_POINTERS:
        getattr(c, name).restype = _POINTER
    c.TF_Message.restype = _TEXT
    c.TF_Dim.restype = ctypes.c_int64
    c.TF_StringGetSize.restype = ctypes.c_size_t
    return c


def _tensor(c, value):
    value = np.ascontiguousarray(value)
    dims = (ctypes.c_int64 * value.ndim)(*value.shape)
    kind = tf.as_dtype(value.dtype).as_datatype_enum
    tensor = _POINTER(c.TF_AllocateTensor(kind, dims, value.ndim, ctypes.c_size_t(value.nbytes)))
    ctypes.memmove(c.TF_TensorData(tensor), value.ctypes.data, value.nbytes)
    return tensor


def _value(c, tensor):
    shape = [c.TF_Dim(tensor, i) for i in range(c.TF_NumDims(tensor))]
    kind, data = tf.as_dtype(c.TF_TensorType(tensor)), c.TF_TensorData(tensor)
    if kind == tf.string:
        (count,) = shape
        texts = [_POINTER(data + i * _STRING_BYTES) for i in range(count)]
        return [
            ctypes.string_at(c.TF_StringGetDataPointer(text), c.TF_StringGetSize(text))
            for text in texts
        ]
    values = np.zeros(shape, kind.as_numpy_dtype)
    ctypes.memmove(values.ctypes.data, data, values.nbytes)
    return values
