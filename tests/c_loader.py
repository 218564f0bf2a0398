"""Loads a SavedModel with the C++ API, as TensorFlow Serving does, and runs a signature."""

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
)


class _Output(ctypes.Structure):
    _fields_ = (("operation", _POINTER), ("index", ctypes.c_int))


def run_in_c(path, signature, inputs, output):
    """Returns one float32 output of a signature.

    Args:
        path: the SavedModel.
        signature: its name.
        inputs: arrays by name.
        output: its name.
    """
    definition = _signature_of(path, signature)
    c = _library()
    status, graph = _POINTER(c.TF_NewStatus()), _POINTER(c.TF_NewGraph())
    options, tags = _POINTER(c.TF_NewSessionOptions()), (_TEXT * 1)(b"serve")
    session = _POINTER(
        c.TF_LoadSessionFromSavedModel(options, None, path.encode(), tags, 1, graph, None, status)
    )
    _check(c, status)

    def place(name):
        operation, index = name.split(":")
        found = c.TF_GraphOperationByName(graph, operation.encode())
        assert found, name
        return _Output(found, int(index))

    fed = [place(definition.inputs[name].name) for name in inputs]
    tensors = [_tensor(c, value) for value in inputs.values()]
    results = (_POINTER * 1)()
    c.TF_SessionRun(
        session,
        None,
        (_Output * len(fed))(*fed),
        (_POINTER * len(fed))(*tensors),
        len(fed),
        (_Output * 1)(place(definition.outputs[output].name)),
        results,
        1,
        None,
        0,
        None,
        status,
    )
    _check(c, status)
    result = _POINTER(results[0])
    shape = [c.TF_Dim(result, i) for i in range(c.TF_NumDims(result))]
    values = np.zeros(shape, np.float32)
    ctypes.memmove(values.ctypes.data, c.TF_TensorData(result), values.nbytes)
    return values


def _signature_of(path, name):
    proto = saved_model_pb2.SavedModel()
    with open(os.path.join(path, "saved_model.pb"), "rb") as file:
        proto.ParseFromString(file.read())
    return proto.meta_graphs[0].signature_def[name]


def _library():
    folder = os.path.dirname(tf.__file__)
    c = ctypes.CDLL(next(iter(glob.glob(os.path.join(folder, "libtensorflow_cc.so*")))))
    for name in _RETURN_POINTERS:
        getattr(c, name).restype = _POINTER
    c.TF_Message.restype = _TEXT
    c.TF_Dim.restype = ctypes.c_int64
    return c


def _tensor(c, value):
    value = np.ascontiguousarray(value)
    dims = (ctypes.c_int64 * value.ndim)(*value.shape)
    kind = tf.as_dtype(value.dtype).as_datatype_enum
    tensor = _POINTER(c.TF_AllocateTensor(kind, dims, value.ndim, ctypes.c_size_t(value.nbytes)))
    ctypes.memmove(c.TF_TensorData(tensor), value.ctypes.data, value.nbytes)
    return tensor


def _check(c, status):
    assert c.TF_GetCode(status) == 0, c.TF_Message(status).decode()
