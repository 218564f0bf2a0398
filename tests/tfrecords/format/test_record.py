import numpy as np
import pytest
import tensorflow as tf

from tfrecords.format.record import decode_record, encode_image, parse_images

ENCODINGS = pytest.mark.parametrize("encoding", ["png", "raw"])


@ENCODINGS
@pytest.mark.parametrize("shape", [(8, 8, 3), (4, 6, 1)])
def test_parse_gives_back_what_encode_was_given_with_a_static_shape(shape, encoding):
    images = np.random.default_rng(1).integers(0, 256, (3, *shape), np.uint8)
    records = [encode_image(image, encoding) for image in images]
    dataset = tf.data.Dataset.from_tensors(records)
    dataset = dataset.map(lambda some: parse_images(some, shape[:2], shape[2], encoding))
    assert dataset.element_spec.shape[1:] == shape
    np.testing.assert_array_equal(next(dataset.as_numpy_iterator()), images)
    its_encoding, decoded = decode_record(records[2])
    assert its_encoding == encoding
    np.testing.assert_array_equal(decoded, images[2])


@ENCODINGS
@pytest.mark.parametrize("shape", [(4, 4, 1), (256, 256, 3)])  # lengths of one and more bytes
def test_the_message_is_what_the_protocol_buffer_library_writes(shape, encoding):
    record = encode_image(np.random.default_rng(1).integers(0, 256, shape, np.uint8), encoding)
    example = tf.train.Example.FromString(record)
    assert example.SerializeToString(deterministic=True) == record


def test_the_bytes_are_channel_first_under_the_published_names():
    image = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    features = tf.train.Example.FromString(encode_image(image)).features.feature
    assert set(features) == {"shape", "data"}
    assert list(features["shape"].int64_list.value) == [3, 4, 6]
    assert list(features["data"].bytes_list.value[0][:24]) == list(range(0, 72, 3))


@ENCODINGS
def test_what_is_no_record_of_its_shape_is_refused(encoding):
    record = encode_image(np.zeros((8, 4, 3), np.uint8), encoding)
    for side in (4, 8, 16):
        with pytest.raises(tf.errors.InvalidArgumentError):
            parse_images(tf.constant([record]), (side, side), 3, encoding)
    example = tf.train.Example.FromString(record)
    for shape in ([3, 8, 5], [1, 8, 4], [3, 8], [3, 8, 4, 1]):
        example.features.feature["shape"].int64_list.value[:] = shape
        with pytest.raises(ValueError, match="for the shape" if len(shape) == 3 else "no features"):
            decode_record(example.SerializeToString())
    for data, reason in ((b"", "no features"), (b"\xff" * 9, r"not a tf\.train\.Example")):
        with pytest.raises(ValueError, match=reason):
            decode_record(data)


def test_numbers_may_stand_one_by_one_and_unknown_fields_are_skipped():
    example = tf.train.Example.FromString(encode_image(np.zeros((4, 4, 3), np.uint8)))
    one_by_one = b"".join(bytes([0x08, size]) for size in (3, 4, 4))
    shape = b"\x1a" + bytes([len(one_by_one)]) + one_by_one
    entry = b"\x0a\x05shape\x12" + bytes([len(shape)]) + shape
    features = b"\x0a" + bytes([len(entry)]) + entry
    message = b"\x0a" + bytes([len(features)]) + features + b"\x10\x07\x1d1234\x21 8 bytes"
    del example.features.feature["shape"]
    encoding, image = decode_record(example.SerializeToString() + message)
    assert (encoding, image.shape) == ("raw", (4, 4, 3))


@pytest.mark.parametrize("image", [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3), np.int32)])
def test_encode_refuses_anything_but_uint8_hwc(image):
    with pytest.raises(ValueError, match="image must be uint8"):
        encode_image(image)
