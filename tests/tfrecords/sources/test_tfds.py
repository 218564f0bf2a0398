import io
import shutil
import sys

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from tests.helpers.source_helpers import assert_gives, assert_refused, open_elsewhere, picture, save
from tfrecords.sources.by_name import open_source

pytestmark = pytest.mark.filterwarnings("ignore")


def decode(data):
    return np.asarray(Image.open(io.BytesIO(data)))


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
            return self.dataset_info_from_configs(features=tfds.features.FeaturesDict(features))

        def _split_generators(self, manager):
            return {"train": self._generate_examples()}

        def _generate_examples(self):
            for index in range(5):
                yield index, {"photo": picture(index, (20, 24)), "label": index % 3 - 1}

    Noise(data_dir=folder).download_and_prepare()
    return str(folder)


def test_a_prepared_dataset_is_read_offline_with_its_labels_and_slices(prepared):
    source = open_source("tfds:noise", tfds_data_dir=prepared)
    assert (source.name, source.description) == ("noise", "tfds:noise:train")
    assert list(map(min, source.sample_sizes())) == [20] * 5
    assert source.label_names == ("odd", "even")
    read = open_elsewhere(source)
    seen = {}
    for index in (3, 4, 0, 2, 1):
        pixels = decode(read(index))
        (seed,) = (i for i in range(5) if np.array_equal(picture(i, (20, 24)), pixels))
        seen[seed] = source.labels.classes[index]
    assert seen == {0: -1, 1: 0, 2: 1, 3: -1, 4: 0}  # -1 is not known
    sliced = open_source("tfds:noise:train[:2]", tfds_data_dir=prepared)
    assert sliced.num_pictures == 2
    np.testing.assert_array_equal(sliced.labels, source.labels[:2])
    assert sliced.identity != source.identity
    for split in ("nosuch", "train[x", ":"):
        name = f"tfds:noise:{split}"
        assert_refused("expected a split of train, got", name, tfds_data_dir=prepared)


def test_datasets_without_labels_or_pictures():
    with tfds.testing.mock_data(num_examples=3):
        source = open_source("tfds:celeb_a")
        assert (source.labels, source.label_names) == (None, ())
        assert decode(open_elsewhere(source)(2)).shape == (218, 178, 3)
        assert open_source("tfds:mnist:test").label_names == tuple("0123456789")
        bare = open_source("tfds:cifar10", labels="none")
        assert (bare.labels, bare.label_names) == (None, ())
        for name, labels, message in (
            ("cifar10", "folders", "takes its own labels or 'none', got 'folders'"),
            ("imdb_reviews", None, "one feature of pictures, it has text, label"),
            ("nosuch", None, "tfds:nosuch: cannot be prepared: .* not found"),
        ):
            assert_refused(message, f"tfds:{name}", labels=labels)


def test_a_folder_in_the_layout_of_tfds_comes_before_a_known_dataset(tmp_path):
    folder = tmp_path / "cifar10"
    names = [f"train/{kind}/{index}.png" for kind in ("cat", "dog") for index in range(2)]
    written = [save(folder / name, seed=seed) for seed, name in enumerate(names)]
    for name in ("emu", ".hidden"):
        save(folder / "test" / name / "0.png")

    def open_it(name="cifar10", **options):
        return open_source(f"tfds:{name}", tfds_data_dir=str(tmp_path), **options)

    source = open_it()
    assert_gives(source, written)
    assert (source.name, source.label_names) == ("cifar10", ("cat", "dog", "emu"))  # of all splits
    assert source.labels.classes.tolist() == [0, 0, 1, 1]
    assert open_it(labels="none").labels is None
    assert open_it("cifar10:test").labels.classes.tolist() == [2]
    shutil.move(folder, tmp_path / "pets")
    words = "expected a split of test, train, got 'nosuch'"
    assert_refused(words, "tfds:pets:nosuch", tfds_data_dir=str(tmp_path))
    shutil.rmtree(tmp_path / "pets/test")
    shutil.rmtree(tmp_path / "pets/train/dog")
    assert open_it("pets").labels is None


def test_a_damaged_dataset_and_a_missing_package_are_named(prepared, tmp_path, monkeypatch):
    shutil.copytree(prepared, tmp_path, dirs_exist_ok=True)
    (records,) = tmp_path.rglob("*.tfrecord-*")
    records.write_bytes(records.read_bytes()[:-9])
    assert_refused("tfds:noise:train: cannot be read", "tfds:noise", tfds_data_dir=str(tmp_path))
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    assert_refused("not installed: pip install tensorflow-datasets", "tfds:mnist")
