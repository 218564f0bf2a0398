import io
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image

from tests.helpers.places import ROOT
from tests.helpers.source_helpers import assert_refused, open_elsewhere, picture, save
from tfrecords.common.errors import UserError
from tfrecords.sources.by_name import open_source

pytestmark = pytest.mark.filterwarnings("ignore")


def decode(data):
    return np.asarray(Image.open(io.BytesIO(data)))


def test_pictures_come_in_any_order_with_labels():
    def as_dataset(self, *args, decoders, **kwargs):
        pictures = [np.full((28, 28, 1), 20 * i, np.uint8) for i in range(5)]
        encoded = [tf.io.encode_png(one).numpy() for one in pictures]
        labels = np.array([3, 1, 4, -1, 5], np.int64)
        return tf.data.Dataset.from_tensor_slices({"image": encoded, "label": labels})

    with tfds.testing.mock_data(as_dataset_fn=as_dataset):
        source = open_source("tfds:mnist:test")
        assert (source.name, source.num_pictures) == ("mnist", 5)
        assert source.description == "tfds:mnist:test"
        assert list(source.sample_sides()) == [28] * 5
        assert source.label_names == tuple("0123456789")
        read = open_elsewhere(source)
        for index in (4, 0, 2, 2):
            assert (decode(read(index)) == 20 * index).all()
        # A label that is not known, -1, is a row of zeros.
        np.testing.assert_array_equal(source.labels.classes, [3, 1, 4, -1, 5])
        np.testing.assert_array_equal(source.labels[:].sum(axis=1), [1, 1, 1, 0, 1])
        assert source.identity != open_source("tfds:mnist").identity


def test_datasets_without_labels_or_pictures():
    with tfds.testing.mock_data(num_examples=3):
        source = open_source("tfds:celeb_a")
        assert (source.labels, source.label_names) == (None, ())
        assert decode(open_elsewhere(source)(2)).shape == (218, 178, 3)
        bare = open_source("tfds:cifar10", labels="none")
        assert (bare.labels, bare.label_names) == (None, ())
        for name, labels, message in (
            ("cifar10", "folders", "takes its own labels or 'none', got 'folders'"),
            ("imdb_reviews", None, "one feature of pictures, it has text, label"),
            ("nosuch", None, "tfds:nosuch: cannot be prepared: .* not found"),
        ):
            assert_refused(message, f"tfds:{name}", labels=labels)


def write_image_folder(folder):
    """Returns the bytes of the pictures of the split `train`, by their paths."""
    save(folder / "test" / "emu" / "0.png")
    save(folder / "test" / ".hidden" / "0.png")
    names = [f"train/{kind}/{index}.png" for kind in ("cat", "dog") for index in range(3)]
    return {name: save(folder / name, seed=seed) for seed, name in enumerate(names)}


def test_a_folder_in_the_layout_of_tfds_comes_before_a_known_dataset(tmp_path):
    written = write_image_folder(tmp_path / "cifar10")

    def open_it(split="", **options):
        return open_source(f"tfds:cifar10{split}", tfds_data_dir=str(tmp_path), **options)

    source = open_it()
    assert (source.name, source.num_pictures) == ("cifar10", 6)
    assert source.label_names == ("cat", "dog", "emu")  # of all splits
    read = open_elsewhere(source)
    for index, (name, data) in enumerate(written.items()):
        assert read(index) == data
        assert source.label_names[source.labels[index].argmax()] == name.split("/")[1]
    assert open_it(labels="none").labels is None
    assert open_it(":test").labels.classes.tolist() == [2]
    shutil.move(tmp_path / "cifar10", tmp_path / "pets")
    assert_refused(
        r"expected a split of test, train, got 'nosuch'",
        "tfds:pets:nosuch",
        tfds_data_dir=str(tmp_path),
    )
    shutil.rmtree(tmp_path / "pets/test")
    shutil.rmtree(tmp_path / "pets/train/dog")
    assert open_source("tfds:pets", tfds_data_dir=str(tmp_path)).labels is None


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    assert_refused("not installed: pip install tensorflow-datasets", "tfds:mnist")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A dataset of five pictures, of a feature that is not called `image`, prepared by TFDS."""
    folder = tmp_path_factory.mktemp("tfds")

    # Not registered: it is read by its files alone.
    class Noise(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            label = tfds.features.ClassLabel(names=["odd", "even"])
            features = {"photo": tfds.features.Image(shape=(None, None, 3)), "label": label}
            features = tfds.features.FeaturesDict(features)
            return tfds.core.DatasetInfo(builder=self, features=features)

        def _split_generators(self, manager):
            return {"train": self._generate_examples()}

        def _generate_examples(self):
            for index in range(5):
                yield index, {"photo": picture(index, (20, 24)), "label": index % 2}

    Noise(data_dir=folder).download_and_prepare()
    return str(folder)


def test_a_prepared_dataset_is_read_offline_with_slices(prepared):
    source = open_source("tfds:noise", tfds_data_dir=prepared)
    assert list(source.sample_sides()) == [20] * 5
    assert source.label_names == ("odd", "even")
    read = open_elsewhere(source)
    seen = set()
    for index in (3, 4, 0, 2, 1):
        pixels = decode(read(index))
        (seed,) = (i for i in range(5) if np.array_equal(picture(i, (20, 24)), pixels))
        assert source.labels[index].argmax() == seed % 2
        seen.add(seed)
    assert seen == set(range(5))
    sliced = open_source("tfds:noise:train[:2]", tfds_data_dir=prepared)
    assert sliced.num_pictures == 2
    np.testing.assert_array_equal(sliced.labels, source.labels[:2])
    assert sliced.identity != source.identity
    for split in ("nosuch", "train[x", ":"):
        assert_refused(
            r"expected a split of train, got", f"tfds:noise:{split}", tfds_data_dir=prepared
        )


def test_a_damaged_dataset_is_an_error(prepared, tmp_path):
    shutil.copytree(prepared, tmp_path, dirs_exist_ok=True)
    (records,) = tmp_path.rglob("*.tfrecord-*")
    records.write_bytes(records.read_bytes()[:-9])
    assert_refused("tfds:noise:train: cannot be read", "tfds:noise", tfds_data_dir=str(tmp_path))
    with pytest.raises(UserError, match="tfds:noise:train: cannot be read"):
        open_source("tfds:noise", tfds_data_dir=str(tmp_path), labels="none").open()


@pytest.mark.slow
def test_the_copy_is_removed_and_its_readers_do_without_tensorflow(prepared, tmp_path):
    code = f"""
import os, pickle, subprocess, sys
from tfrecords.sources.by_name import open_source
source = open_source("tfds:noise", tfds_data_dir={prepared!r})
reader = pickle.dumps(source.open)
child = "import pickle, sys; read = pickle.loads({{}})(); assert len(read(4)) > 99; "
child += "assert 'tensorflow' not in sys.modules and 'tensorflow_datasets' not in sys.modules"
subprocess.run([sys.executable, "-c", child.format(reader)], check=True)
assert len(os.listdir({str(tmp_path)!r})) == 1
"""
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, cwd=str(ROOT))
    assert os.listdir(tmp_path) == []
