"""TensorFlow.js's graph model format, written from a TensorFlow function.

A graph model is a few files: `model.json` with the graph's nodes, its signature and a list of
its weights, and `group1-shard1of2.bin` and so on with the weights' bytes, one after the other.

The package `tensorflowjs` writes them too, but does not install beside TensorFlow 2.20 and
later. What it does besides is not needed: `tfjs_network` makes a graph without variables,
branches and dead ends. One of its optimizations pays, and is here: `fuse`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf import json_format

# Pieces that browsers keep in their caches.
_SHARD_BYTES = 4 * 2**20
_ACTIVATIONS = ("LeakyRelu", "Relu")


def graph_model(
    function: Any, *, float16: bool = False, metadata: Mapping[str, Any] | None = None
) -> dict[str, bytes]:
    """Returns the files of a function as a TensorFlow.js graph model, by name.

    Args:
        function: a `tf.function` with an input signature of named tensors and one named
            output, which holds its weights as constants.
        float16: store the weights in half precision: half the download. Browsers compute in
            float32 all the same.
        metadata: what JSON can hold; `model.userDefinedMetadata` in TensorFlow.js.

    Raises:
        ValueError: the function uses variables, or weights are too large for float16.
    """
    concrete = function.get_concrete_function()
    if concrete.captured_inputs:
        raise ValueError(f"expected constants, got variables: {concrete.captured_inputs}")
    (output_name,) = concrete.structured_outputs
    graph = fuse(concrete.graph.as_graph_def())
    weights, data = _weights(graph, float16)
    shards = [data[i : i + _SHARD_BYTES] for i in range(0, len(data), _SHARD_BYTES)]
    names = [f"group1-shard{i + 1}of{len(shards)}.bin" for i in range(len(shards))]
    model = {
        "format": "graph-model",
        "generatedBy": tf.__version__,
        "convertedBy": "pgan-tf",
        "signature": {
            "inputs": {tensor.op.name: _tensor_info(tensor) for tensor in concrete.inputs},
            "outputs": {output_name: _tensor_info(concrete.outputs[0])},
        },
        "modelTopology": json_format.MessageToDict(_without_contents(graph)),
        "weightsManifest": [{"paths": names, "weights": weights}],
        "userDefinedMetadata": dict(metadata or {}),
    }
    return {"model.json": json.dumps(model).encode(), **dict(zip(names, shards, strict=True))}


def fuse(graph: tf.compat.v1.GraphDef) -> tf.compat.v1.GraphDef:
    """Returns the graph with each convolution, its bias and its ReLU as one node.

    TensorFlow knows the node as `_FusedConv2D`. In a browser it saves two passes over the
    features, and a convolution without activation saves one.
    """
    nodes = {node.name: node for node in graph.node}
    uses = Counter(source for node in graph.node for source in node.input)
    fused, gone = {}, set()

    def feeds_only_this(name: str, *ops: str) -> bool:
        return nodes[name].op in ops and uses[name] == 1

    for bias in graph.node:
        if bias.op != "BiasAdd" or not feeds_only_this(bias.input[0], "Conv2D"):
            continue
        conv = nodes[bias.input[0]]
        users = [node for node in graph.node if bias.name in node.input]
        follows = len(users) == 1 and users[0].op in _ACTIVATIONS
        last = users[0] if follows else bias
        one = tf.compat.v1.NodeDef(name=last.name, op="_FusedConv2D")
        one.input.extend([*conv.input, bias.input[1]])
        for name, value in conv.attr.items():
            one.attr[name].CopyFrom(value)
        one.attr["num_args"].i = 1
        one.attr["TArgs"].list.type.append(conv.attr["T"].type)
        one.attr["fused_ops"].list.s.append(b"BiasAdd")
        if follows:
            one.attr["fused_ops"].list.s.append(last.op.encode())
            one.attr["leakyrelu_alpha"].f = last.attr["alpha"].f
        fused[last.name] = one
        gone |= {conv.name, bias.name} - {last.name}

    result = tf.compat.v1.GraphDef(versions=graph.versions)
    result.node.extend(fused.get(node.name, node) for node in graph.node if node.name not in gone)
    return result


def _tensor_info(tensor: tf.Tensor) -> dict[str, Any]:
    return {
        "name": tensor.name,
        "dtype": f"DT_{'FLOAT' if tensor.dtype == tf.float32 else tensor.dtype.name.upper()}",
        "tensorShape": json_format.MessageToDict(tensor.shape.as_proto()),
    }


def _constants(graph: tf.compat.v1.GraphDef) -> Iterator[tf.compat.v1.NodeDef]:
    return (node for node in graph.node if node.op == "Const")


def _weights(graph: tf.compat.v1.GraphDef, float16: bool) -> tuple[list[dict[str, Any]], bytes]:
    """Returns the weights' list for model.json, and their bytes."""
    entries, pieces = [], []
    for node in _constants(graph):
        array = tf.make_ndarray(node.attr["value"].tensor)
        if array.dtype not in (np.float32, np.int32):
            raise ValueError(f"{node.name}: expected float32 or int32, got {array.dtype}")
        entry = {"name": node.name, "shape": list(array.shape), "dtype": array.dtype.name}
        if float16 and array.dtype == np.float32 and array.size > 1:
            array = array.astype(np.float16)
            if not np.isfinite(array).all():
                raise ValueError(f"{node.name}: weights too large for float16")
            entry["quantization"] = {"dtype": "float16", "original_dtype": "float32"}
        entries.append(entry)
        pieces.append(array.astype(array.dtype.newbyteorder("<")).tobytes())
    return entries, b"".join(pieces)


def _without_contents(graph: tf.compat.v1.GraphDef) -> tf.compat.v1.GraphDef:
    """Returns the graph without the constants' values, which are in the other files."""
    bare = tf.compat.v1.GraphDef()
    bare.CopyFrom(graph)
    for node in _constants(bare):
        tensor = node.attr["value"].tensor
        shape = tensor.tensor_shape
        node.attr["value"].tensor.CopyFrom(type(tensor)(dtype=tensor.dtype, tensor_shape=shape))
    return bare
