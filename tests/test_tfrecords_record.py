import numpy as np
import pytest
import tensorflow as tf

from tfrecords.record import encode_image, parse_image, read_shape


@pytest.mark.parametrize("shape", [(8, 8, 3), (4, 4, 1)])
def test_parse_gives_back_what_encode_was_given_with_a_static_shape(shape):
    image = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    dataset = tf.data.Dataset.from_tensors(encode_image(image))
    dataset = dataset.map(lambda one: parse_image(one, shape[0], shape[2]))
    assert dataset.element_spec == tf.TensorSpec(shape, tf.uint8)
    np.testing.assert_array_equal(next(dataset.as_numpy_iterator()), image)


def test_the_bytes_are_channel_first_under_the_published_names():
    image = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    features = tf.train.Example.FromString(encode_image(image)).features.feature
    assert set(features) == {"shape", "data"}
    assert list(features["shape"].int64_list.value) == [3, 4, 6]
    assert list(features["data"].bytes_list.value[0][:24]) == list(range(0, 72, 3))


def test_equal_pictures_give_equal_bytes():
    image = np.full((8, 8, 3), 7, np.uint8)
    assert len({encode_image(image.copy()) for _ in range(50)}) == 1


def test_another_number_of_bytes_is_an_error():
    record = encode_image(np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(tf.errors.InvalidArgumentError):
        parse_image(record, 16, 3)


def test_read_shape_refuses_what_is_no_record():
    assert read_shape(encode_image(np.zeros((8, 4, 3), np.uint8))) == (3, 8, 4)
    with pytest.raises(ValueError, match="no features"):
        read_shape(b"")
    with pytest.raises(ValueError, match=r"not a tf\.train\.Example"):
        read_shape(b"\xff" * 9)


@pytest.mark.parametrize("image", [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3), np.int32)])
def test_encode_refuses_anything_but_uint8_hwc(image):
    with pytest.raises(ValueError, match="image must be uint8"):
        encode_image(image)
