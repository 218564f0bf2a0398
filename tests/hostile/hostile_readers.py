"""Every reader of files that others may have made, with good files to start from.

To add one, write how a good file is made in a folder and how it is read, and name it in READERS.
"""

import contextlib
import gzip
import json
import os
import pathlib
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import h5py
import lmdb
import numpy as np
from PIL import Image, ImageCms
from scipy import io as scipy_io

from tests.helpers.built_dataset import build, one_hot
from tests.helpers.made_source import encode, noise
from tests.helpers.source_helpers import write_archive
from tfrecords.common.errors import UserError
from tfrecords.format.dataset_info import read_dataset_info, read_labels
from tfrecords.format.record import decode_record
from tfrecords.format.record_file import BadRecordError, RecordFile
from tfrecords.pictures.images import prepare_picture, size_of
from tfrecords.pictures.source import PictureOptions
from tfrecords.sources.by_name import open_source
from tfrecords.writing.journal import open_journal, read_lines

OPTIONS = PictureOptions(16, 3, allow_upscaling=True)
PIXELS = noise(4, 16)


class Reader(NamedTuple):
    """How a kind of file is made and read."""

    name: str
    make: Callable[[str], None]  # writes good files into a folder
    read: Callable[[str], None]  # reads a folder
    changed: str = ""  # how the names of the files end that are changed


def write(folder, files):
    for name, data in files.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data if isinstance(data, bytes) else json.dumps(data).encode())


def read_all(read, cases):
    """Reads all, then raises the first UserError."""
    errors = []
    for case in cases:
        try:
            read(case)
        except UserError as error:
            errors.append(error)
    if errors:
        raise errors[0]


def read_pictures(source):
    """Does what a conversion does, one picture after another."""
    source.sample_sizes()
    read, options = source.open(), OPTIONS
    if source.value_range:
        numbers = {"num_channels": source.num_channels, "depth": source.depth}
        options = replace(OPTIONS, value_range=source.value_range(), **numbers)
    for index in range(min(4, source.num_pictures)):
        with contextlib.suppress(UserError):
            prepare_picture(read(index), options, source.picture_name(index))


def open_and_read(*names, prefix=""):
    """Returns what reads these files or folders as sources."""

    def read(folder):
        sources = [f"{prefix}{folder}/{name}".rstrip("/") for name in names]
        read_all(lambda source: read_pictures(open_source(source)), sources)

    return read


def make_pictures(folder):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "text"
    meta = {"icc_profile": profile, "exif": exif}
    kinds = {"png": ("PNG", meta), "jpg": ("JPEG", meta), "webp": ("WEBP", meta)}
    kinds |= {"gif": ("GIF", {}), "bmp": ("BMP", {}), "b.webp": ("WEBP", {"lossless": True})}
    kinds |= {"tif": ("TIFF", {"compression": "tiff_lzw", **meta})}
    kinds |= {"b.tif": ("TIFF", {"compression": "jpeg"})}
    files = {f"a.{name}": encode(PIXELS[0], kind, **meta) for name, (kind, meta) in kinds.items()}
    write(folder, files | {"deep.png": encode(PIXELS[0, :, :, 0].astype(np.uint16) * 257)})


def read_each_picture(folder):
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as file:
            data = file.read()
        for read in (size_of, lambda data: prepare_picture(data, OPTIONS)):
            with contextlib.suppress(UserError):
                read(data)


PNGS = [encode(one) for one in PIXELS]
MEMBERS = {f"{'ab'[i % 2]}/{i}.png": png for i, png in enumerate(PNGS)} | {"notes.txt": b"text"}


def make_zip(folder):
    write_archive(f"{folder}/a.zip", MEMBERS)
    write_archive(f"{folder}/b.zip", MEMBERS, zipfile.ZIP_BZIP2)


def make_tar(folder):
    for ending in ("tar", "tar.gz", "tar.xz"):
        write_archive(
            f"{folder}/a.{ending}",
            {f"{'long' * 30}/{path}": data for path, data in MEMBERS.items()},
            layout=tarfile.GNU_FORMAT if ending == "tar" else tarfile.PAX_FORMAT,
        )


def read_archives(folder):
    paths = [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
    read_all(lambda path: read_pictures(open_source(path, labels="folders")), paths)


def make_labeled(folder):
    classes = {f"{i}.png": "ab"[i % 2] for i in range(4)}
    rows = "".join(f"{path},{label}\r\n" for path, label in classes.items())
    files = {"a.csv": rows.encode(), "b.json": classes, "d.json": {"labels": [*classes.items()]}}
    files |= {"c.json": {f"{i}.png": [i, 0.5] for i in range(4)}}
    write(folder, files | {f"pictures/{i}.png": png for i, png in enumerate(PNGS)})


def read_labeled(folder):
    names = ("a.csv", "b.json", "c.json", "d.json")
    read_all(lambda name: open_source(f"{folder}/pictures", labels=f"{folder}/{name}"), names)


def make_dataset(folder):
    for encoding in ("png", "raw"):
        out = pathlib.Path(folder) / encoding
        build(out, PIXELS, one_hot([0, 1, 1, 0]), ("a", "b", "c"), encoding, json=True)


def read_dataset(folder):
    info = read_dataset_info(folder)
    read_labels(info)
    info.name.encode()  # is part of paths
    for path in info.files[info.resolution]:
        file = RecordFile(path)
        for index in range(min(8, len(file))):
            with contextlib.suppress(ValueError, BadRecordError):
                decode_record(file.read(index))
        file.close()


def read_datasets(folder):
    read_all(read_dataset, (f"{folder}/png", f"{folder}/raw"))


def make_journal(folder):
    with open_journal(f"{folder}/out.partial", {"name": "a", "options": [1, None]}) as journal:
        journal.append(2, {"a": (10, 2)}, [])
        journal.append(4, {"a": (20, 4)}, [(3, "a.png", "no picture")])


def read_journal(folder):
    read_lines(f"{folder}/out.partial")


def make_idx(folder):
    images = struct.pack(">4I", 2051, 4, 28, 28) + bytes(range(256)) * 12 + bytes(64)
    labels = struct.pack(">2I", 2049, 4) + bytes(range(4))
    for name, data in (("images-idx3-ubyte", images), ("labels-idx1-ubyte", labels)):
        write(folder, {f"plain/train-{name}": data})
        write(folder, {f"packed/train-{name}.gz": gzip.compress(data)})


def make_cifar(folder):
    data = PIXELS[0].repeat(4, axis=0).reshape(1, 3072)
    batches = {f"data_batch_{i}": ({"data": data, "labels": [i]}, i) for i in range(2, 6)}
    batches["data_batch_1"] = {b"data": data, b"labels": [1], b"names": [b"a"]}, 2
    names = {"label_names": [f"n{i}" for i in range(10)], "num_cases_per_batch": 1}
    batches["batches.meta"] = names, 2
    write(folder, {name: pickle.dumps(*content) for name, content in batches.items()})


def make_hdf5(folder):
    pictures = PIXELS.transpose(0, 3, 1, 2)
    with h5py.File(f"{folder}/a.h5", "w") as archive:
        archive["data8x8"] = pictures[:, :, :8, :8]
        options = {"chunks": (1, 3, 16, 16), "compression": "gzip", "shuffle": True}
        archive.create_dataset("data16x16", data=pictures, **options)
        archive["labels"] = np.eye(4, dtype=np.float32)


def make_arrays(folder):
    fields = np.arange(4 * 8 * 8 * 5, dtype=np.float32).reshape(4, 8, 8, 5)
    np.save(f"{folder}/a.npy", fields)
    np.savez_compressed(f"{folder}/b.npz", images=fields, labels=np.arange(4))
    with h5py.File(f"{folder}/c.h5", "w") as archive:
        archive.create_dataset("images", data=fields, compression="gzip")


def make_mat(folder):
    content = {"X": PIXELS.transpose(1, 2, 3, 0), "y": np.arange(1, 5, dtype=np.uint8)[:, None]}
    for name, pack in (("train_32x32.mat", True), ("test_32x32.mat", False)):
        scipy_io.savemat(f"{folder}/{name}", content, do_compression=pack)


def make_lmdb(folder):
    with lmdb.open(folder, map_size=2**20) as database, database.begin(write=True) as rows:
        for i in range(200):
            rows.put(b"key %03d" % i, PNGS[i % 4] if i < 8 else b"x" * 30)


MATS = ("train_32x32.mat", "test_32x32.mat")
READERS = (
    Reader("pictures", make_pictures, read_each_picture),
    Reader("zip", make_zip, read_archives),
    Reader("tar", make_tar, read_archives),
    Reader("labels in CSV", make_labeled, read_labeled, ".csv"),
    Reader("labels in JSON", make_labeled, read_labeled, ".json"),
    Reader("dataset.json", make_dataset, read_datasets, ".json"),
    Reader("labels of a dataset", make_dataset, read_datasets, "-rxx.labels"),
    Reader("records", make_dataset, read_datasets, "-r04.tfrecords"),
    Reader("journal", make_journal, read_journal, ".jsonl"),
    Reader("idx", make_idx, open_and_read("plain", "packed", prefix="mnist:")),
    Reader("cifar", make_cifar, open_and_read("", prefix="cifar10:")),
    Reader("hdf5", make_hdf5, open_and_read("a.h5")),
    Reader("arrays", make_arrays, open_and_read("a.npy", "b.npz", "c.h5")),
    Reader("mat", make_mat, open_and_read(*MATS, prefix="svhn:")),
    Reader("lmdb", make_lmdb, open_and_read("", prefix="lsun:"), "data.mdb"),
)
