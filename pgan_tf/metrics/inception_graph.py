"""Looks at pictures with the frozen Inception graph of 2015 (Szegedy et al., 2016).

Keeps the features of a set of pictures, for metrics that compare each with each.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from pgan_tf.metrics.inception_file import InceptionFile
from tfrecords.common.errors import UserError

# What the graph makes of one picture from its decoder; from there on it takes any batch.
_PICTURES, _FEATURES, _LOGITS = "ExpandDims", "pool_3", "softmax/logits/MatMul"

FILTER = "bilinear to 299 px in Inception"

# Rows of features at a time: a block of distances between two takes 32 MiB.
BLOCK_ROWS = 2048


@dataclasses.dataclass(frozen=True)
class Seen:
    """What Inception makes of a batch."""

    features: np.ndarray  # (n, 2048) float32, the last pooling layer
    probabilities: np.ndarray  # (n, 1008) float32, of the classes; rows sum to 1


Inception = Callable[[np.ndarray], Seen]  # from (n, side, side, channels) uint8 pictures
Features = Sequence[np.ndarray]  # (n, size) float32 batches


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


class FeatureCollector:
    """Keeps features, 8 kB a picture; metrics that keep the same ones share the memory."""

    def __init__(self, features: Iterable[np.ndarray] = ()) -> None:
        self.features = [*features]

    def add(self, batch: Seen) -> None:
        """Takes what Inception makes of a batch."""
        self.features.append(batch.features)


def blocks_of(features: Features, rows: int = BLOCK_ROWS) -> Iterator[np.ndarray]:
    """Joins batches into float64 blocks of at least `rows` rows; the last one may have fewer."""
    waiting: list[np.ndarray] = []
    for batch in features:
        waiting.append(batch)
        if count(waiting) >= rows:
            yield np.concatenate(waiting).astype(np.float64)
            waiting = []
    if waiting:
        yield np.concatenate(waiting).astype(np.float64)


def count(features: Features) -> int:
    """Returns the number of pictures."""
    return sum(map(len, features))
