"""What the tests of sources share."""

import contextlib
import io
import pickle
import tarfile
import time
import tracemalloc
import zipfile

import numpy as np
import pytest
from PIL import Image

from tests.helpers.made_source import encode
from tfrecords.common.errors import UserError
from tfrecords.sources.by_name import open_source


def assert_user_error(pattern, function, *arguments, **options):
    """A call is a UserError of one line that matches a pattern."""
    with pytest.raises(UserError, match=pattern) as caught:
        function(*arguments, **options)
    assert str(caught.value).isprintable()


def assert_refused(pattern, source, **options):
    """So is the opening of a source."""
    assert_user_error(pattern, open_source, str(source), **options)


def open_elsewhere(source):
    """Opens the source's reader as a process that converts does."""
    return pickle.loads(pickle.dumps(source.open))()


def assert_gives(source, pictures):
    """A process that converts reads these pictures, arrays or the bytes of files, in any order."""
    assert source.num_pictures == len(pictures)
    read = open_elsewhere(source)
    for index in (*reversed(range(len(pictures))), 0):
        got, expected = read(index), pictures[index]
        assert type(got) is type(expected)
        assert np.array_equal(got, expected), index


@contextlib.contextmanager
def bounded(mebibytes):
    """Fails where Python takes more memory than that, or many seconds."""
    tracemalloc.start()
    started = time.monotonic()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < mebibytes * 2**20
    assert time.monotonic() - started < 20


def picture(seed, size=(16, 16)):
    """Returns a picture of noise, (height, width, 3) uint8; `size` is (width, height)."""
    return np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)


def encoded(seed, size=(16, 16), kind="PNG"):
    """Returns a picture of noise as the bytes of a file."""
    return encode(picture(seed, size), kind)


def save(path, size=(16, 16), seed=0):
    """Saves a picture of noise; PNG keeps it as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture(seed, size)).save(path)
    return path.read_bytes()


def folder_of(root, *names):
    """Saves a picture by each of these names; returns the folder."""
    for name in names:
        save(root / name)
    return str(root)


def write_archive(file, contents, kind=zipfile.ZIP_DEFLATED, layout=tarfile.PAX_FORMAT):
    """Writes {path: bytes} in their order to a .zip of that kind or a .tar in that layout."""
    if str(file).endswith("zip"):
        with zipfile.ZipFile(file, "w", kind) as archive:
            for path, data in contents.items():
                archive.writestr(path, data)
        return
    packer = str(file).replace("tgz", "gz").rsplit(".", 1)[1].replace("tar", "")
    with tarfile.open(file, f"w:{packer}", format=layout) as archive:
        for path, data in contents.items():
            info = tarfile.TarInfo(path)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
