"""Every reader of files that others may have made, with good files to begin from.

To add one, write how a good file is made in a folder and how it is read, and name it in READERS.
"""

import contextlib
import csv
import dataclasses
import gzip
import io
import itertools
import json
import os
import pickle
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable

import h5py
import lmdb
import numpy as np
from PIL import Image, ImageCms
from scipy import io as scipy_io

from tfrecords.common.errors import UserError
from tfrecords.format.dataset_info import read_dataset_info, read_labels
from tfrecords.format.record import decode_record
from tfrecords.format.record_file import BadRecordError, RecordFile, frame
from tfrecords.pictures.images import prepare_picture, smaller_side
from tfrecords.pictures.source import PictureOptions
from tfrecords.sources.by_name import open_source
from tfrecords.writing.journal import open_journal, read_lines
from tfrecords.writing.writer import write_dataset

OPTIONS = PictureOptions(16, 3, allow_upscaling=True)
PIXELS = np.random.default_rng(3).integers(0, 256, (4, 16, 16, 3), np.uint8)


def as_it_is(data, random, mutate):
    return mutate(data, random)


def as_text(data, random, mutate):
    return mutate(data, random, text=True)


def inside_gzip(data, random, mutate):
    return gzip.compress(mutate(gzip.decompress(data), random), 1)


@dataclasses.dataclass(frozen=True)
class Reader:
    """How a kind of file is made and read."""

    name: str
    make: Callable[[str], None]  # writes good files into a folder
    read: Callable[[str], None]  # reads a folder
    # A name's ending to how such a file is changed; other files stay as they are.
    layers: dict[str, tuple[Callable, ...]]

    def targets(self, folder):
        """Returns the (file, layer) to change, in turn."""
        names = sorted(
            os.path.relpath(os.path.join(path, name), folder)
            for path, _, names in os.walk(folder)
            for name in names
        )
        return [
            (name, layer)
            for ending, layers in self.layers.items()
            for name in names
            if name.endswith(ending)
            for layer in layers
        ]


def encode(number, kind, **options):
    file = io.BytesIO()
    Image.fromarray(PIXELS[number % 4]).save(file, kind, **options)
    return file.getvalue()


def write(folder, files):
    for name, data in files.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)


def read_pictures(source):
    """Does what a conversion does, one picture after another."""
    source.sample_sides()
    read = source.open()
    for index in range(min(4, source.num_pictures)):
        with contextlib.suppress(UserError):
            prepare_picture(read(index), OPTIONS, source.picture_name(index))


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


def open_and_read(*names, prefix=""):
    """Returns what reads these files or folders as sources."""

    def read(folder):
        sources = [f"{prefix}{folder}/{name}".rstrip("/") for name in names]
        read_all(lambda source: read_pictures(open_source(source)), sources)

    return read


# Pictures.


def make_pictures(folder):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "text"
    meta = {"icc_profile": profile, "exif": exif}
    files = {
        "a.png": encode(0, "png", **meta),
        "b.jpg": encode(1, "jpeg", **meta),
        "c.webp": encode(2, "webp", **meta),
        "d.gif": encode(3, "gif"),
        "e.bmp": encode(0, "bmp"),
        "f.tif": encode(1, "tiff", compression="tiff_lzw", **meta),
        "g.tif": encode(2, "tiff", compression="jpeg"),
        "h.webp": encode(2, "webp", lossless=True),
    }
    deep = io.BytesIO()
    Image.fromarray(PIXELS[0, :, :, 0].astype(np.uint16) * 257).save(deep, "png")
    write(folder, files | {"i.png": deep.getvalue()})


def read_each_picture(folder):
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as file:
            data = file.read()
        for read in (smaller_side, lambda data: prepare_picture(data, OPTIONS)):
            with contextlib.suppress(UserError):
                read(data)


def png_with_checksums(data, random, mutate):
    """Changes a chunk, or the compressed pixels, and mends what says that they are whole."""
    chunks, at = [], 8
    while at < len(data):
        size = int.from_bytes(data[at : at + 4])
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += size + 12
    which = random.integers(len(chunks))
    kind, body = chunks[which]
    unpacked = kind == b"IDAT" and random.integers(2)
    body = (
        zlib.compress(mutate(zlib.decompress(body), random)) if unpacked else mutate(body, random)
    )
    chunks[which] = kind, body
    return data[:8] + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


# Archives.


def members():
    return {f"{'ab'[i % 2]}/{i}.png": encode(i, "png") for i in range(4)} | {"notes.txt": b"text"}


def make_zip(folder):
    for name, kind in (("a.zip", zipfile.ZIP_DEFLATED), ("b.zip", zipfile.ZIP_BZIP2)):
        with zipfile.ZipFile(os.path.join(folder, name), "w", kind) as archive:
            for path, data in members().items():
                archive.writestr(path, data)


def read_archives(folder):
    paths = [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
    cases = itertools.product(paths, (None, "folders"))
    read_all(lambda case: read_pictures(open_source(case[0], labels=case[1])), cases)


def make_tar(folder):
    kinds = (("a.tar", "w", tarfile.GNU_FORMAT), ("b.tar.gz", "w:gz", tarfile.PAX_FORMAT))
    for name, mode, layout in (*kinds, ("c.tar.xz", "w:xz", tarfile.PAX_FORMAT)):
        with tarfile.open(os.path.join(folder, name), mode, format=layout) as archive:
            for path, data in members().items():
                info = tarfile.TarInfo(f"{'long' * 30}/{path}")
                info.size, info.mtime = len(data), 1.5
                archive.addfile(info, io.BytesIO(data))


# Labels.


def make_labeled(folder):
    files = {f"pictures/{i}.png": encode(i, "png") for i in range(4)}
    classes = {f"{i}.png": "ab"[i % 2] for i in range(4)}
    rows = io.StringIO()
    csv.writer(rows).writerows(classes.items())
    vectors = {f"{i}.png": [i, 0.5] for i in range(4)}
    files |= {"a.csv": rows.getvalue().encode(), "b.json": json.dumps(classes).encode()}
    listed = {"labels": [[path, label] for path, label in classes.items()]}
    files |= {"c.json": json.dumps(vectors).encode(), "d.json": json.dumps(listed).encode()}
    write(folder, files)


def read_labeled(folder):
    names = ("a.csv", "b.json", "c.json", "d.json")
    read_all(lambda name: open_source(f"{folder}/pictures", labels=f"{folder}/{name}"), names)


# Datasets.


def make_dataset(folder):
    inside = os.path.join(folder, "in")
    write(inside, members())
    source = open_source(inside, labels="folders")
    for encoding in ("png", "raw"):
        out = os.path.join(folder, encoding)
        write_dataset(source, OPTIONS, out, encoding=encoding, processes=1)


def read_dataset(folder):
    info = read_dataset_info(folder)
    read_labels(info)
    f"runs/{info.name}".encode()
    for path in info.files[info.resolution]:
        file = RecordFile(path)
        for index in range(min(8, len(file))):
            with contextlib.suppress(ValueError, BadRecordError):
                decode_record(file.read(index))
        file.close()


def records_with_checksums(data, random, mutate):
    records, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 8], "little")
        records.append(data[at + 12 : at + 12 + size])
        at += size + 16
    which = random.integers(len(records))
    records[which] = mutate(records[which], random)
    return b"".join(map(frame, records))


JOURNAL_KEY = {"name": "a", "options": [1, None]}


def make_journal(folder):
    with open_journal(os.path.join(folder, "out.partial"), JOURNAL_KEY) as journal:
        journal.append(2, {"a": (10, 2)}, [])
        journal.append(4, {"a": (20, 4)}, [(3, "a.png", "no picture")])


def read_journal(folder):
    partial = os.path.join(folder, "out.partial")
    lines, _ = read_lines(partial)
    if lines and lines[0] == {"key": JOURNAL_KEY}:
        # What is cut off is the only change.
        copy = f"{folder}.copy"
        os.makedirs(copy)
        try:
            with open(f"{partial}/journal.jsonl", "rb") as file:
                write(copy, {"journal.jsonl": file.read()})
            with open_journal(copy, lines[0]["key"]) as journal:
                assert journal.position in (0, 2, 4) or len(lines) > 1
        finally:
            os.remove(f"{copy}/journal.jsonl")
            os.rmdir(copy)


# Copies of known datasets.


def make_idx(folder):
    images = struct.pack(">4I", 2051, 4, 28, 28) + bytes(range(256)) * 12 + bytes(64)
    labels = struct.pack(">2I", 2049, 4) + bytes(range(4))
    names = ("images-idx3-ubyte", images), ("labels-idx1-ubyte", labels)
    write(folder, {f"plain/train-{name}": data for name, data in names})
    write(folder, {f"packed/train-{name}.gz": gzip.compress(data) for name, data in names})


def make_cifar(folder):
    data = PIXELS[0].repeat(4, axis=0).reshape(1, 3072)
    batches = {
        f"data_batch_{i}": pickle.dumps({"data": data, "labels": [i]}, i) for i in range(2, 6)
    }
    batches["data_batch_1"] = pickle.dumps({b"data": data, b"labels": [1], b"names": [b"a"]}, 2)
    write(folder, batches)
    names = {"label_names": [f"n{i}" for i in range(10)], "num_cases_per_batch": 1}
    write(folder, {"batches.meta": pickle.dumps(names, 2)})


def make_hdf5(folder):
    pictures = PIXELS.transpose(0, 3, 1, 2)
    with h5py.File(os.path.join(folder, "a.h5"), "w") as archive:
        archive["data8x8"] = pictures[:, :, :8, :8]
        options = {"chunks": (1, 3, 16, 16), "compression": "gzip", "shuffle": True}
        archive.create_dataset("data16x16", data=pictures, **options)
        archive["labels"] = np.eye(4, dtype=np.float32)


def make_mat(folder):
    content = {"X": PIXELS.transpose(1, 2, 3, 0), "y": np.arange(1, 5, dtype=np.uint8)[:, None]}
    for name, pack in (("train_32x32.mat", True), ("test_32x32.mat", False)):
        scipy_io.savemat(os.path.join(folder, name), content, do_compression=pack)


def mat_unpacked(data, random, mutate):
    """Changes the first compressed part."""
    size = int.from_bytes(data[132:136], "little")
    part = zlib.compress(mutate(zlib.decompress(data[136 : 136 + size]), random))
    return data[:132] + struct.pack("<I", len(part)) + part + data[136 + size :]


def make_lmdb(folder):
    with lmdb.open(folder, map_size=2**20) as database, database.begin(write=True) as rows:
        for i in range(200):
            rows.put(b"key %03d" % i, encode(i, "png") if i < 8 else b"x" * 30)


READERS = (
    Reader(
        "pictures",
        make_pictures,
        read_each_picture,
        {".png": (png_with_checksums, as_it_is), "": (as_it_is,)},
    ),
    Reader("zip", make_zip, read_archives, {".zip": (as_it_is,)}),
    Reader(
        "tar",
        make_tar,
        read_archives,
        {".tar": (as_it_is, as_it_is), ".gz": (inside_gzip, as_it_is), ".xz": (as_it_is,)},
    ),
    Reader("labels", make_labeled, read_labeled, {".csv": (as_it_is,), ".json": (as_text,)}),
    Reader(
        "dataset",
        make_dataset,
        lambda folder: read_all(read_dataset, (f"{folder}/png", f"{folder}/raw")),
        {
            "dataset.json": (as_text, as_text),
            "-rxx.labels": (as_it_is,),
            "-r04.tfrecords": (as_it_is, records_with_checksums),
        },
    ),
    Reader("journal", make_journal, read_journal, {".jsonl": (as_text, as_it_is)}),
    Reader(
        "idx",
        make_idx,
        open_and_read("plain", "packed", prefix="mnist:"),
        {"ubyte": (as_it_is,), ".gz": (as_it_is, inside_gzip)},
    ),
    Reader("cifar", make_cifar, open_and_read("", prefix="cifar10:"), {"": (as_it_is,)}),
    Reader("hdf5", make_hdf5, open_and_read("a.h5"), {".h5": (as_it_is,)}),
    Reader(
        "mat",
        make_mat,
        open_and_read("train_32x32.mat", "test_32x32.mat", prefix="svhn:"),
        {"test_32x32.mat": (as_it_is,), "train_32x32.mat": (as_it_is, mat_unpacked)},
    ),
    Reader("lmdb", make_lmdb, open_and_read("", prefix="lsun:"), {"data.mdb": (as_it_is,)}),
)
