"""What decides a data set's bytes, and what is written beside its pictures."""

from __future__ import annotations

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
from tfrecords.format.content import digest_in_any_order
from tfrecords.format.dataset_json import JSON_NAME, JSON_VERSION, REJECTED_NAME, read_details_file
from tfrecords.pictures.source import OneHot, PictureOptions, Source, row_blocks

# The published converter shuffles with this seed; the same gives the same files.
_SHUFFLE_SEED = 123

# Changes when the same picture becomes other pixels: no data set is half of one, half of another.
_PIXELS = 2

_HASH_BLOCK_BYTES = 2**22


@dataclass(frozen=True)
class Conversion:
    """All that decides the bytes of a data set.

    Attributes:
        source: the pictures.
        options: settled.
        shuffle: whether the pictures come in a random order, always the same.
        encoding: `png` or `raw`.
        shard_bytes: above this a file is followed by another.
        fingerprint: of source and options, see `compute_fingerprint`.
    """

    source: Source
    options: PictureOptions
    shuffle: bool
    encoding: str
    shard_bytes: int
    fingerprint: str

    def order(self) -> np.ndarray:
        """Returns the source's indices in the data set's order, (num_pictures,) int64."""
        order = np.arange(self.source.num_pictures)
        if self.shuffle:
            np.random.RandomState(_SHUFFLE_SEED).shuffle(order)
        return order

    def key(self) -> dict[str, Any]:
        """Returns values for JSON that are equal when the bytes will be."""
        return {
            **self._details(),
            "num_pictures": self.source.num_pictures,
            "pillow": PIL.__version__,
            "pixels": _PIXELS,
        }

    def made(self, folder: str) -> bool:
        """Says whether a finished data set, in a local folder, is of this conversion."""
        try:
            details = read_details_file(os.path.join(folder, JSON_NAME))
        except UserError:
            return False
        return all(details.get(name) == value for name, value in self._details().items())

    def write_rest(
        self,
        folder: str,
        files: list[dict[str, Any]],
        rejected: Sequence[tuple[int, str, str]],
    ) -> None:
        """Writes labels, the list of rejected pictures, and `dataset.json` last.

        Args:
            folder: local; the TFRecords are in it.
            files: what `dataset.json` is to tell of them.
            rejected: while converting: (index in the source, name, reason).
        """
        order = self.order()
        kept = order[~np.isin(order, [index for index, _, _ in rejected])]
        largest = [
            os.path.join(folder, one["file"])
            for one in files
            if one["resolution"] == self.options.resolution
        ]
        counts: list[int] = []
        labels = None if self.source.labels is None else _rows_of(self.source.labels, kept)
        if labels is not None:
            counts = _count_classes(labels)
            files = [*files, _write_labels(folder, f"{self.source.name}-rxx.labels", labels)]
        lines = [*self.source.rejected, *((name, reason) for _, name, reason in rejected)]
        if lines:
            text = "".join(
                json.dumps({"picture": name, "reason": reason}, ensure_ascii=False) + "\n"
                for name, reason in lines
            )
            _write_file(os.path.join(folder, REJECTED_NAME), text)
        details = {
            **self._details(),
            "name": self.source.name,
            "num_images": len(kept),
            "num_rejected": len(lines),
            "resolutions": sorted({one["resolution"] for one in files if "resolution" in one}),
            "num_channels": self.options.num_channels,
            "label_names": list(self.source.label_names),
            "label_counts": counts,
            "source": self.source.description,
            "content": digest_in_any_order(largest, labels),
            "files": files,
        }
        text = json.dumps(details, indent=2, ensure_ascii=False) + "\n"
        _write_file(os.path.join(folder, JSON_NAME), text)

    def _details(self) -> dict[str, Any]:
        return {
            "version": JSON_VERSION,
            "encoding": self.encoding,
            "options": {
                **self.options.to_json(),
                "shuffle": self.shuffle,
                "shard_bytes": self.shard_bytes,
            },
            "fingerprint": self.fingerprint,
        }


def _rows_of(labels: OneHot | np.ndarray, kept: np.ndarray) -> OneHot | np.ndarray:
    if isinstance(labels, OneHot):
        return OneHot(labels.classes[kept], labels.num_classes)
    return labels[kept].astype(np.float32)


def _count_classes(labels: OneHot | np.ndarray) -> list[int]:
    """Counts the pictures of each class; nothing for labels that are no one-hot rows."""
    if isinstance(labels, OneHot):
        return labels.counts().tolist()
    one_hot = ((labels == 0) | (labels == 1)).all() and (labels.sum(axis=1) <= 1).all()
    return labels.sum(axis=0, dtype=np.float64).astype(int).tolist() if one_hot else []


def _write_labels(folder: str, name: str, labels: OneHot | np.ndarray) -> dict[str, Any]:
    path = os.path.join(folder, name)
    header = {"descr": "<f4", "fortran_order": False, "shape": labels.shape}
    with whole_file(path) as file:
        np.lib.format.write_array_header_1_0(file, header)  # as np.save writes it
        for block in row_blocks(labels):
            file.write(block.data)
    digest = hashlib.sha256()
    with open(path, "rb") as written:
        while part := written.read(_HASH_BLOCK_BYTES):
            digest.update(part)
    return {"file": name, "bytes": os.path.getsize(path), "sha256": digest.hexdigest()}


def _write_file(path: str, text: str) -> None:
    # File names need not be text: what is none comes back as it was.
    write_file(path, text.encode("utf-8", "surrogateescape"))
