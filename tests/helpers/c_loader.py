"""Loads a SavedModel into a C++ session, as TensorFlow Serving does, and runs its signatures."""

import os

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

CError = tf.errors.OpError  # what TensorFlow answers in place of a result


class CModel:
    """A SavedModel in a session. `signatures` are its SignatureDefs by name."""

    def __init__(self, path):
        self.signatures = signatures_of(path)
        with tf.Graph().as_default() as graph:
            self._session = tf.compat.v1.Session(graph=graph)
            tf.compat.v1.saved_model.load(self._session, ["serve"], path)

    def run(self, signature, inputs, output):
        """Returns one output of a signature for arrays by name; strings as a list of bytes.

        Raises CError if TensorFlow does not take the inputs.
        """
        definition, place = self.signatures[signature], self._session.graph.get_tensor_by_name
        fed = {
            place(definition.inputs[name].name)._as_tf_output(): np.asarray(value)
            for name, value in inputs.items()
        }
        fetched = [place(definition.outputs[output].name)._as_tf_output()]
        # `Session.run` would check and convert in Python what it is fed.
        (result,) = self._session._call_tf_sessionrun(None, fed, fetched, [], None)
        return result.tolist() if result.dtype == object else result


def run_in_c(path, signature, inputs, output):
    """Loads a SavedModel for one run; see `CModel`."""
    return CModel(path).run(signature, inputs, output)


def signatures_of(path):
    """Returns the SignatureDefs of a SavedModel by name, without loading it."""
    proto = saved_model_pb2.SavedModel()
    with open(os.path.join(path, "saved_model.pb"), "rb") as file:
        proto.ParseFromString(file.read())
    return dict(proto.meta_graphs[0].signature_def)
