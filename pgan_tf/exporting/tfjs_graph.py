"""Writes a TensorFlow function in TensorFlow.js's graph model format.

`model.json` has the nodes of the graph, its signature and a list of weights. Files such as
`group1-shard1of2.bin` have the bytes of the weights, one after the other. The package
`tensorflowjs` can't be installed with TensorFlow 2.20 or later.
"""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from pgan_tf.exporting.saved_model import TfFunction

_SHARD_BYTES = 4 * 2**20  # small enough for browser caches
_ACTIVATIONS = ("LeakyRelu", "Relu")


def graph_model(
    function: TfFunction, *, float16: bool = False, metadata: Mapping[str, Any] | None = None
) -> dict[str, bytes]:
    """Returns the files, by name, for a function from named tensors to one named output.

    With `float16`, weights take half the download; browsers still compute in float32. ValueError if
    a weight is too large. `metadata`, for JSON, is `model.userDefinedMetadata` in TensorFlow.js.
    """
    concrete = function.get_concrete_function()
    (output_name,) = concrete.structured_outputs
    frozen = convert_variables_to_constants_v2(concrete)
    graph = _simplify(frozen.graph.as_graph_def(), [concrete.outputs[0].op.name])
    weights, data = _take_weights(graph, float16)
    shards = [data[i : i + _SHARD_BYTES] for i in range(0, len(data), _SHARD_BYTES)]
    names = [f"group1-shard{i + 1}of{len(shards)}.bin" for i in range(len(shards))]
    inputs = [tensor for tensor in frozen.inputs if tensor.dtype != tf.resource]
    model = {
        "format": "graph-model",
        "generatedBy": tf.__version__,
        "convertedBy": "pgan-tf",
        "signature": {
            "inputs": {tensor.op.name: _tensor_info(tensor) for tensor in inputs},
            "outputs": {output_name: _tensor_info(concrete.outputs[0])},
        },
        "modelTopology": json_format.MessageToDict(graph),
        "weightsManifest": [{"paths": names, "weights": weights}],
        "userDefinedMetadata": dict(metadata or {}),
    }
    return {"model.json": json.dumps(model).encode(), **dict(zip(names, shards, strict=True))}


def _simplify(graph: tf.compat.v1.GraphDef, kept: list[str]) -> tf.compat.v1.GraphDef:
    """Removes identities, and fuses convolution, bias and ReLU; `kept` names the outputs."""
    # `_FusedConv2D` saves two passes over the features.
    graph = _without_identities(graph, kept)
    nodes = {node.name: node for node in graph.node}
    users: dict[str, list[Any]] = {name: [] for name in nodes}
    for node in graph.node:
        for source in node.input:
            users[source].append(node)
    fused, dropped = {}, set()
    for bias in graph.node:
        conv = nodes[bias.input[0]] if bias.op == "BiasAdd" else None
        if conv is None or conv.op != "Conv2D" or len(users[conv.name]) != 1:
            continue
        after = users[bias.name]
        fuses = len(after) == 1 and after[0].op in _ACTIVATIONS and bias.name not in kept
        last = after[0] if fuses else bias
        fused[last.name] = _fused(conv, bias, last)
        dropped |= {conv.name, bias.name} - {last.name}
    result = tf.compat.v1.GraphDef(versions=graph.versions)
    result.node.extend(fused.get(one.name, one) for one in graph.node if one.name not in dropped)
    return result


def _fused(conv: Any, bias: Any, last: Any) -> tf.compat.v1.NodeDef:
    one = tf.compat.v1.NodeDef(name=last.name, op="_FusedConv2D")
    one.input.extend([*conv.input, bias.input[1]])
    for name, value in conv.attr.items():
        one.attr[name].CopyFrom(value)
    one.attr["num_args"].i = 1
    one.attr["TArgs"].list.type.append(conv.attr["T"].type)
    one.attr["fused_ops"].list.s.append(b"BiasAdd")
    if last.op in _ACTIVATIONS:
        one.attr["fused_ops"].list.s.append(last.op.encode())
        one.attr["leakyrelu_alpha"].f = last.attr["alpha"].f
    return one


def _without_identities(graph: tf.compat.v1.GraphDef, kept: list[str]) -> tf.compat.v1.GraphDef:
    """Returns the nodes that `kept` depend on, with each identity replaced by its source."""
    nodes = {node.name: node for node in graph.node}

    def source(name: str) -> str:
        name = name.removesuffix(":0")
        node = nodes[name]
        return source(node.input[0]) if node.op == "Identity" and name not in kept else name

    needed: set[str] = set()
    waiting = [*kept]
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting += [source(i) for i in nodes[name].input if not i.startswith("^")]
    result = tf.compat.v1.GraphDef(versions=graph.versions)
    for node in graph.node:
        if node.name in needed or node.op == "Placeholder":
            copy = result.node.add()
            copy.CopyFrom(node)
            del copy.input[:]
            copy.input.extend(source(i) for i in node.input if not i.startswith("^"))
    return result


def _tensor_info(tensor: tf.Tensor) -> dict[str, Any]:
    shape = json_format.MessageToDict(tensor.shape.as_proto())
    return {"name": tensor.name, "dtype": "DT_FLOAT", "tensorShape": shape}


def _take_weights(graph: tf.compat.v1.GraphDef, float16: bool) -> tuple[list[dict], bytes]:
    """Moves values of constants out of a graph: a list for model.json, and their bytes."""
    entries, pieces = [], []
    for node in (node for node in graph.node if node.op == "Const"):
        tensor = node.attr["value"].tensor
        array = tf.make_ndarray(tensor)
        tensor.CopyFrom(type(tensor)(dtype=tensor.dtype, tensor_shape=tensor.tensor_shape))
        entry = {"name": node.name, "shape": list(array.shape), "dtype": array.dtype.name}
        # Single numbers, such as an epsilon, keep their precision.
        if float16 and array.dtype == np.float32 and array.size > 1:
            with np.errstate(over="ignore"):
                array = array.astype(np.float16)
            if not np.isfinite(array).all():
                raise ValueError(f"{node.name}: weights too large for float16")
            entry["quantization"] = {"dtype": "float16", "original_dtype": "float32"}
        entries.append(entry)
        pieces.append(array.astype(array.dtype.newbyteorder("<")).tobytes())
    return entries, b"".join(pieces)
