"""The settings that determine a dataset's bytes, and the files written next to its pictures."""

import contextlib
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import PIL

from tfrecords.common.errors import UserError
from tfrecords.common.files import whole_file, write_file
from tfrecords.format.dataset_json import JSON_NAME, JSON_VERSION, REJECTED_NAME, read_details
from tfrecords.format.identity import digest_in_any_order
from tfrecords.format.picture_names import NAMES_FILE
from tfrecords.pictures.source import OneHot, PictureOptions, Source, row_blocks
from tfrecords.writing.journal import Rejected

_SHUFFLE_SEED = 123  # as in the published converter
_PIXELS = 2  # increased when conversion gives other pixels, so that no dataset mixes versions


@dataclass(frozen=True)
class Conversion:
    """Everything that determines the bytes of a dataset."""

    source: Source
    options: PictureOptions  # with defaults filled in
    shuffle: bool  # into a fixed random order
    encoding: str  # `png` or `raw`
    shard_bytes: int  # size at which a new file starts
    fingerprint: str  # of source and options; see `compute_fingerprint`

    def order(self) -> np.ndarray:
        """Returns indices into the source, in the order of the dataset, (num_pictures,) int64."""
        order = np.arange(self.source.num_pictures)
        if self.shuffle:
            np.random.RandomState(_SHUFFLE_SEED).shuffle(order)
        return order

    def key(self) -> dict[str, Any]:
        """Returns values for JSON that are equal if the bytes will be equal."""
        num_pictures, pillow = self.source.num_pictures, PIL.__version__
        return self._details() | {"num_pictures": num_pictures, "pillow": pillow, "pixels": _PIXELS}

    def is_made(self, folder: str) -> bool:
        """Returns whether a local folder has the finished dataset of this conversion."""
        with contextlib.suppress(UserError):
            return self._details().items() <= read_details(folder).items()
        return False

    def all_rejected(self, rejected: Sequence[Rejected]) -> list[tuple[str, str]]:
        """Returns (name, reason) of the source's rejected pictures, followed by these."""
        return [*self.source.rejected, *((name, reason) for _, name, reason in rejected)]

    def write_rest(self, folder: str, files: list[dict], rejected: list[Rejected]) -> None:
        """Writes labels, names, rejected pictures, and `dataset.json` with its `files`."""
        source, order, largest = self.source, self.order(), self.options.largest
        kept = order[~np.isin(order, [index for index, _, _ in rejected])]
        pictures = [os.path.join(folder, f["file"]) for f in files if f["resolution"] == largest]
        resolutions = sorted({one["resolution"] for one in files})
        labels = source.labels
        if isinstance(labels, OneHot):
            labels = OneHot(labels.classes[kept], labels.num_classes)
        elif labels is not None:
            labels = labels[kept].astype(np.float32)
        if labels is not None:
            files = [*files, _write_labels(folder, f"{source.name}-rxx.labels", labels)]
        if source.file_name:
            names = "".join(f"{source.file_name(index)}\n" for index in kept.tolist())
            _write_text(folder, NAMES_FILE, names)
            files = [*files, _describe_file(folder, NAMES_FILE)]
        if listed := self.all_rejected(rejected):
            rows = ({"picture": name, "reason": reason} for name, reason in listed)
            lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            _write_text(folder, REJECTED_NAME, "".join(lines))
        details = {
            **self._details(),
            "name": source.name,
            "num_images": len(kept),
            "num_rejected": len(listed),
            "resolutions": resolutions,
            "num_channels": self.options.num_channels,
            "label_names": list(source.label_names),
            "label_counts": [] if labels is None else _count_classes(labels),
            "source": source.description,
            "content": digest_in_any_order(pictures, labels),
            "files": files,
        }
        if self.options.depth != 8:
            details["depth"] = self.options.depth
        _write_text(folder, JSON_NAME, json.dumps(details, indent=2, ensure_ascii=False) + "\n")

    def _details(self) -> dict[str, Any]:
        settings = {"shuffle": self.shuffle, "shard_bytes": self.shard_bytes}
        return {
            "version": JSON_VERSION,
            "encoding": self.encoding,
            "options": self.options.to_json() | settings,
            "fingerprint": self.fingerprint,
        }


def _count_classes(labels: OneHot | np.ndarray) -> list[int]:
    """Counts the pictures of each class. Empty for labels that are not one-hot."""
    if isinstance(labels, OneHot):
        return labels.counts().tolist()
    one_hot = ((labels == 0) | (labels == 1)).all() and (labels.sum(axis=1) <= 1).all()
    return labels.sum(axis=0, dtype=np.float64).astype(int).tolist() if one_hot else []


def _write_labels(folder: str, name: str, labels: OneHot | np.ndarray) -> dict[str, Any]:
    path = os.path.join(folder, name)
    header = {"descr": "<f4", "fortran_order": False, "shape": labels.shape}
    with whole_file(path) as file:
        np.lib.format.write_array_header_1_0(file, header)  # same as np.save
        for block in row_blocks(labels):
            file.write(block.data)
    return _describe_file(folder, name)


def _describe_file(folder: str, name: str) -> dict[str, Any]:
    path = os.path.join(folder, name)
    with open(path, "rb") as written:
        digest = hashlib.file_digest(written, "sha256").hexdigest()
    return {"file": name, "bytes": os.path.getsize(path), "sha256": digest}


def _write_text(folder: str, name: str, text: str) -> None:
    # File names may have any bytes; those that are not UTF-8 are restored.
    write_file(os.path.join(folder, name), text.encode("utf-8", "surrogateescape"))
