import os
import re

import numpy as np

from tests.helpers.source_helpers import assert_refused, open_elsewhere, save
from tests.tfrecords.common.test_paths import make_no_files
from tfrecords.format.identity import compute_fingerprint
from tfrecords.pictures.source import PictureOptions
from tfrecords.sources import shapes
from tfrecords.sources.by_name import SOURCES_HELP, open_source


def test_shapes_gives_its_pictures_and_labels():
    source = open_source("shapes", resolution=16)
    assert (source.name, source.num_pictures) == ("shapes", 3888)
    assert list(map(min, source.sample_sizes())) == [16]
    np.testing.assert_array_equal(open_elsewhere(source)(5), shapes.draw(5, 16))
    assert source.label_names == shapes.LABEL_NAMES
    assert source.labels.classes.tolist() == [shapes.label(index) for index in range(3888)]
    bare = open_source("shapes", labels="none")
    assert open_elsewhere(bare)(0).shape == (32, 32, 3)
    assert (bare.labels, bare.label_names) == (None, ())
    assert open_source("shapes", labels="wanted").label_names == shapes.LABEL_NAMES
    for labels in ("folders", "x.csv"):
        assert_refused(f"its own labels or 'none', got '{labels}'", "shapes", labels=labels)
    for resolution in (2048, 48):
        assert_refused("from 4 to 1024|power of two", "shapes", resolution=resolution)


def test_the_fingerprint_changes_with_pictures_options_and_labels_only(tmp_path):
    save(tmp_path / "x" / "a.png")
    save(tmp_path / "y" / "a.png")

    def fingerprint(source=str(tmp_path), side=16, **kwargs):
        options = PictureOptions(side, 3, allow_upscaling=False)
        return compute_fingerprint(open_source(source, **kwargs), options)

    first = fingerprint()
    assert len(first) == 16
    assert fingerprint(tfds_data_dir="/x", labels="none") == first
    others = [fingerprint(labels="folders"), fingerprint(side=32), fingerprint("shapes")]
    others.append(fingerprint("shapes", labels="none"))
    save(tmp_path / "b.png")
    others.append(fingerprint())
    assert len({first, *others}) == 6


def test_missing_empty_and_unknown_sources_are_refused(tmp_path):
    for missing in ("flickr:cat", str(tmp_path / "absent"), "", "mnist:", "x.mat"):
        assert_refused(f"{re.escape(SOURCES_HELP)}.*no such folder", missing)
    assert_refused("found none", tmp_path)
    (tmp_path / "notes.txt").write_text("x")
    assert_refused("a file of another kind", tmp_path / "notes.txt")


def test_home_folders_are_found_wherever_they_stand(tmp_path, monkeypatch):
    """The shell expands ~ only where a word begins, which it does not in --labels=~/x."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("a", "b"):
        save(tmp_path / f"pictures/{name}.png")
    (tmp_path / "classes.csv").write_text("a.png,cat\nb.png,dog\n")
    source = open_source(str(tmp_path / "pictures"), labels="~/classes.csv")
    assert source.label_names == ("cat", "dog")
    assert open_source("celeba:~/pictures").num_pictures == 2


def test_pipes_and_devices_are_refused_for_every_kind_of_source(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in make_no_files(tmp_path):
        for name in ("train-images-idx3-ubyte", "data.mdb"):
            (tmp_path / name).unlink(missing_ok=True)
            os.symlink(path, name)
        for source in (f"svhn:{path}", f"hdf5:{path}", f"mnist:{tmp_path}", f"lsun:{tmp_path}"):
            assert_refused(".", source)
    for ending in ("zip", "tar", "tar.gz", "mat", "h5"):
        os.mkfifo(f"a.{ending}")
        assert_refused("expected a file, got a pipe", tmp_path / f"a.{ending}")
