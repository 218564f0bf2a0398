import pathlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from pgan_tf.data.damage import BadRecords, readable_data_errors
from pgan_tf.data.dataset import distribute, make_dataset
from pgan_tf.data.order import flips_at, pictures_at
from pgan_tf.data.reals import fade_reals, to_float
from tests.helpers.places import TESTS
from tests.helpers.tests_data import prepare_shapes
from tfrecords.common.errors import UserError
from tfrecords.format.dataset_info import read_dataset_info, read_labels
from tfrecords.format.record import parse_images
from tfrecords.pictures.source import PictureOptions, Source, one_hot
from tfrecords.writing.writer import write_dataset

GOLDEN = TESTS / "golden"
COUNT, RESOLUTION, CLASSES = 20, 8, 3
NOISE = np.random.default_rng(0).integers(0, 256, (COUNT, RESOLUTION, RESOLUTION, 3), np.uint8)
INDEX = {picture.tobytes(): index for index, picture in enumerate(NOISE)}
MIRRORED = {picture[:, ::-1].tobytes(): index for index, picture in enumerate(NOISE)}


@pytest.fixture(scope="module", params=["memory", "files"])
def memory_bytes(request):
    """Both ways to read: all records kept in memory, and one after the other from files."""
    return 2**30 if request.param == "memory" else 0


def read_noise(index):
    return NOISE[index]


def open_noise():
    return read_noise


def write_noise(folder, **options):
    """Twenty pictures of noise; picture i is of class i mod 3."""
    source = Source(
        name="noise",
        description="noise",
        num_pictures=COUNT,
        open=open_noise,
        identity=["noise"],
        picture_name=str,
        labels=one_hot(np.arange(COUNT) % CLASSES, CLASSES),
        label_names=tuple("abc"),
    )
    pictures = PictureOptions(RESOLUTION, allow_upscaling=False)
    return write_dataset(source, pictures, str(folder), shuffle=False, processes=1, **options)


@pytest.fixture(scope="module")
def datasets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    # A frame of 8 px is 259 bytes raw: shards of 1,100 bytes hold four of the twenty.
    return {
        "raw": write_noise(folder / "noise", encoding="raw"),
        "png": write_noise(folder / "png" / "noise", encoding="png"),
        "shards": write_noise(folder / "shards" / "noise", encoding="raw", shard_bytes=1100),
    }


@pytest.fixture(scope="module")
def info(datasets):
    return datasets["raw"]


def batches(info, count, resolution=RESOLUTION, **options):
    settings = {"global_batch_size": 4, "label_size": 0, "seed": 1, **options}
    return list(make_dataset(info, resolution, **settings).take(count).as_numpy_iterator())


def to_bytes(images):
    """Undoes [-1, 1]: exactly, for bytes that were brought there."""
    exact = (images.astype(np.float64) + 1) * 127.5
    np.testing.assert_allclose(exact, np.rint(exact), atol=1e-4)
    return np.rint(exact).astype(np.uint8)


def indices(info, count, **options):
    """Which pictures the first `count` images are."""
    size = options.get("global_batch_size", 4)
    parts = batches(info, -(-count // size), **options)
    return [INDEX[picture.tobytes()] for images, _ in parts for picture in to_bytes(images)][:count]


# Batches


def test_batches_are_float_pictures_from_minus_1_to_1_and_one_hot_labels(info):
    parts = batches(info, 5, label_size=CLASSES)
    for images, labels in parts:
        assert (images.shape, images.dtype) == ((4, RESOLUTION, RESOLUTION, 3), np.float32)
        assert (labels.shape, labels.dtype) == ((4, CLASSES), np.float32)
    images = np.concatenate([images for images, _ in parts])
    assert NOISE.min() == 0
    assert NOISE.max() == 255
    assert (images.min(), images.max()) == (-1, 1)


def test_shapes_are_static(info):
    spec = make_dataset(
        info, RESOLUTION, global_batch_size=4, label_size=CLASSES, seed=1
    ).element_spec
    assert [tuple(one.shape) for one in spec] == [(4, RESOLUTION, RESOLUTION, 3), (4, CLASSES)]


@pytest.mark.parametrize("batch_size", [1, 4, 8, 20])
def test_every_picture_comes_exactly_once_in_each_epoch(info, batch_size, memory_bytes):
    order = indices(info, 4 * COUNT, global_batch_size=batch_size, memory_bytes=memory_bytes)
    for begin in range(0, 4 * COUNT, COUNT):
        assert sorted(order[begin : begin + COUNT]) == list(range(COUNT))


def test_each_epoch_has_an_order_of_its_own(info):
    order = indices(info, 4 * COUNT)
    epochs = {tuple(order[begin : begin + COUNT]) for begin in range(0, 4 * COUNT, COUNT)}
    assert len(epochs) == 4
    assert tuple(range(COUNT)) not in epochs


def test_a_seed_gives_the_same_order_and_another_seed_another(info):
    assert indices(info, COUNT, seed=5) == indices(info, COUNT, seed=5)
    orders = {tuple(indices(info, COUNT, seed=seed)) for seed in range(4)}
    assert len(orders) == 4


def test_no_epoch_of_a_seed_is_an_epoch_of_a_neighbouring_seed(info):
    one, other = (
        indices(info, 4 * COUNT, global_batch_size=COUNT, seed=seed) for seed in (1000, 1001)
    )

    def epochs(order):
        return {tuple(order[begin : begin + COUNT]) for begin in range(0, len(order), COUNT)}

    assert not epochs(one) & epochs(other)


def test_a_batch_may_be_larger_than_the_data_set(info):
    ((images, _),) = batches(info, 1, global_batch_size=50)
    order = [INDEX[picture.tobytes()] for picture in to_bytes(images)]
    assert order == indices(info, 50)


# Going on


@pytest.mark.parametrize("mirror_augment", [False, True])
@pytest.mark.parametrize("images_shown", [4, 16, 20, 24, 40, 72])
def test_starting_later_equals_skipping_also_across_epochs(info, images_shown, mirror_augment):
    options = {"mirror_augment": mirror_augment, "label_size": CLASSES}
    skipped = batches(info, images_shown // 4 + 7, **options)[images_shown // 4 :]
    started = batches(info, 7, images_shown=images_shown, **options)
    for (images, labels), (expected_images, expected_labels) in zip(started, skipped, strict=True):
        np.testing.assert_array_equal(images, expected_images)
        np.testing.assert_array_equal(labels, expected_labels)


@pytest.mark.parametrize("images_shown", [3, 19, 21])
def test_starting_within_a_batch_goes_on_with_the_next_picture(info, images_shown):
    order = indices(info, images_shown + 30)
    assert indices(info, 30, images_shown=images_shown) == order[images_shown:]


def test_another_batch_size_changes_no_order(info):
    assert indices(info, 40, global_batch_size=8) == indices(info, 40, global_batch_size=5)


# Mirroring


def test_mirroring_flips_about_half_of_the_pictures_left_to_right(info):
    flips = []
    for images, _ in batches(info, 100, mirror_augment=True):
        for picture in to_bytes(images):
            data = picture.tobytes()
            assert (data in INDEX) != (data in MIRRORED)
            flips.append(data in MIRRORED)
    # 400 fair coins: 200, give or take 10.
    assert 150 < sum(flips) < 250


def test_mirroring_changes_no_order(info):
    plain = indices(info, 2 * COUNT)
    got = []
    for images, _ in batches(info, 10, mirror_augment=True):
        for data in (picture.tobytes() for picture in to_bytes(images)):
            got.append(INDEX.get(data, MIRRORED.get(data)))
    assert got == plain


def test_a_picture_is_flipped_in_some_epochs_and_not_in_others(info):
    flipped = {index: set() for index in range(COUNT)}
    for images, _ in batches(info, 100, mirror_augment=True):
        for data in (picture.tobytes() for picture in to_bytes(images)):
            flipped[INDEX.get(data, MIRRORED.get(data))].add(data in MIRRORED)
    # Twenty epochs: all alike for one of twenty pictures happens once in 26,000.
    assert all(seen == {True, False} for seen in flipped.values())


def test_mirroring_does_not_depend_on_the_batch_size(info):
    one, other = (
        np.concatenate([images for images, _ in batches(info, 40 // size, **options)])
        for size in (4, 10)
        for options in [{"global_batch_size": size, "mirror_augment": True}]
    )
    np.testing.assert_array_equal(one, other)


def test_flips_are_fair_and_differ_by_seed():
    positions = tf.range(10_000, dtype=tf.int64)
    first, other = (flips_at(positions, seed).numpy() for seed in (1, 2))
    # Standard deviation of the mean of 10,000 coins: 0.005.
    assert abs(first.mean() - 0.5) < 0.025
    assert abs((first == other).mean() - 0.5) < 0.025
    assert abs((first[1:] == first[:-1]).mean() - 0.5) < 0.025


# Both encodings, shards, many devices


@pytest.mark.parametrize("kind", ["png", "shards"])
def test_encoding_and_shards_change_nothing(datasets, kind, memory_bytes):
    options = {"label_size": CLASSES, "mirror_augment": True, "images_shown": 12}
    expected = batches(datasets["raw"], 12, **options)
    assert len(datasets["shards"].files[RESOLUTION]) == 5
    got = batches(datasets[kind], 12, memory_bytes=memory_bytes, **options)
    for (images, labels), (expected_images, expected_labels) in zip(got, expected, strict=True):
        np.testing.assert_array_equal(images, expected_images)
        np.testing.assert_array_equal(labels, expected_labels)


def test_an_epoch_mixes_the_shards(datasets):
    order = indices(datasets["shards"], COUNT)
    # Four pictures a shard: in order of files, or file by file, one batch would be of one shard.
    assert all(len({index // 4 for index in order[begin : begin + 8]}) > 2 for begin in (0, 8))


@pytest.mark.parametrize("num_workers", [1, 2, 4])
def test_workers_read_their_parts_of_the_same_batches(info, num_workers, memory_bytes):
    """Four replicas on one, two or four workers: together they are the global batch."""
    options = {"global_batch_size": 8, "label_size": CLASSES, "mirror_augment": True}
    whole = batches(info, 6, **options)
    here = 4 // num_workers
    workers = [
        batches(
            info,
            6 * here,
            replicas=range(worker * here, (worker + 1) * here),
            num_replicas=4,
            memory_bytes=memory_bytes,
            **options,
        )
        for worker in range(num_workers)
    ]
    for step, (images, labels) in enumerate(whole):
        parts = [part for worker in workers for part in worker[step * here : (step + 1) * here]]
        for replica, part in enumerate(parts):
            np.testing.assert_array_equal(part[0], images[replica::4])
            np.testing.assert_array_equal(part[1], labels[replica::4])


# Damage


def damage(info, *numbers):
    """Flips a bit of these pictures' records."""
    path = pathlib.Path(info.files[RESOLUTION][0])
    contents = bytearray(path.read_bytes())
    frame_bytes = len(contents) // COUNT
    for number in numbers:
        contents[number * frame_bytes + 100] ^= 1
    path.write_bytes(contents)


@pytest.fixture
def damaged(tmp_path):
    info = write_noise(tmp_path / "noise", encoding="raw")
    damage(info, 7)
    return info


def test_a_damaged_record_is_left_out_and_counted_once(damaged, memory_bytes):
    bad = BadRecords(1)
    options = {"label_size": CLASSES, "bad_records": bad, "memory_bytes": memory_bytes}
    seen = []
    for images, labels in batches(damaged, 15, **options):  # three epochs
        for picture, label in zip(to_bytes(images), labels, strict=True):
            seen.append(INDEX[picture.tobytes()])
            np.testing.assert_array_equal(label, np.eye(CLASSES)[seen[-1] % CLASSES])
    assert set(seen) == set(range(COUNT)) - {7}
    np.testing.assert_array_equal(bad.met(60), [(RESOLUTION, 7)])
    # Counted when training comes to it, however far ahead it was read.
    if not memory_bytes:
        first = pictures_at(tf.range(COUNT, dtype=tf.int64), COUNT, 1).numpy().tolist().index(7)
        assert [len(bad.met(first + more)) for more in (0, 1)] == [0, 1]


def test_the_next_good_record_stands_in_for_damaged_ones_however_they_are_read(tmp_path):
    """So that going on after a cut sees the same pictures: the last two, so that it goes round."""
    info = write_noise(tmp_path / "noise", encoding="raw")
    damage(info, COUNT - 2, COUNT - 1)
    got = []
    for memory_bytes in (0, 2**30):
        bad = BadRecords(2)
        options = {"bad_records": bad, "memory_bytes": memory_bytes}
        # Twice the same resolution: a stage that fades in, and the next one.
        whole = batches(info, 15, **options)
        later = batches(info, 5, images_shown=40, **options)
        assert bad.met(60).tolist() == [[RESOLUTION, COUNT - 2], [RESOLUTION, COUNT - 1]]
        got.append(np.concatenate([images for images, _ in whole]))
        np.testing.assert_array_equal(
            np.concatenate([images for images, _ in later]), got[-1][40:60]
        )
        firsts = [INDEX[picture.tobytes()] for picture in to_bytes(got[-1])].count(0)
        assert firsts == 3 * 3  # in three epochs, picture 0 and two that it stands in for
    np.testing.assert_array_equal(*got)


def test_on_two_devices_damaged_records_count_as_on_one(damaged, two_devices, memory_bytes):
    bad = BadRecords(1)
    options = {"global_batch_size": 4, "label_size": CLASSES, "seed": 1, "bad_records": bad}
    dataset = distribute(two_devices, damaged, RESOLUTION, memory_bytes=memory_bytes, **options)
    for _, _ in zip(range(10), dataset, strict=False):
        pass
    assert bad.met(40).tolist() == [[RESOLUTION, 7]]


def test_what_an_earlier_part_of_the_run_met_counts_too(damaged):
    before = np.array([(4, 3), (RESOLUTION, 7)])
    bad = BadRecords(3, before)
    batches(damaged, 5, memory_bytes=0, bad_records=bad)
    assert bad.met(0).tolist() == bad.met(20).tolist() == before.tolist()


def from_files(info, most):
    options = {"label_size": 0, "seed": 0, "memory_bytes": 0, "bad_records": BadRecords(most)}
    return make_dataset(info, RESOLUTION, global_batch_size=4, **options)


def test_a_file_that_is_gone_is_an_error_and_not_many_damaged_records(tmp_path):
    info = write_noise(tmp_path / "noise", encoding="raw")
    dataset = from_files(info, COUNT)
    pathlib.Path(info.files[RESOLUTION][0]).unlink()
    words = r"noise-r03.*put it back.*checkpoint is intact"
    with pytest.raises(UserError, match=words) as caught, readable_data_errors():
        next(iter(dataset))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("most", [2, 100])
def test_many_damaged_records_in_a_row_are_an_error_at_once(tmp_path, most):
    """Rather than a search through a whole file, record by record, for each picture."""
    info = write_noise(tmp_path / "noise", encoding="raw")
    dataset = from_files(info, most)
    path = pathlib.Path(info.files[RESOLUTION][0])
    path.write_bytes(bytes(path.stat().st_size))
    words = rf"at most {most} damaged records, got more in a row: m"
    with pytest.raises(UserError, match=words), readable_data_errors():
        next(iter(dataset))


def test_a_damaged_record_is_an_error_where_nobody_counts(damaged, memory_bytes):
    with pytest.raises((UserError, tf.errors.InvalidArgumentError), match="record"):
        batches(damaged, 15, memory_bytes=memory_bytes)


def test_a_file_that_is_cut_is_an_error(tmp_path):
    info = write_noise(tmp_path / "noise", encoding="raw")
    path = pathlib.Path(info.files[RESOLUTION][0])
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(UserError, match="noise-r03"):
        batches(info, 1)


# Labels


def test_labels_stay_with_their_pictures(info):
    for images, labels in batches(info, 15, label_size=CLASSES):
        for picture, label in zip(to_bytes(images), labels, strict=True):
            expected = np.eye(CLASSES)[INDEX[picture.tobytes()] % CLASSES]
            np.testing.assert_array_equal(label, expected)


def test_labels_can_be_left_out(info):
    for _, labels in batches(info, 2, label_size=0):
        assert labels.shape == (4, 0)


def test_labels_that_the_data_lack_are_an_error(info):
    message = r"data: expected labels of 5 classes in noise, got 3"
    with pytest.raises(UserError, match=message):
        make_dataset(info, RESOLUTION, global_batch_size=4, label_size=5, seed=1)
    unlabelled = read_dataset_info(str(GOLDEN / "tfrecords" / "shuffle0"))
    with pytest.raises(UserError, match=r"data: expected labels of 3 classes in shuffle0, got 0"):
        make_dataset(unlabelled, 32, global_batch_size=4, label_size=3, seed=1)


def test_a_resolution_that_the_data_lack_is_an_error(info):
    message = r"data: expected TFRecords of 16 px in noise, got \[4, 8\]: "
    with pytest.raises(UserError, match=message) as caught:
        make_dataset(info, 16, global_batch_size=4, label_size=0, seed=1)
    assert "\n" not in str(caught.value)


# The published files


def box_average(picture, resolution):
    size = picture.shape[0] // resolution
    blocks = picture.reshape(resolution, size, resolution, size, -1).astype(np.float64)
    return np.rint(blocks.mean(axis=(1, 3))).astype(np.uint8)


@pytest.fixture(scope="module")
def golden_pictures():
    paths = sorted((GOLDEN / "images").glob("*.png"))
    return [np.asarray(Image.open(path).convert("RGB")) for path in paths]


def read_in_order(info, resolution):
    records = tf.data.TFRecordDataset(list(info.files[resolution]))
    return [parse_images([one], resolution, info.num_channels, "raw").numpy()[0] for one in records]


@pytest.mark.parametrize("resolution", [4, 8, 16, 32])
def test_the_published_tfrecords_hold_the_pictures_in_order(golden_pictures, resolution):
    info = read_dataset_info(str(GOLDEN / "tfrecords" / "shuffle0"))
    got = read_in_order(info, resolution)
    expected = [box_average(picture, resolution) for picture in golden_pictures]
    assert len(expected) == 12
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("folder", ["shuffle0", "shuffle1"])
@pytest.mark.parametrize("resolution", [4, 32])
def test_batches_of_the_published_tfrecords_are_the_pictures(golden_pictures, folder, resolution):
    info = read_dataset_info(str(GOLDEN / "tfrecords" / folder))
    ((images, _),) = batches(info, 1, resolution, global_batch_size=12)
    got = sorted(picture.tobytes() for picture in to_bytes(images))
    expected = sorted(box_average(picture, resolution).tobytes() for picture in golden_pictures)
    assert got == expected


def test_the_published_gray_tfrecords_keep_their_labels():
    golden = np.load(GOLDEN / "gray_labels_source.npz")
    info = read_dataset_info(str(GOLDEN / "tfrecords" / "gray_labels"))
    in_file_order = golden["images"][golden["order"]][..., np.newaxis]
    np.testing.assert_array_equal(read_in_order(info, 16), in_file_order)
    np.testing.assert_array_equal(read_labels(info), golden["labels"][golden["order"]])
    label_of = {
        image.tobytes(): label.tolist()
        for image, label in zip(golden["images"], golden["labels"], strict=True)
    }
    ((images, labels),) = batches(info, 1, 16, global_batch_size=10, label_size=4)
    got = {
        picture.tobytes(): label.tolist()
        for picture, label in zip(to_bytes(images), labels, strict=True)
    }
    assert got == label_of


def test_the_built_in_shapes_train_at_every_resolution(tmp_path):
    info = prepare_shapes(tmp_path, 16, num_channels=1)
    for resolution in (4, 8, 16):
        ((images, _),) = batches(info, 1, resolution, images_shown=3880)
        assert images.shape == (4, resolution, resolution, 1)
        assert np.ptp(images) > 0.5


# Reals as the discriminator sees them


def golden_reals():
    return np.load(GOLDEN / "process_reals.npz")


@pytest.mark.parametrize("lod", [name for name in golden_reals().files if name != "input"])
def test_reals_fade_as_published(lod):
    golden = golden_reals()
    images = to_float(golden["input"])
    fraction = float(lod.removeprefix("lod")) % 1
    if fraction:
        images = fade_reals(images, 1 - fraction)
    np.testing.assert_allclose(images, golden[lod], rtol=0, atol=1e-6)


def test_bytes_0_and_255_become_exactly_minus_1_and_1():
    np.testing.assert_array_equal(to_float(np.array([0, 255], np.uint8)), [-1, 1])


def test_reals_at_alpha_0_are_the_previous_resolutions_enlarged():
    images = tf.constant(NOISE / np.float32(127.5) - 1)
    blocks = images.numpy().reshape(COUNT, 4, 2, 4, 2, 3).mean(axis=(2, 4))
    expected = blocks.repeat(2, axis=1).repeat(2, axis=2)
    np.testing.assert_allclose(fade_reals(images, 0.0), expected, atol=1e-6)


def test_reals_at_alpha_1_are_themselves():
    images = tf.constant(NOISE / np.float32(127.5) - 1)
    np.testing.assert_allclose(fade_reals(images, 1.0), images, atol=1e-6)


# The order


def epochs_of(seed, num_images, count):
    positions = tf.range(num_images * count, dtype=tf.int64)
    return pictures_at(positions, num_images, seed).numpy().reshape(count, num_images)


@pytest.mark.parametrize("num_images", [1, 2, 7, 1000, 3888])
def test_every_epoch_is_a_permutation(num_images):
    for epoch in epochs_of(3, num_images, 5):
        assert sorted(epoch) == list(range(num_images))


def test_epochs_and_seeds_do_not_resemble_each_other():
    """Correlations of 1,000 numbers are 0, give or take 0.032, and here within 5 of these."""
    orders = np.concatenate([epochs_of(seed, 1000, 10) for seed in range(4)])
    correlations = np.corrcoef(orders)[np.triu_indices(len(orders), 1)]
    assert abs(correlations).max() < 0.16
    assert abs(correlations.std() - 0.0316) < 0.004
    neighbours = [np.corrcoef(order[1:], order[:-1])[0, 1] for order in orders]
    assert max(map(abs, neighbours)) < 0.16
