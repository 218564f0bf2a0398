"""Small datasets of noise, and changes to their files."""

import numpy as np

from tests.helpers.made_source import make_source, noise, options
from tfrecords.cache import prepare
from tfrecords.format.record_file import RecordFile, frame
from tfrecords.pictures.source import PictureOptions
from tfrecords.writing.writer import write_dataset


def draw(count=8, resolution=16, num_channels=3, seed=1):
    return noise(count, resolution, num_channels, seed)


def one_hot(classes, size=3):
    return np.eye(size, dtype=np.float32)[classes]


def build(folder, images, labels=None, names=(), encoding="raw", shard_bytes=2**27, json=False):
    """Writes a dataset with the given pictures in order, as others do without `json`."""
    source = make_source(images, name="set", labels=labels, label_names=tuple(names))
    settled = options(images.shape[1], images.shape[3])
    kept = {"encoding": encoding, "shard_bytes": shard_bytes}
    write_dataset(source, settled, str(folder), shuffle=False, processes=1, **kept)
    if not json:
        (folder / "dataset.json").unlink()
    return folder


def read_records(path):
    file = RecordFile(str(path))
    return [file.read(index) for index in range(len(file))]


def write_records(path, records):
    path.write_bytes(b"".join(map(frame, records)))


def change_records(path, changes):
    """Replaces records by index."""
    records = read_records(path)
    write_records(path, [changes.get(index, record) for index, record in enumerate(records)])


def flip(path, position):
    """Flips a bit of a file."""
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)


def cut(path, num_bytes):
    """Cuts bytes off a file's end."""
    path.write_bytes(path.read_bytes()[:-num_bytes])


def write_labels(folder, labels):
    with open(folder / "set-rxx.labels", "wb") as file:
        np.save(file, np.asarray(labels, np.float32))


def prepare_shapes(folder, resolution, **options):
    """The built-in shapes as TFRecords."""
    return prepare("shapes", str(folder), PictureOptions(resolution, **options))
