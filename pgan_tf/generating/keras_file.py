"""Opens Keras files that `export.py` wrote, as data.

Keras itself would make whatever layers a file names, and run their code. Here the model is built
from a few numbers in the file, must have the file's layers, and takes its weights.
"""

import io
import json
import os
import warnings
import zipfile
import zlib
from typing import Any

import h5py
import keras

from pgan_tf.networks.stock import build_stock, read_plan
from tfrecords.common.errors import UserError
from tfrecords.common.files import temporary_folder
from tfrecords.common.paths import read_whole
from tfrecords.common.text import printable

_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"
_MOST_BYTES = 2**31  # of the file; the networks of 1024 px take 92 MB
_MOST_CONFIG_BYTES = 2**22
# What determines a layer. Other settings of the same layers differ between Keras's versions.
_SETTINGS = (
    *("batch_shape", "units", "filters", "kernel_size", "strides", "padding", "use_bias", "groups"),
    *("dilation_rate", "data_format", "activation", "negative_slope", "axis", "epsilon", "size"),
    *("interpolation", "target_shape"),
)
_DAMAGED = (
    *(ValueError, TypeError, LookupError, ArithmeticError, AttributeError, OSError, RuntimeError),
    *(MemoryError, RecursionError, zipfile.BadZipFile, zlib.error, UserWarning),
)


def open_keras_file(path: str, argument: str) -> keras.Model:
    """Opens a Keras file of `export.py`, see `build_stock`; UserError if it is another.

    `argument` is what messages call the path.
    """
    contents = read_whole(path, _MOST_BYTES)
    try:
        with zipfile.ZipFile(io.BytesIO(contents)) as archive:
            config = _read(archive, _CONFIG, _MOST_CONFIG_BYTES)
            weights = _read(archive, _WEIGHTS, len(contents))
        model = _build(json.loads(config), len(weights))
        if _count_weights(weights) != model.count_params():
            raise ValueError("more or fewer weights than its layers have")
        with temporary_folder() as folder:
            file = os.path.join(folder, _WEIGHTS)
            with open(file, "wb") as whole:
                whole.write(weights)
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # Keras only warns of layers without weights
                model.load_weights(file)
    except UserError as error:
        raise UserError(f"{argument}: {printable(path)}: {error}") from None
    except _DAMAGED as error:
        why = (str(error).strip() or type(error).__name__).splitlines()[0]
        expected = "expected a Keras file of export.py --format=keras"
        raise UserError(
            f"{argument}: {expected}, got {printable(path)} ({printable(why)[:200]}): open others "
            "with keras.saving.load_model, if you trust their makers"
        ) from None
    return model


def _read(archive: zipfile.ZipFile, name: str, most_bytes: int) -> bytes:
    member = archive.getinfo(name)
    if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1:
        raise ValueError(f"{name} is compressed or encrypted")
    if member.file_size > most_bytes or member.file_size != member.compress_size:
        raise ValueError(f"{name} is too large")
    return archive.read(member)


def _build(config: dict[str, Any], most_bytes: int) -> keras.Model:
    """Builds the model that a file describes. One of several errors if it describes another."""
    described = config["config"]["layers"]
    plan = read_plan({layer["config"]["name"]: layer["config"] for layer in described})
    if 4 * plan.parameters > most_bytes:
        raise ValueError("fewer weights than its layers have")
    model = build_stock(plan)
    expected = json.loads(model.to_json())["config"]["layers"]
    for ours, theirs in zip(expected, described, strict=False):
        if _identity(ours) != _identity(theirs):
            name = f"{theirs['class_name']} {theirs['config']['name']!r}"
            raise ValueError(f"it has a layer {name}, which no export has there")
    if len(expected) != len(described):
        raise ValueError(f"it has {len(described)} layers in place of {len(expected)}")
    return model


def _identity(layer: dict[str, Any]) -> str:
    """Returns what determines a layer, where it is in the model included."""
    settings = {name: value for name, value in layer["config"].items() if name in _SETTINGS}
    inputs = [_sources(node) for node in layer["inbound_nodes"]]
    names = layer["module"], layer["class_name"], layer.get("registered_name")
    return json.dumps([*names, layer["config"]["name"], settings, inputs], sort_keys=True)


def _sources(node: Any) -> list[str]:
    """Returns the names of the layers whose outputs a layer takes, in order."""
    if isinstance(node, dict):
        if "keras_history" in node:
            return [str(node["keras_history"][0])]
        node = [node[name] for name in sorted(node)]
    return [name for one in node for name in _sources(one)] if isinstance(node, list) else []


def _count_weights(weights: bytes) -> int:
    """Counts the numbers in an HDF5 file. ValueError unless all are in it, as they are."""

    def count(group: h5py.Group) -> int:
        total = 0
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise ValueError(f"{name} is a link")
            one = group[name]
            if isinstance(one, h5py.Group):
                total += count(one)
                continue
            if one.shape is None or one.dtype != "float32" or one.nbytes > len(weights):
                raise ValueError(f"{name} holds no weights")
            if one.chunks or one.is_virtual or one.external:
                raise ValueError(f"{name} has its weights elsewhere")
            total += one.size
        return total

    with h5py.File(io.BytesIO(weights), "r") as file:
        return count(file)
