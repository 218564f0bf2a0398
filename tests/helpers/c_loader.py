"""Loads a SavedModel into a C++ session, as TensorFlow Serving does, and runs its signatures."""

import os

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
        definition = self.signatures[signature]
        fed = {definition.inputs[name].name: value for name, value in inputs.items()}
        result = self._session.run(definition.outputs[output].name, fed)
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
