"""Writes and reads single records, each with one picture.

A record is a `tf.train.Example` with the feature `shape`, int64[3], (channels, height, width), and
the picture in one of two encodings:
- `raw`, the published one: the feature `data` has the picture's bytes, uint8 and channels first;
- `png`: the feature `png` has the bytes of a PNG file with the same values.
With 16 bits per channel there is a feature `depth` besides, 16; `data` is little-endian then.
Only parsing training batches needs TensorFlow, so worker processes start fast and stay small.
"""

from __future__ import annotations

import io
import math
import struct
from typing import TYPE_CHECKING, Any

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError
from PIL import Image

if TYPE_CHECKING:
    import tensorflow as tf

ENCODINGS = ("png", "raw")
_DTYPES: dict[int, np.dtype] = {
    8: np.dtype(np.uint8),
    16: np.dtype(np.uint16),
}  # by the number of bits
_PNG_COMPRESSION = 3  # fast; photographs are only 5% larger than with the best compression

# `tf.train.Example` without TensorFlow. Protocol buffers encode a map as repeated entries.
_MESSAGES = {
    "Example": "Features features = 1",
    "Features": "repeated Entry feature = 1",
    "Entry": "string key = 1; Feature value = 2",
    "Feature": "BytesList bytes_list = 1; Int64List int64_list = 3",
    "BytesList": "repeated bytes value = 1",
    "Int64List": "repeated int64 value = 1",
}


def _example_class() -> Any:
    types = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="pgan_tf/record.proto", syntax="proto3")
    file.package = "pgan_tf"
    for message_name, fields in _MESSAGES.items():
        message = file.message_type.add(name=message_name)
        for declaration in fields.split("; "):
            *repeated, kind, name, _, number = declaration.split()
            field = message.field.add(name=name, number=int(number))
            field.label = types.LABEL_REPEATED if repeated else types.LABEL_OPTIONAL
            if kind in _MESSAGES:
                field.type_name = f".pgan_tf.{kind}"
            else:
                field.type = types.Type.Value(f"TYPE_{kind.upper()}")
    descriptor = descriptor_pool.DescriptorPool().Add(file)
    return message_factory.GetMessageClass(descriptor.message_types_by_name["Example"])


_Example = _example_class()


def is_png(num_channels: int, depth: int) -> bool:
    """Returns whether PNG, as read here, has pictures of so many channels and bits."""
    return num_channels == 1 or (num_channels in (3, 4) and depth == 8)


def encode_image(image: np.ndarray, encoding: str = "raw") -> bytes:
    """Serializes (height, width, channels) uint8, or uint16, as `png` or `raw`.

    Equal pictures give equal bytes. PNG takes 1, 3 or 4 channels, and of uint16 one.
    """
    if image.dtype not in _DTYPES.values() or image.ndim != 3:
        raise ValueError(f"image must be uint8 of 3 axes, got {image.dtype} of {image.shape}")
    is_deep = image.dtype == np.uint16
    channels_first = image.transpose(2, 0, 1)
    name, data = "data", channels_first.astype("<u2" if is_deep else "u1", copy=False).tobytes()
    if encoding == "png":
        file = io.BytesIO()
        pixels = image[:, :, 0] if image.shape[2] == 1 else image
        Image.fromarray(pixels).save(file, "PNG", compress_level=_PNG_COMPRESSION)
        name, data = "png", file.getvalue()
    picture = {"key": name, "value": {"bytes_list": {"value": [data]}}}
    shape = {"key": "shape", "value": {"int64_list": {"value": channels_first.shape}}}
    features = [picture, shape]
    if is_deep:
        features.append({"key": "depth", "value": {"int64_list": {"value": [16]}}})
    return _Example(features={"feature": features}).SerializeToString()


def parse_images(
    serialized: tf.Tensor, shape: tuple[int, int], num_channels: int, encoding: str, depth: int = 8
) -> tf.Tensor:
    """Parses (batch,) strings into (batch, *shape, num_channels) uint8 or uint16.

    It is uint16 if `depth`, in bits, is 16.
    Running it raises InvalidArgumentError for pictures of another size and for invalid records.
    """
    import tensorflow as tf

    feature = "data" if encoding == "raw" else "png"
    parsed = tf.io.parse_example(serialized, {feature: tf.io.FixedLenFeature([], tf.string)})
    (height, width), dtype = shape, tf.as_dtype(_DTYPES[depth])
    if encoding == "png":
        # Checks the PNGs' headers first, since decoding a huge picture might take gigabytes.
        size = struct.pack(">II", width, height)
        same = tf.reduce_all(tf.equal(tf.strings.substr(parsed[feature], 16, 8), size))
        checked = tf.debugging.Assert(same, ["a PNG of another size"])
        with tf.control_dependencies([checked] if checked is not None else []):
            pngs = tf.identity(parsed[feature])
        whole = (height, width, num_channels)

        def decode(png: tf.Tensor) -> tf.Tensor:
            return tf.ensure_shape(tf.io.decode_png(png, num_channels, dtype), whole)

        if serialized.shape[0] is None:
            return tf.map_fn(decode, pngs, fn_output_signature=tf.TensorSpec(whole, dtype))
        return tf.stack([decode(png) for png in tf.unstack(pngs)])  # saves the loop's overhead
    data = tf.io.decode_raw(parsed[feature], dtype)
    channels_first = tf.reshape(data, (-1, num_channels, height, width))
    # Otherwise records of another size could pass as a different number of pictures.
    same = tf.debugging.assert_equal(tf.shape(channels_first)[0], tf.shape(serialized)[0])
    with tf.control_dependencies([same]):
        return tf.transpose(channels_first, (0, 2, 3, 1))


def decode_record(serialized: bytes) -> tuple[str, np.ndarray]:
    """Returns a record's encoding and (height, width, channels) uint8, or uint16.

    Raises ValueError if it is damaged.
    """
    try:
        example = _Example.FromString(serialized)
    except DecodeError as error:
        raise ValueError("not a tf.train.Example") from error
    features = {entry.key: entry.value for entry in example.features.feature}
    encoding, name = ("png", "png") if "png" in features else ("raw", "data")
    shape = tuple(features["shape"].int64_list.value) if "shape" in features else ()
    values = list(features[name].bytes_list.value) if name in features else []
    if len(shape) != 3 or len(values) != 1:
        raise ValueError("no features 'shape' of 3 numbers and 'data' or 'png' of bytes")
    [data] = values
    depths = list(features["depth"].int64_list.value) if "depth" in features else [8]
    if depths not in ([8], [16]):
        raise ValueError(f"a depth of {str(depths)[:40]} bits, expected 8 or 16")
    dtype = _DTYPES[depths[0]]
    if encoding == "raw":
        if len(data) != math.prod(shape) * dtype.itemsize:
            raise ValueError(f"{len(data)} bytes of data for the shape {shape}")
        pixels = np.frombuffer(data, dtype.newbyteorder("<")).astype(dtype, copy=False)
        return encoding, pixels.reshape(shape).transpose(1, 2, 0)
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as opened:
            if opened.size != (shape[2], shape[1]):  # decoding might take gigabytes
                raise ValueError(f"one of {opened.width}x{opened.height} for the shape {shape}")
            image = np.asarray(opened)
    except Exception as error:  # Pillow's decoders may raise anything for broken files
        raise ValueError(f"a PNG that cannot be read: {error}") from error
    image = image.reshape(*image.shape[:2], -1)
    if image.transpose(2, 0, 1).shape != shape:
        raise ValueError(f"a PNG of {image.shape} (height, width, channels) for the shape {shape}")
    if image.dtype != dtype:
        raise ValueError(f"a PNG of {image.dtype}, expected {dtype}")
    return encoding, image
