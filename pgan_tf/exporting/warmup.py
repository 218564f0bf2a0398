"""Requests that TensorFlow Serving sends itself while it loads an export.

TensorFlow prepares much when it computes for the first time; so nobody's first request is slow.
The server looks for `assets.extra/tf_serving_warmup_requests`: TFRecords of its message
`PredictionLog`. The few fields that matter are put together here, since the package with the
message's class, tensorflow-serving-api, is not needed for anything else.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from pgan_tf.config.training import NetworkConfig
from pgan_tf.exporting.signatures import TfFunction
from pgan_tf.networks.sampling import latents_from_seeds, one_hot_labels

WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"
# What a request calls the model; a server that warms up does not look at it.
_MODEL = "pgan"


def write_warmup(folder: str, signatures: Mapping[str, TfFunction], network: NetworkConfig) -> None:
    """Writes a request for one picture to each signature.

    Args:
        folder: of the SavedModel.
        signatures: see `signatures.make_signatures`.
        network: the generator's.
    """
    values = {
        "latents": latents_from_seeds([0], network.latent_size),
        "labels": one_hot_labels([0], network.label_size),
        "seeds": np.zeros(1, np.int64),
    }
    path = posixpath.join(folder, WARMUP_FILE)
    tf.io.gfile.makedirs(posixpath.dirname(path))
    with tf.io.TFRecordWriter(path) as writer:
        for signature, function in signatures.items():
            inputs = {spec.name: values[spec.name] for spec in function.input_signature}
            writer.write(prediction_log(signature, inputs))


def prediction_log(signature: str, inputs: Mapping[str, np.ndarray]) -> bytes:
    """Returns a request as a serialized `tensorflow.serving.PredictionLog`.

    Args:
        signature: its name.
        inputs: arrays by name.
    """
    model_spec = _field(1, _MODEL.encode()) + _field(3, signature.encode())
    request = _field(1, model_spec)
    for name, value in inputs.items():
        tensor = tf.make_tensor_proto(value).SerializeToString()
        request += _field(2, _field(1, name.encode()) + _field(2, tensor))
    predict_log = _field(1, request)
    return _field(6, predict_log)


def _field(number: int, contents: bytes) -> bytes:
    """Encodes a field of bytes, text or a message, as protocol buffers do; number below 16."""
    length, size = bytearray(), len(contents)
    while size >= 0x80:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([number << 3 | 2, *length, size]) + contents
