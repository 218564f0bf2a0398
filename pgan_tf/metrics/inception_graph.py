"""Looks at pictures with the frozen Inception graph of 2015 (Szegedy et al., 2016)."""

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from pgan_tf.metrics.inception_file import InceptionFile
from tfrecords.common.errors import UserError

# What the graph makes of one picture from its decoder; from there on it takes any batch.
_PICTURES, _FEATURES, _LOGITS = "ExpandDims", "pool_3", "softmax/logits/MatMul"

FILTER = "bilinear to 299 px in Inception"


@dataclasses.dataclass(frozen=True)
class Seen:
    """What Inception makes of a batch."""

    features: np.ndarray  # (n, 2048) float32, the last pooling layer
    probabilities: np.ndarray  # (n, 1008) float32, of the classes; rows sum to 1


# From (n, side, side, channels) uint8 pictures.
Inception = Callable[[np.ndarray], Seen]


class InceptionGraph:
    """The network, ready to look at pictures of any size, which it resizes itself.

    Probabilities are made from the logits without their bias, as in the published Inception score.
    """

    def __init__(self, file: InceptionFile) -> None:
        """Builds the graph. Raises UserError if the file holds another one, or none."""
        self.sha256 = file.sha256
        definition = tf.compat.v1.GraphDef()
        try:
            definition.ParseFromString(file.contents)
        except DecodeError as error:
            raise UserError(
                f"--inception: expected a frozen graph, got {file.name}, which is none: give "
                "classify_image_graph_def.pb or inception-2015-12-05.tgz"
            ) from error
        names = {node.name for node in definition.node}
        for name in (_PICTURES, _FEATURES, _LOGITS):
            if name not in names:
                raise UserError(
                    f"--inception: expected the Inception graph of 2015, got {file.name}, which "
                    f"has no node {name}: give classify_image_graph_def.pb"
                )
        # A graph of its own keeps the file's version, below the one in which the operation of
        # Inception's normalization was withdrawn: a tf.function would refuse to run it.
        graph = tf.Graph()
        with graph.as_default():
            self._pictures = tf.compat.v1.placeholder(tf.float32, (None, None, None, 3))
            try:
                tf.import_graph_def(definition, {f"{_PICTURES}:0": self._pictures}, name="")
                features = graph.get_tensor_by_name(f"{_FEATURES}:0")
                weights = graph.get_operation_by_name(_LOGITS).inputs[1]
                features = tf.reshape(features, (-1, weights.shape[0]))
                self._fetched = features, tf.nn.softmax(features @ weights)
            except Exception as error:  # a graph of something else raises all sorts
                raise UserError(
                    f"--inception: {file.name} cannot be built ({str(error).splitlines()[0]}): "
                    "give classify_image_graph_def.pb"
                ) from error
        config = tf.compat.v1.ConfigProto(allow_soft_placement=True)
        config.gpu_options.allow_growth = True
        self._session = tf.compat.v1.Session(graph=graph, config=config)

    def __call__(self, batch: np.ndarray) -> Seen:
        """Looks at `(n, side, side, channels)` uint8 pictures with 3 channels or 1."""
        pictures = np.broadcast_to(batch, (*batch.shape[:3], 3)).astype(np.float32)
        return Seen(*self._session.run(self._fetched, {self._pictures: pictures}))
