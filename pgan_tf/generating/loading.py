"""Opens a trained generator by its path; `pgan_tf.load` is defined here."""

import functools
import os
import posixpath
from typing import get_args

from pgan_tf.exporting import hub
from pgan_tf.exporting.keras_file import KERAS_FILE
from pgan_tf.exporting.safetensors_file import WEIGHTS_FILE
from pgan_tf.generating.formats.downloaded import download_export
from pgan_tf.generating.generator import Generator
from pgan_tf.generating.sampler import keras_model_of, make_sampler, newest_version, open_export
from pgan_tf.runs.checkpoint import latest
from pgan_tf.runs.folder import checkpoint_folder
from pgan_tf.runs.packaged import NETWORKS, packaged_run
from pgan_tf.runs.trained import Trained, Weights, from_checkpoint, from_official
from tfrecords.common import paths
from tfrecords.common.bounds import shown
from tfrecords.common.errors import UserError
from tfrecords.common.text import did_you_mean

_EXPECTED = (
    "a run folder, a checkpoint, an export.py's SavedModel, Keras file or safetensors, or a "
    "published pickle"
)
_NAMED = f"; or {' or '.join(NETWORKS)}, which comes along" * bool(NETWORKS)
_OPENED = frozenset({"saved_model.pb", "saved_model.pbtxt", KERAS_FILE, WEIGHTS_FILE})
# Files that this package cannot draw from, and what opens them: by name and by extension.
_EXPORTS = {
    "model.onnx": "an ONNX model: open it with onnxruntime",
    "model.tflite": "a LiteRT model: open it with ai_edge_litert",
    "model.json": "a TensorFlow.js model: open its page in a browser",
    "index.html": "a web page: open it in a browser",
}
_FILES = {
    ".onnx": _EXPORTS["model.onnx"],
    ".tflite": _EXPORTS["model.tflite"],
    ".html": _EXPORTS["index.html"],
    ".safetensors": "weights alone: name their folder",
    ".pb": "a file of a SavedModel: name its folder",
    ".json": "a description: name its folder",
}
_INSTEAD = ", or name the run, or its SavedModel"


def load(path: str | os.PathLike[str], network: Weights = "average_generator") -> Generator:
    """Opens a trained generator.

    Args:
        path: A run folder or a folder of checkpoints (the last checkpoint is used), a checkpoint,
            a SavedModel, Keras file or safetensors folder of `export.py` (of its folder the newest
            version is used), a pickle of the published networks. Local, or `gs://…`. Or
            `hf://USER/NAME[@REVISION]`, a repository that `--format=huggingface` made; none of its
            code is run. A SavedModel is a program: open only those from people you trust. Or
            `"emoji"`, a network that comes with this package, unless there is a file or folder of
            that name.
        network: The running average of the generator, or `"generator"` for the weights of the last
            step. An export draws with only one.

    Raises:
        UserError: If it is missing, damaged, or something else.
    """
    if network not in get_args(Weights):
        raise UserError(f"network: expected {' or '.join(get_args(Weights))}, got {shown(network)}")
    if isinstance(path, str) and path.startswith(hub.SCHEME):
        path = download_export(path, "path")
    place = _read_path(path)
    if place in NETWORKS and not paths.exists(place):
        place = packaged_run(place)
        if network != "average_generator":
            raise UserError(f"network: expected average_generator of {path}, got {network}")
    is_keras_file = place.endswith(".keras")
    if not paths.is_folder(place) and not is_keras_file:
        return _make(_read_file(place, network))
    if not is_keras_file:
        if checkpoint := latest(checkpoint_folder(place)) or latest(place):
            return _make(from_checkpoint(checkpoint, network))
        names = paths.list_names(newest_version(place))
        if not _OPENED.intersection(names):
            raise _unknown_folder(place, names)
    if network != "average_generator":
        words = f"a run or a checkpoint, got the export {place!r}, which has one network to draw"
        raise UserError(f"network: expected {words}: leave it")
    sampler = open_export(place, "path")
    return Generator(sampler, functools.partial(keras_model_of, sampler))


def _read_path(path: object) -> str:
    """Returns a path with `~` expanded. Raises UserError if nothing is there."""
    if not isinstance(path, str | os.PathLike):
        raise UserError(f"path: expected {_EXPECTED}, got {shown(path)}")
    text = os.fspath(path)
    place = text if paths.exists(text) else os.path.expanduser(text)
    if not paths.exists(place) and text not in NETWORKS:
        got = f"got {text!r}, which is not there{did_you_mean(text, NETWORKS)}"
        raise UserError(f"path: expected {_EXPECTED}{_NAMED}, {got}")
    return place.rstrip("/") or place


def _make(trained: Trained) -> Generator:
    return Generator(make_sampler(trained), lambda: trained.generator)


def _read_file(path: str, network: Weights) -> Trained:
    if other := _FILES.get(posixpath.splitext(path)[1].lower()):
        raise UserError(f"path: expected {_EXPECTED}, got {path!r}, {other}{_INSTEAD}")
    first = paths.read_bytes(path, 2)
    if first == b"PK":  # NumPy's archives are zip files
        return from_checkpoint(path, network)
    if first[:1] == b"\x80" or path.endswith(".pkl"):
        return from_official(path, network)
    raise UserError(f"path: expected {_EXPECTED}, got {path!r}, a file of another kind")


def _unknown_folder(folder: str, names: list[str]) -> UserError:
    if other := next((_EXPORTS[name] for name in names if name in _EXPORTS), ""):
        return UserError(f"path: expected {_EXPECTED}, got {folder!r} with {other}{_INSTEAD}")
    if "config.json" in names:
        words = f"expected a run folder with checkpoints, got {folder!r}, which has none yet"
        return UserError(f"path: {words}: train further")
    return UserError(f"path: expected {_EXPECTED}, got {folder!r}, a folder without any of them")
