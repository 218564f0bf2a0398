"""Turns whatever `--data=` names into a dataset for training, and caches it."""

import os
import time
from dataclasses import dataclass
from typing import Any

from tfrecords.common import paths
from tfrecords.common.errors import UserError
from tfrecords.common.files import BusyError
from tfrecords.common.shape import PAPER
from tfrecords.common.text import counted, size_in_words
from tfrecords.format.dataset_info import (
    DatasetInfo,
    describe_labels,
    is_dataset_folder,
    read_dataset_info,
)
from tfrecords.format.dataset_json import REJECTED_NAME, read_details
from tfrecords.format.identity import compute_fingerprint
from tfrecords.pictures.defaults import fill_defaults
from tfrecords.pictures.source import NUM_CHANNELS, PictureOptions, Source, label_line
from tfrecords.sources.by_name import open_source
from tfrecords.writing.out_folder import estimate_bytes
from tfrecords.writing.writer import write_dataset

_WAIT_SECONDS = 1.0


@dataclass(frozen=True)
class FoundData:
    """What was found under `--data=`, before any conversion."""

    data: str  # as the user gave it
    info: DatasetInfo  # of TFRecords; for pictures as planned, without files or rejected pictures
    source: Source | None = None  # the pictures; None for TFRecords
    options: PictureOptions = PictureOptions()  # with defaults filled in


def prepare(
    data: str,
    cache_dir: str,
    options: PictureOptions,
    *,
    labels: str | None = None,
    tfds_data_dir: str | None = None,
    encoding: str = "png",
) -> DatasetInfo:
    """Returns the dataset `data`, converted into the cache if it is not one already.

    It calls `find`, then `convert`. Raises UserError as they do.
    """
    found = find(data, options, labels=labels, tfds_data_dir=tfds_data_dir, encoding=encoding)
    return convert(found, cache_dir)


def find(
    data: str,
    options: PictureOptions,
    *,
    labels: str | None = None,
    tfds_data_dir: str | None = None,
    encoding: str = "png",
    labels_note: str | None = None,
) -> FoundData:
    """Finds what `data` names: TFRecords, or any source that `open_source` knows.

    TFRecords are used as they are and must have the requested resolution, channels and labels.
    `labels` are required unless None or `none`. Prints what was chosen; `labels_note` is appended
    to the line about labels, if there are any, and None omits that line. Raises UserError as
    `open_source` does, and for TFRecords that do not match the request.
    """
    data = os.path.expanduser(data)  # shells do not expand --data=~/pictures
    wants_labels = labels not in (None, "none")
    if is_dataset_folder(data):
        if wants_labels and labels != "wanted":
            print(f"{data} holds TFRecords: using their own labels, not --labels={labels}")
        info = read_dataset_info(data)
        _check_fits(info, data, options, wants_labels)
        if labels_note is not None:
            print(f"{describe_labels(info)}{labels_note if info.label_size else ''}", flush=True)
        return FoundData(data, info)
    side = options.side_to_draw
    source = open_source(data, resolution=side, labels=labels, tfds_data_dir=tfds_data_dir)
    if wants_labels and source.labels is None:
        advice = "give --labels=FILE, or omit --conditional"
        raise UserError(f"{data}: expected class labels, found none: {advice}")
    for note in source.notes:
        print(note, flush=True)
    if labels_note is not None:
        note = labels_note if source.labels is not None else ""
        print(f"{label_line(source.labels, source.label_names)}{note}", flush=True)
    options = fill_defaults(source, options)
    planned = DatasetInfo(
        name=source.name,
        num_images=source.num_pictures,
        resolution=options.largest,
        num_channels=options.num_channels,
        files={},
        label_size=0 if source.labels is None else source.labels.shape[1],
        label_names=source.label_names,
        labels_path=None,
        encoding=encoding,
        num_records={},
        base=options.cells,
        depth=options.depth,
        value_range=options.value_range or (0.0, 1.0),
    )
    return FoundData(data, planned, source, options)


def convert(found: FoundData, cache_dir: str) -> DatasetInfo:
    """Returns TFRecords of what was found, converted on first use and cached.

    They are cached in `<cache_dir>/<name>-<resolution>px-<fingerprint>`, in any encoding, until the
    pictures' bytes or the options change. Resumes an interrupted conversion, waits for one in
    another process, and prints what it does. Raises UserError as `write_dataset` does.
    """
    if found.source is None:
        return found.info
    folder = os.path.expanduser(cache_dir)
    return _convert_once(found.source, found.options, found.data, folder, found.info.encoding)


def find_converted(found: FoundData, cache_dir: str) -> DatasetInfo | None:
    """Returns the TFRecords if `convert` would find them in the cache, else None.

    Also returns None if finding out would mean reading many pictures.
    """
    if found.source is None:
        return found.info
    folder = os.path.expanduser(cache_dir)
    fingerprint = compute_fingerprint(found.source, found.options, folder, quickly=True)
    if not fingerprint:
        return None
    cached = _cached_folder(found.source, found.options, folder, fingerprint)
    return read_dataset_info(cached) if _holds(cached, fingerprint) else None


def _cached_folder(
    source: Source, options: PictureOptions, cache_dir: str, fingerprint: str
) -> str:
    size = "" if options.cells == PAPER else f"-{options.cells.text(options.largest)}"
    name = f"{source.name}-{options.resolution}px{size}-{fingerprint[:8]}"
    return paths.join(cache_dir, name)


def _convert_once(
    source: Source, options: PictureOptions, data: str, cache_dir: str, encoding: str
) -> DatasetInfo:
    fingerprint = compute_fingerprint(source, options, cache_dir)
    cached = _cached_folder(source, options, cache_dir, fingerprint)
    if _holds(cached, fingerprint):
        print(f"Using {cached}, converted from {data} before", flush=True)
        return read_dataset_info(cached)
    pictures = counted(source.num_pictures, "picture")
    size = size_in_words(estimate_bytes(source.num_pictures, options, encoding))
    print(f"Converting {pictures} of {data} to {cached}, once, about {size}", flush=True)
    settings: dict[str, Any] = {"encoding": encoding, "fingerprint": fingerprint}
    waiting = False
    while not _holds(cached, fingerprint):
        try:
            info = write_dataset(source, options, cached, **settings)
        except BusyError:
            if not waiting:
                print("Waiting for another process that is converting them", flush=True)
            waiting = True
            time.sleep(_WAIT_SECONDS)
        except UserError:
            # Another process may have finished converting the same pictures first.
            if not _holds(cached, fingerprint):
                raise
        else:
            if info.num_rejected:
                listed = paths.join(cached, REJECTED_NAME)
                total = counted(info.num_images + info.num_rejected, "picture")
                print(f"Skipped {info.num_rejected:,} of {total}, see {listed}", flush=True)
            return info
    return read_dataset_info(cached)


def _check_fits(info: DatasetInfo, data: str, options: PictureOptions, wants_labels: bool) -> None:
    if options.resolution not in (None, *info.files):
        wanted = f"of the resolution {options.resolution}"
        found = f"{', '.join(map(str, info.files))} px: choose one of these"
    elif options.base not in (None, info.base):
        resolution = options.resolution or info.resolution
        wanted = f"of {options.cells.text(resolution)}"
        found = f"{info.base.text(resolution)}: take that, or convert the pictures again"
    elif options.num_channels != info.num_channels and info.num_channels in NUM_CHANNELS.values():
        wanted = f"with {counted(options.num_channels, 'channel')}"
        channels = {number: name for name, number in NUM_CHANNELS.items()}[info.num_channels]
        found = f"{info.num_channels}: give --channels={channels}"
    elif options.depth > info.depth:
        wanted, found = "of 16 bits", "8: omit --depth, or convert the pictures again"
    elif wants_labels and not info.label_size:
        wanted = "with labels"
        found = "none beside them: omit --conditional, or convert the pictures with --labels"
    else:
        return
    raise UserError(f"{data}: expected TFRecords {wanted}, found {found}")


def _holds(folder: str, fingerprint: str) -> bool:
    """Returns whether a cached folder was made from exactly these pictures and options."""
    return read_details(folder).get("fingerprint") == fingerprint
