"""What decides a dataset's bytes, and what is written beside its pictures."""

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
from tfrecords.format.dataset_json import JSON_NAME, JSON_VERSION, REJECTED_NAME, read_details_file
from tfrecords.format.identity import digest_in_any_order
from tfrecords.pictures.source import OneHot, PictureOptions, Source, row_blocks

# The published converter shuffles with this seed; the same gives the same files.
_SHUFFLE_SEED = 123

# Changes when the same picture becomes other pixels: no dataset is half of one, half of another.
_PIXELS = 2


@dataclass(frozen=True)
class Conversion:
    """All that decides the bytes of a dataset."""

    source: Source
    options: PictureOptions  # settled
    shuffle: bool  # into a random order, always the same
    encoding: str  # `png` or `raw`
    shard_bytes: int  # size at which a file is followed by another
    fingerprint: str  # of source and options; see `compute_fingerprint`

    def order(self) -> np.ndarray:
        """Returns the source's indices in the dataset's order, (num_pictures,) int64."""
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
        """True if a local folder holds a finished dataset of this conversion."""
        try:
            details = read_details_file(os.path.join(folder, JSON_NAME))
        except UserError:
            return False
        return all(details.get(name) == value for name, value in self._details().items())

    def write_rest(
        self, folder: str, files: list[dict[str, Any]], rejected: Sequence[tuple[int, str, str]]
    ) -> None:
        """Writes labels, the list of rejected pictures, and `dataset.json` last.

        `files` are the entries of the TFRecords in `dataset.json`; `rejected` are the pictures
        left out while converting: (index in the source, name, reason).
        """
        source = self.source
        order = self.order()
        kept = order[~np.isin(order, [index for index, _, _ in rejected])]
        largest = [
            os.path.join(folder, one["file"])
            for one in files
            if one["resolution"] == self.options.resolution
        ]
        labels: OneHot | np.ndarray | None = None
        if isinstance(source.labels, OneHot):
            labels = OneHot(source.labels.classes[kept], source.labels.num_classes)
        elif source.labels is not None:
            labels = source.labels[kept].astype(np.float32)
        resolutions = sorted({one["resolution"] for one in files})
        if labels is not None:
            files = [*files, _write_labels(folder, f"{source.name}-rxx.labels", labels)]
        lines = [*source.rejected, *((name, reason) for _, name, reason in rejected)]
        if lines:
            listed = [{"picture": name, "reason": reason} for name, reason in lines]
            text = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in listed)
            _write_text(os.path.join(folder, REJECTED_NAME), text)
        details = {
            **self._details(),
            "name": source.name,
            "num_images": len(kept),
            "num_rejected": len(lines),
            "resolutions": resolutions,
            "num_channels": self.options.num_channels,
            "label_names": list(source.label_names),
            "label_counts": [] if labels is None else _count_classes(labels),
            "source": source.description,
            "content": digest_in_any_order(largest, labels),
            "files": files,
        }
        text = json.dumps(details, indent=2, ensure_ascii=False) + "\n"
        _write_text(os.path.join(folder, JSON_NAME), text)

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


def _count_classes(labels: OneHot | np.ndarray) -> list[int]:
    """Counts the pictures of each class; nothing for labels that are not one-hot rows."""
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
    with open(path, "rb") as written:
        digest = hashlib.file_digest(written, "sha256").hexdigest()
    return {"file": name, "bytes": os.path.getsize(path), "sha256": digest}


def _write_text(path: str, text: str) -> None:
    # File names need not be text: bytes that are no UTF-8 come back as they were.
    write_file(path, text.encode("utf-8", "surrogateescape"))
