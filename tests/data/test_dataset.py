import pathlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from pgan_tf.data.damage import BadRecords, readable_data_errors
from pgan_tf.data.dataset import distribute, make_dataset
from pgan_tf.data.order import HELD_OUT, TRAINING, pictures_of
from pgan_tf.data.records import check_resolutions
from tests.helpers.built_dataset import change_records, cut, flip, read_records
from tests.helpers.golden_cases import GOLDEN
from tests.helpers.made_source import make_source, noise, options
from tfrecords.common.errors import UserError
from tfrecords.format.dataset_info import read_dataset_info, read_labels
from tfrecords.format.record import decode_record
from tfrecords.pictures.source import one_hot
from tfrecords.writing.writer import write_dataset

COUNT, RESOLUTION, CLASSES = 20, 8, 3
NOISE = noise(COUNT, RESOLUTION)
INDEX = {picture.tobytes(): index for index, picture in enumerate(NOISE)}
MIRRORED = {picture[:, ::-1].tobytes(): index for index, picture in enumerate(NOISE)}
FRAME_BYTES = 247  # of 8 px, raw

# Both ways to read: all records kept in memory, and one after the other from files.
both_ways = pytest.mark.parametrize("memory_bytes", [2**30, 0], ids=["memory", "files"])


def write_noise(folder, encoding="raw", **named):
    """Twenty pictures of noise; picture i is of class i mod 3."""
    labels = one_hot(np.arange(COUNT) % CLASSES, CLASSES)
    source = make_source(NOISE, name="noise", labels=labels, label_names=tuple("abc"))
    named |= {"shuffle": False, "processes": 1, "encoding": encoding}
    return write_dataset(source, options(RESOLUTION), str(folder), **named)


@pytest.fixture(scope="module")
def info(tmp_path_factory):
    return write_noise(tmp_path_factory.mktemp("data") / "noise")


@pytest.fixture
def mine(tmp_path):
    """One that may be damaged, and the file of its pictures."""
    info = write_noise(tmp_path / "noise")
    return info, pathlib.Path(info.files[RESOLUTION][0])


def batches(info, count, resolution=RESOLUTION, **named):
    settings = {"global_batch_size": 4, "label_size": 0, "seed": 1, **named}
    return list(make_dataset(info, resolution, **settings).take(count).as_numpy_iterator())


def assert_same(got, expected):
    for parts in zip(got, expected, strict=True):
        for one, other in zip(*parts, strict=True):
            np.testing.assert_array_equal(one, other)


def to_bytes(images):
    """Undoes [-1, 1]: exactly, for bytes that were brought there."""
    exact = (images.astype(np.float64) + 1) * 127.5
    np.testing.assert_allclose(exact, np.rint(exact), atol=1e-4)
    return np.rint(exact).astype(np.uint8)


def indices(info, count, **named):
    """Which pictures the first `count` images are; those that are mirrored less COUNT."""
    size = named.get("global_batch_size", 4)
    found = []
    for images, _ in batches(info, -(-count // size), **named):
        for data in (picture.tobytes() for picture in to_bytes(images)):
            found.append(INDEX[data] if data in INDEX else MIRRORED[data] - COUNT)
    return found[:count]


# Batches


def test_batches_are_float_pictures_from_minus_1_to_1_and_one_hot_labels(info):
    parts = batches(info, 5, label_size=CLASSES)
    for images, labels in parts:
        assert (images.shape, images.dtype) == ((4, RESOLUTION, RESOLUTION, 3), np.float32)
        assert labels.dtype == np.float32
        for picture, label in zip(to_bytes(images), labels, strict=True):
            np.testing.assert_array_equal(label, np.eye(CLASSES)[INDEX[picture.tobytes()] % 3])
    images = np.concatenate([images for images, _ in parts])
    assert (NOISE.min(), NOISE.max(), images.min(), images.max()) == (0, 255, -1, 1)


@both_ways
@pytest.mark.parametrize("batch_size", [1, 8, 50])
def test_every_picture_comes_exactly_once_in_each_epoch_in_an_order_of_its_own(
    info, batch_size, memory_bytes
):
    order = indices(info, 5 * COUNT, global_batch_size=batch_size, memory_bytes=memory_bytes)
    epochs = [tuple(order[start : start + COUNT]) for start in range(0, len(order), COUNT)]
    for epoch in epochs:
        assert sorted(epoch) == list(range(COUNT))
    assert len({tuple(range(COUNT)), *epochs}) == 6
    assert order == indices(info, 5 * COUNT)  # whatever the batch size
    assert order[:COUNT] != indices(info, COUNT, seed=2)


@both_ways
def test_only_the_pictures_of_one_part_come_where_some_are_held_out(info, memory_bytes):
    """In an order that goes on where it was left, as without; nothing held out changes nothing."""
    for part in (TRAINING, HELD_OUT):
        named = {"held_out": 0.4, "part": part, "memory_bytes": memory_bytes}
        pictures, order = pictures_of(COUNT, 0.4, part).tolist(), indices(info, 48, **named)
        assert {tuple(sorted(order[at : at + len(pictures)])) for at in (0, len(pictures))} == {
            tuple(pictures)
        }
        assert indices(info, 28, images_shown=20, **named) == order[20:]
    assert indices(info, 48, held_out=0.0, memory_bytes=memory_bytes) == indices(info, 48)


# 24 is within the second epoch; 19 and 21 are within a batch.
@pytest.mark.parametrize("images_shown", [4, 19, 20, 21, 24, 72])
def test_starting_later_equals_skipping_also_across_epochs(info, images_shown):
    named = {"mirror_augment": True, "images_shown": images_shown}
    order = indices(info, images_shown + 28, mirror_augment=True)
    assert indices(info, 28, **named) == order[images_shown:]


def test_mirroring_flips_about_half_of_the_pictures_left_to_right(info):
    mirrored = indices(info, 20 * COUNT, mirror_augment=True)
    # Standard deviation of 400 fair coins: 10.
    assert 150 < sum(index < 0 for index in mirrored) < 250
    assert [index % COUNT for index in mirrored] == indices(info, 20 * COUNT)
    assert mirrored == indices(info, 20 * COUNT, mirror_augment=True, global_batch_size=10)


@both_ways
@pytest.mark.parametrize(("encoding", "shard_bytes"), [("png", 2**27), ("raw", 1000)])
def test_encoding_and_shards_change_nothing(info, tmp_path, encoding, shard_bytes, memory_bytes):
    other = write_noise(tmp_path / "noise", encoding, shard_bytes=shard_bytes)
    assert len(other.files[RESOLUTION]) == (5 if encoding == "raw" else 1)
    named = {"label_size": CLASSES, "mirror_augment": True, "images_shown": 12}
    got = batches(other, 12, memory_bytes=memory_bytes, **named)
    assert_same(got, batches(info, 12, **named))


@both_ways
@pytest.mark.parametrize("num_workers", [1, 4])
def test_workers_read_their_parts_of_the_same_batches(info, num_workers, memory_bytes):
    """Four replicas on one or four workers: together they are the global batch."""
    named = {"global_batch_size": 8, "label_size": CLASSES, "mirror_augment": True}
    whole = batches(info, 3, **named)
    here = 4 // num_workers
    named |= {"num_replicas": 4, "memory_bytes": memory_bytes}
    for worker in range(num_workers):
        replicas = range(worker * here, (worker + 1) * here)
        got = batches(info, 3 * here, replicas=replicas, **named)
        parts = [(images[r::4], labels[r::4]) for images, labels in whole for r in replicas]
        assert_same(got, parts)


# Damage


def damage(path, *numbers):
    for number in numbers:
        flip(path, number * FRAME_BYTES + 100)


@both_ways
def test_the_next_good_record_stands_in_for_a_damaged_one_which_counts_once(
    info, mine, memory_bytes
):
    """A resumed run sees the same pictures. The last two are damaged: the first stands in."""
    damaged, path = mine
    damage(path, COUNT - 2, COUNT - 1)
    bad = BadRecords(2, np.array([(RESOLUTION, COUNT - 1)]))  # met once more
    named = {"bad_records": bad, "memory_bytes": memory_bytes}
    order = indices(damaged, 3 * COUNT, **named)
    assert order == [0 if one >= COUNT - 2 else one for one in indices(info, 3 * COUNT)]
    # A part of the same run, with the same resolution: the stage after a fade-in.
    assert indices(damaged, COUNT, images_shown=2 * COUNT, **named) == order[2 * COUNT :]
    assert bad.met(3 * COUNT).tolist() == [[RESOLUTION, COUNT - 2], [RESOLUTION, COUNT - 1]]
    if not memory_bytes:  # counted when training comes to it, however far ahead it was read
        first = indices(info, COUNT).index(COUNT - 2)
        assert [len(bad.met(first + more)) for more in (0, 1)] == [1, 2]
    for images, labels in batches(damaged, 5, label_size=CLASSES, **named):
        for picture, label in zip(to_bytes(images), labels, strict=True):
            np.testing.assert_array_equal(label, np.eye(CLASSES)[INDEX[picture.tobytes()] % 3])
    # Where nobody counts, it is an error.
    with pytest.raises((UserError, tf.errors.InvalidArgumentError), match="record"):
        batches(damaged, 15, memory_bytes=memory_bytes)


@both_ways
def test_on_two_devices_damaged_records_count_as_on_one(mine, two_devices, memory_bytes):
    info, path = mine
    damage(path, 7)
    bad = BadRecords(2, np.array([(4, 3)]))  # which an earlier part of the run met
    named = {"global_batch_size": 4, "label_size": CLASSES, "seed": 1, "bad_records": bad}
    dataset = distribute(two_devices, info, RESOLUTION, memory_bytes=memory_bytes, **named)
    for _, _ in zip(range(10), dataset, strict=False):
        pass
    assert bad.met(0).tolist() == [[4, 3]]
    assert bad.met(40).tolist() == [[4, 3], [RESOLUTION, 7]]


def zeros(path):
    path.write_bytes(bytes(path.stat().st_size))


def no_picture(path):
    """Whole records as long as those that were there, with a name that no picture has."""
    records = {i: one.replace(b"data", b"atad") for i, one in enumerate(read_records(path))}
    change_records(path, records)


@pytest.mark.parametrize(
    ("happens", "most", "words"),
    [
        (pathlib.Path.unlink, 2, r"missing or damaged \(.*noise-r03.*No such file.*put it back"),
        (zeros, 2, "expected at most 2 damaged records, got more in a row: make"),
        (zeros, 100, "expected at most 100 damaged records, got more in a row: make"),
        (no_picture, 2, r"a record cannot be decoded \(.*\): make the dataset again"),
    ],
)
def test_what_happens_to_a_file_while_it_is_read_is_one_line(mine, happens, most, words):
    """At once, not after a search through the whole file for each picture."""
    info, path = mine
    named = {"global_batch_size": 4, "label_size": 0, "seed": 0, "memory_bytes": 0}
    dataset = make_dataset(info, RESOLUTION, bad_records=BadRecords(most), **named)
    happens(path)
    words = f"^data: .*{words}.*; the last checkpoint is intact"
    with pytest.raises(UserError, match=words), readable_data_errors():
        next(iter(dataset))


def test_errors_of_other_things_pass():
    others = tf.errors.InvalidArgumentError, tf.errors.UnknownError
    for error in others:
        with pytest.raises(error), readable_data_errors():
            raise error(None, None, "a device")


def test_data_that_do_not_fit_are_errors_before(info):
    for resolution, label_size, words in (
        (RESOLUTION, 5, "expected labels of 5 classes in noise, got 3"),
        (16, 0, r"expected TFRecords of 16 px in noise, got \[4, 8\]: "),
    ):
        with pytest.raises(UserError, match=f"^data: {words}"):
            batches(info, 1, resolution, label_size=label_size)
    check_resolutions(info, 4, 8)
    with pytest.raises(UserError, match=r"^--resolution: .* 4, 8 px, got 16: choose"):
        check_resolutions(info, 4, 16)
    with pytest.raises(UserError, match=r"^--initial_resolution: .* got 2: .*_resolution=4"):
        check_resolutions(info, 2, 8)


def test_a_file_without_a_good_record_or_that_is_cut_is_an_error(mine):
    info, path = mine
    damage(path, *range(COUNT))
    with pytest.raises(UserError, match=r"none that is intact \(.*record 0"):
        batches(info, 1, bad_records=BadRecords(100))
    cut(path, 5)
    with pytest.raises(UserError, match="noise-r03"):
        batches(info, 1)


# The published files


def box_average(picture, resolution):
    size = picture.shape[0] // resolution
    blocks = picture.reshape(resolution, size, resolution, size, -1).astype(np.float64)
    return np.rint(blocks.mean(axis=(1, 3))).astype(np.uint8)


@pytest.mark.parametrize(("folder", "resolution"), [("shuffle0", 32), ("shuffle1", 4)])
def test_batches_of_the_published_tfrecords_are_the_pictures(folder, resolution):
    paths = sorted((GOLDEN / "images").glob("*.png"))
    sources = [np.asarray(Image.open(path).convert("RGB")) for path in paths]
    expected = [box_average(picture, resolution).tobytes() for picture in sources]
    info = read_dataset_info(str(GOLDEN / "tfrecords" / folder))
    ((images, _),) = batches(info, 1, resolution, global_batch_size=12)
    assert sorted(picture.tobytes() for picture in to_bytes(images)) == sorted(expected)
    if folder == "shuffle0":
        records = read_records(info.files[resolution][0])
        assert [decode_record(record)[1].tobytes() for record in records] == expected


def test_the_published_gray_tfrecords_keep_their_labels():
    golden = np.load(GOLDEN / "gray_labels_source.npz")
    info = read_dataset_info(str(GOLDEN / "tfrecords" / "gray_labels"))
    np.testing.assert_array_equal(read_labels(info), golden["labels"][golden["order"]])
    ((images, labels),) = batches(info, 1, 16, global_batch_size=10, label_size=4)
    label_of = dict(zip(map(bytes, golden["images"]), golden["labels"].tolist(), strict=True))
    assert dict(zip(map(bytes, to_bytes(images)), labels.tolist(), strict=True)) == label_of
