"""One record of a dataset: how a picture is written, and how it is read.

The format is the published one: a `tf.train.Example` with two features, `shape`,
int64[3], (channels, height, width), and `data`, the bytes of the picture, uint8
and channels first.
"""

import numpy as np
import tensorflow as tf


def encode_image(image: np.ndarray) -> bytes:
    """Serializes a picture.

    Args:
        image: (height, width, channels) uint8.

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
    shape = tf.train.Int64List(value=channels_first.shape)
    data = tf.train.BytesList(value=[channels_first.tobytes()])
    features = {
        "shape": tf.train.Feature(int64_list=shape),
        "data": tf.train.Feature(bytes_list=data),
    }
    example = tf.train.Example(features=tf.train.Features(feature=features))
    return example.SerializeToString(deterministic=True)


def parse_image(serialized: tf.Tensor, resolution: int, num_channels: int) -> tf.Tensor:
    """Reads a picture back; meant for `tf.data.Dataset.map`.

    Args:
        serialized: a scalar string, one record.
        resolution: the picture's width and height in pixels.
        num_channels: 1 for grey, 3 for RGB.

    Returns:
        (resolution, resolution, num_channels) uint8, its shape static.

    Raises:
        tf.errors.InvalidArgumentError: the record holds another number of bytes, or
            is no such record at all; raised when the tensor is computed.
    """
    features = {"data": tf.io.FixedLenFeature([], tf.string)}
    data = tf.io.parse_single_example(serialized, features)["data"]
    channels_first = tf.reshape(
        tf.io.decode_raw(data, tf.uint8), (num_channels, resolution, resolution)
    )
    return tf.transpose(channels_first, (1, 2, 0))


def read_shape(serialized: bytes) -> tuple[int, int, int]:
    """Reads the (channels, height, width) of one record.

    Raises:
        ValueError: it is no record of this format, or its data and its shape disagree.
    """
    try:
        features = tf.train.Example.FromString(serialized).features.feature
    except Exception as error:  # protobuf's DecodeError; its module is not TensorFlow's API
        raise ValueError("not a tf.train.Example") from error
    shape = tuple(features["shape"].int64_list.value)
    data = features["data"].bytes_list.value
    if len(shape) != 3 or len(data) != 1:
        raise ValueError("no features 'shape' of 3 numbers and 'data' of bytes")
    if len(data[0]) != shape[0] * shape[1] * shape[2]:
        raise ValueError(f"{len(data[0])} bytes of data for the shape {shape}")
    return shape
