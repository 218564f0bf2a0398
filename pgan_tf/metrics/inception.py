"""The Inception network with which published scores were measured (Szegedy et al., 2016).

It is the frozen graph of 5 December 2015, `classify_image_graph_def.pb`, which TensorFlow published
in `inception-2015-12-05.tgz`. Scores from other Inception weights are not comparable.
"""

import dataclasses
import hashlib
import http.client
import io
import os
import posixpath
import urllib.request
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tqdm import tqdm

from tfrecords.common.errors import UserError
from tfrecords.common.files import locked, whole_file
from tfrecords.common.paths import read_whole
from tfrecords.sources.archive import read_named
from tfrecords.sources.single_file import user_error_on

GRAPH_NAME = "classify_image_graph_def.pb"
URL = f"https://openaipublic.blob.core.windows.net/diffusion/jul-2021/ref_batches/{GRAPH_NAME}"
SHA256 = "009d6814d1bc560d4e7b236e170e9b2d5ca6f4b57bd8037f6db05776204415c6"
_EITHER = f"{GRAPH_NAME} or inception-2015-12-05.tgz"
_CACHED_NAME = "inception-2015-12-05.pb"
_CHUNK_BYTES = 2**20
_MOST_BYTES = 2**30  # the published graph has 96 MB
_TIMEOUT_SECONDS = 30
_GZIP_MAGIC = b"\x1f\x8b"
# Tensors of the graph: the decoded input pictures, in batches of any size, and the outputs.
_PICTURES, _FEATURES, _LOGITS = "ExpandDims", "pool_3", "softmax/logits/MatMul"
FILTER = "bilinear to 299 px in Inception"  # `Metric.filter` of metrics that use Inception
BLOCK_ROWS = 2048  # feature rows at a time; distances between two blocks take 32 MiB


@dataclasses.dataclass(frozen=True)
class InceptionOutput:
    """Inception's outputs for a batch."""

    features: np.ndarray  # (n, 2048) float32, from the last pooling layer
    probabilities: np.ndarray  # (n, 1008) float32, class probabilities; rows sum to 1


Inception = Callable[[np.ndarray], InceptionOutput]  # from (n, side, side, channels) uint8
Features = Sequence[np.ndarray]  # (n, size) float32 batches


class InceptionGraph:
    """The network, from a serialized GraphDef, for pictures of any size. UserError if invalid."""

    def __init__(self, name: str, contents: bytes) -> None:
        self.sha256 = hashlib.sha256(contents).hexdigest()
        definition = tf.compat.v1.GraphDef()
        try:
            definition.ParseFromString(contents)
        except DecodeError as error:
            raise UserError(
                f"--inception: expected a frozen graph, got {name}, which is none: give {_EITHER}"
            ) from error
        nodes = {node.name for node in definition.node}
        if missing := sorted({_PICTURES, _FEATURES, _LOGITS} - nodes):
            raise UserError(
                f"--inception: expected the Inception graph of 2015, got {name}, which has no node "
                f"{missing[0]}: give {GRAPH_NAME}"
            )
        # A separate graph keeps the file's old graph version. A tf.function would have the current
        # version, in which an operation of Inception's batch normalization no longer exists.
        graph = tf.Graph()
        with graph.as_default():
            self._pictures = tf.compat.v1.placeholder(tf.float32, (None, None, None, 3))
            try:
                tf.import_graph_def(definition, {f"{_PICTURES}:0": self._pictures}, name="")
                features = graph.get_tensor_by_name(f"{_FEATURES}:0")
                weights = graph.get_operation_by_name(_LOGITS).inputs[1]
                features = tf.reshape(features, (-1, weights.shape[0]))
                # Logits without the bias, as in the published Inception score.
                self._outputs = features, tf.nn.softmax(features @ weights)
            except Exception as error:  # other graphs may raise anything
                why = str(error).splitlines()[0]
                raise UserError(
                    f"--inception: {name} cannot be built ({why}): give {GRAPH_NAME}"
                ) from error
        config = tf.compat.v1.ConfigProto(allow_soft_placement=True)
        config.gpu_options.allow_growth = True
        self._session = tf.compat.v1.Session(graph=graph, config=config)

    def __call__(self, batch: np.ndarray) -> InceptionOutput:
        """Runs on `(n, side, side, channels)` uint8 pictures with 1 or 3 channels."""
        pictures = np.broadcast_to(batch, (*batch.shape[:3], 3)).astype(np.float32)
        return InceptionOutput(*self._session.run(self._outputs, {self._pictures: pictures}))


def open_inception(path: str | None, cache_dir: str) -> InceptionGraph:
    """Opens the graph that `read_inception_file` returns. Raises UserError if it can't."""
    return InceptionGraph(*read_inception_file(path, cache_dir))


def read_inception_file(path: str | None, cache_dir: str) -> tuple[str, bytes]:
    """Reads a frozen graph, or the `.tgz` with it. Returns its path and the serialized GraphDef.

    None is the published graph, which is downloaded once into `cache_dir`, local or remote. Warns
    about any other graph. Raises UserError if the file cannot be read or downloaded.
    """
    if path is None:
        cached = _cached_path(cache_dir)
        if needs_download(cache_dir):
            fetch(URL, SHA256, cached)
        return cached, _read(cached)
    contents = _graph_in(_read(os.path.expanduser(path)), path)
    sha256 = hashlib.sha256(contents).hexdigest()
    if sha256 != SHA256:
        print(
            f"--inception: {path} is not the published graph (its sha256 is {sha256[:8]}…, not "
            f"{SHA256[:8]}…): its scores compare only with each other; a graph is a program, so "
            "use only one whose author you trust (docs/security.md)",
            flush=True,
        )
    return path, contents


def needs_download(cache_dir: str) -> bool:
    """Returns whether the published graph is not yet in `cache_dir`."""
    path = _cached_path(cache_dir)
    return not tf.io.gfile.exists(path) or hashlib.sha256(_read(path)).hexdigest() != SHA256


def _cached_path(cache_dir: str) -> str:
    return posixpath.join(os.path.expanduser(cache_dir), _CACHED_NAME)


def fetch(url: str, sha256: str, path: str) -> None:
    """Downloads a file to `path`, which appears only once verified. UserError if it fails."""
    instead = "give the file that you have by --inception=PATH"
    folder = posixpath.dirname(path) or "."
    busy = f"Inception: another process is fetching it into {folder}: wait until it has ended"
    digest = hashlib.sha256()
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as page, locked(folder, busy):
            tf.io.gfile.makedirs(folder)
            total = int(page.headers.get("Content-Length", 0)) or None
            bar = tqdm(total=total, desc="Fetching Inception", unit="B", unit_scale=True)
            with whole_file(path) as file, bar:
                while chunk := page.read(_CHUNK_BYTES):
                    file.write(chunk)
                    digest.update(chunk)
                    bar.update(len(chunk))
                if digest.hexdigest() != sha256:
                    raise UserError(
                        f"Inception: expected sha256 {sha256} at {url}, got {digest.hexdigest()}: "
                        f"try again, or {instead}"
                    )
    except (OSError, http.client.HTTPException, tf.errors.OpError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "message", None) or error
        reason = " ".join(str(reason).split())
        raise UserError(f"Inception: cannot fetch {url} ({reason}): {instead}") from error


def _graph_in(contents: bytes, path: str) -> bytes:
    """Returns the graph itself, extracted if the file is an archive."""
    if not contents.startswith(_GZIP_MAGIC):
        return contents
    with user_error_on(f"--inception: {path}: cannot be read", ": is the archive complete?"):
        for _, graph in read_named(path, (GRAPH_NAME,), _MOST_BYTES, io.BytesIO(contents)):
            return graph
    raise UserError(
        f"--inception: expected an archive with {GRAPH_NAME}, got {path}: give {_EITHER}"
    )


def _read(path: str) -> bytes:
    try:
        return read_whole(path, _MOST_BYTES)
    except UserError as error:
        raise UserError(f"--inception: expected a frozen graph, got {error}") from None


class FeatureCollector:
    """Keeps features, 8 kB per picture. Metrics with the same features share the memory."""

    def __init__(self, features: Features = ()) -> None:
        self.features = [*features]

    def add(self, batch: InceptionOutput) -> None:
        """Adds Inception's output for a batch."""
        self.features.append(batch.features)


def blocks_of(features: Features, rows: int = BLOCK_ROWS) -> Iterator[np.ndarray]:
    """Joins batches into float64 blocks of at least `rows` rows; the last may have fewer."""
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
