"""One record of a dataset: how a picture is written, and how it is read.

A record is a `tf.train.Example` with the feature `shape`, int64[3], (channels, height,
width), and the picture in one of two encodings:

- `raw`, the published one: the feature `data`, the bytes of the picture, uint8 and
  channels first;
- `png`: the feature `png`, the bytes of a PNG file, which holds the same values.

Only batches for training need TensorFlow: the processes that convert pictures start at once
and stay small. The messages' bytes are the protocol buffer library's own (a test says so).
"""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    import tensorflow as tf

ENCODINGS = ("png", "raw")

# Fast, and 5 % larger than the smallest on photographs.
_PNG_COMPRESSION = 3


def encode_image(image: np.ndarray, encoding: str = "raw") -> bytes:
    """Serializes a picture.

    Args:
        image: (height, width, channels) uint8; 1 or 3 channels.
        encoding: `png` or `raw`.

    Returns:
        A serialized `tf.train.Example`; equal pictures give equal bytes.

    Raises:
        ValueError: `image` is not such an array.
    """
    if image.dtype != np.uint8 or image.ndim != 3:
        raise ValueError(
            "image must be uint8 of shape (height, width, channels), "
            f"got {image.dtype} of shape {image.shape}"
        )
    channels_first = image.transpose(2, 0, 1)
    # An Example is a Features (field 1), which is a map (field 1) of name to Feature, which
    # is a BytesList (field 1) or an Int64List (field 3), which is repeated (field 1).
    numbers = b"".join(_varint(size) for size in channels_first.shape)
    shape = _entry(b"shape", _field(3, _field(1, numbers)))
    if encoding == "raw":
        picture = _entry(b"data", _field(1, _field(1, channels_first.tobytes())))
        return _field(1, picture + shape)
    picture = _entry(b"png", _field(1, _field(1, _encode_png(image))))
    return _field(1, picture + shape)


def parse_images(
    serialized: tf.Tensor, resolution: int, num_channels: int, encoding: str
) -> tf.Tensor:
    """Reads a batch of pictures back; meant for `tf.data.Dataset.map`.

    Args:
        serialized: (batch,) string, records.
        resolution: the pictures' width and height in pixels.
        num_channels: 1 for grey, 3 for RGB.
        encoding: `png` or `raw`.

    Returns:
        (batch, resolution, resolution, num_channels) uint8.

    Raises:
        tf.errors.InvalidArgumentError: a record holds a picture of another size, or is
            no such record at all; raised when the tensor is computed.
    """
    import tensorflow as tf

    feature = "data" if encoding == "raw" else "png"
    parsed = tf.io.parse_example(serialized, {feature: tf.io.FixedLenFeature([], tf.string)})
    shape = (resolution, resolution, num_channels)
    if encoding == "png":
        # A PNG's header: its pixels might take gigabytes before their shape is looked at.
        size = struct.pack(">II", resolution, resolution)

        def decode(png: tf.Tensor) -> tf.Tensor:
            same = tf.equal(tf.strings.substr(png, 16, 8), size)
            checked = tf.debugging.Assert(same, ["a PNG of another size"])
            with tf.control_dependencies([checked] if checked is not None else []):
                png = tf.identity(png)
            return tf.ensure_shape(tf.io.decode_png(png, channels=num_channels), shape)

        return tf.map_fn(
            decode, parsed[feature], fn_output_signature=tf.TensorSpec(shape, tf.uint8)
        )
    data = tf.io.decode_raw(parsed[feature], tf.uint8)
    channels_first = tf.reshape(data, (-1, num_channels, resolution, resolution))
    # A record of another size would only change how many pictures there seem to be.
    same = tf.debugging.assert_equal(tf.shape(channels_first)[0], tf.shape(serialized)[0])
    with tf.control_dependencies([same]):
        return tf.transpose(channels_first, (0, 2, 3, 1))


def parse_image(
    serialized: tf.Tensor, resolution: int, num_channels: int, encoding: str = "raw"
) -> tf.Tensor:
    """Reads one picture back, (resolution, resolution, num_channels) uint8; see above."""
    return parse_images(serialized[None], resolution, num_channels, encoding)[0]


def decode_record(serialized: bytes) -> tuple[str, np.ndarray]:
    """Reads one record of either encoding, without a graph.

    Returns:
        Its encoding, and the picture, (height, width, channels) uint8.

    Raises:
        ValueError: it is no record of this format, or its picture and its shape disagree.
    """
    shape, encoding, data = _read_features(serialized)
    if encoding == "raw":
        if len(data) != shape[0] * shape[1] * shape[2]:
            raise ValueError(f"{len(data)} bytes of data for the shape {shape}")
        return encoding, np.frombuffer(data, np.uint8).reshape(shape).transpose(1, 2, 0)
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as opened:
            if opened.size != (shape[2], shape[1]):  # its pixels might take gigabytes
                raise ValueError(f"one of {opened.width}x{opened.height} for the shape {shape}")
            image = np.asarray(opened)
    except Exception as error:  # broken files make Pillow's decoders raise all sorts
        raise ValueError(f"a PNG that cannot be read: {error}") from error
    image = image.reshape(*image.shape[:2], -1)
    if (image.shape[2], *image.shape[:2]) != shape:
        raise ValueError(f"a PNG of {image.shape} (height, width, channels) for the shape {shape}")
    return encoding, image


def read_shape(serialized: bytes) -> tuple[tuple[int, int, int], str]:
    """Reads the (channels, height, width) of one record, and its encoding.

    Raises:
        ValueError: it is no record of this format, or its data and its shape disagree.
    """
    encoding, image = decode_record(serialized)
    return (image.shape[2], image.shape[0], image.shape[1]), encoding


def _read_features(serialized: bytes) -> tuple[tuple[int, int, int], str, bytes]:
    features = {}
    try:
        for message in _values(serialized, 1):
            for entry in _values(message, 1):
                # Of a field that comes again the last counts, as everywhere in this format.
                name, feature = (_values(entry, number)[-1] for number in (1, 2))
                features[name] = feature
        numbers = [n for one in _values(features.get(b"shape", b""), 3) for n in _numbers(one)]
        name = b"png" if b"png" in features else b"data"
        data = [v for one in _values(features.get(name, b""), 1) for v in _values(one, 1)]
    except (IndexError, TypeError) as error:  # it ends early, or is of other types
        raise ValueError("not a tf.train.Example") from error
    if len(numbers) != 3 or len(data) != 1 or not isinstance(data[0], bytes):
        raise ValueError("no features 'shape' of 3 numbers and 'data' or 'png' of bytes")
    shape = numbers[0], numbers[1], numbers[2]
    return shape, "png" if name == b"png" else "raw", data[0]


def _numbers(message: bytes) -> list[int]:
    """Returns an Int64List's numbers, which may stand one by one or all in one field."""
    numbers = []
    for value in _values(message, 1):
        if isinstance(value, int):
            numbers.append(value)
            continue
        position = 0
        while position < len(value):
            number, position = _read_varint(value, position)
            numbers.append(number)
    return numbers


def _values(message: bytes, number: int) -> list[Any]:
    """Returns the values of a protocol buffer's field: bytes, or int."""
    value: int | bytes
    values, position = [], 0
    while position < len(message):
        key, position = _read_varint(message, position)
        kind = key & 7
        if kind == 0:
            value, position = _read_varint(message, position)
        else:
            length = {1: 8, 5: 4}.get(kind)
            if kind == 2:
                length, position = _read_varint(message, position)
            if length is None or position + length > len(message):
                raise IndexError("the message ends within a field, or is none")
            value = message[position : position + length]
            position += length
        if key >> 3 == number:
            values.append(value)
    return values


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    """Returns a number, and where it ends."""
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, position
        if shift > 63:
            raise IndexError("a number of more than 64 bits")


def _encode_png(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    pixels = image[:, :, 0] if image.shape[2] == 1 else image
    Image.fromarray(pixels).save(file, "PNG", compress_level=_PNG_COMPRESSION)
    return file.getvalue()


def _entry(name: bytes, feature: bytes) -> bytes:
    """Returns an entry of the map of features."""
    return _field(1, _field(1, name) + _field(2, feature))


def _field(number: int, value: bytes) -> bytes:
    """Returns a protocol buffer's length-delimited field."""
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    """Returns a number, 0 or more, seven bits a byte, lowest first."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
