"""Describes data before it is converted. Writes nothing."""

import contextlib
import os
import shutil
import time
from collections.abc import Sequence

from tfrecords.cache import FoundData, find_converted
from tfrecords.common import paths
from tfrecords.common.errors import UserError
from tfrecords.common.paths import is_remote
from tfrecords.common.text import counted, size_in_words
from tfrecords.pictures.images import prepare_picture
from tfrecords.pictures.source import PictureOptions, Source, label_line
from tfrecords.sources.by_name import kind_in_words, open_source
from tfrecords.writing.out_folder import check_free_disk, estimate_bytes
from tfrecords.writing.writer import none_suits

_MOST_TRIED, _MOST_SECONDS = 16, 2.0
_MOST_LISTED_TWICE = 100_000  # pictures: in a second or so


def describe_data(found: FoundData, cache_dir: str) -> list[str]:
    """Returns lines that describe what was found and what converting it will take.

    Raises UserError where the conversion would: the disk is too full, or no picture is usable.
    """
    info, source = found.info, found.source
    pictures = counted(info.num_images, "picture")
    if source is None:
        sizes = f"{min(info.files)} to {max(info.files)} px{info.base.beside(info.resolution)}"
        return [f"Data: {found.data}: {pictures} as TFRecords, {sizes}; nothing to convert"]
    sides: Sequence[int] = ()
    if source.sample_sizes:
        with contextlib.suppress(UserError):  # if none can be read, reported below
            sides = [min(size) for size in source.sample_sizes()]
    smallest = f", the smallest with {min(sides)} px" if len(sides) else ""
    if 1 < len(sides) < info.num_images:
        smallest += f" (of {len(sides):,} looked at)"
    lines = [f"Data: {found.data}, {kind_in_words(found.data)}: {pictures}{smallest}"]
    if classes := _possible_classes(found.data, source):
        lines.append(f"With --conditional: {classes}")
    if made := find_converted(found, cache_dir):
        return [*lines, f"Conversion: was done before, in {made.folder}"]
    folder = os.path.expanduser(cache_dir)
    size = estimate_bytes(source.num_pictures, found.options, info.encoding)
    room = ""
    if not is_remote(folder):
        out_dir = os.path.abspath(paths.join(folder, f"{source.name}-{info.resolution}px"))
        check_free_disk(size, out_dir, f"{out_dir}.partial")
        room = f" ({size_in_words(_free_bytes(out_dir))} are free)"
    shape = f"{info.resolution} px{info.base.beside(info.resolution)}"
    once = f"once, before training, to {shape} in {cache_dir}"
    lines.append(f"Conversion: {once}, about {size_in_words(size)}{room}")
    tried, rejected = try_pictures(source, found.options)
    if len(rejected) == source.num_pictures:
        raise none_suits(source, [*source.rejected, *rejected])
    rejected = [*source.rejected, *rejected]
    if rejected:
        name, reason = rejected[0]
        count = f"{len(rejected):,} known already ({counted(tried, 'picture')} tried)"
        lines.append(f"Skipped will be: {count}, such as {name}: {reason}")
    return lines


def try_pictures(source: Source, options: PictureOptions) -> tuple[int, list[tuple[str, str]]]:
    """Converts a few pictures in memory. Returns how many, and (name, reason) of rejected ones."""
    if not source.opens_fast:
        return 0, []
    read, tried, rejected, start = source.open(), 0, [], time.monotonic()
    for index in range(0, source.num_pictures, -(-source.num_pictures // _MOST_TRIED) or 1):
        name = source.picture_name(index)
        try:
            prepare_picture(read(index), options, name)
        except UserError as error:
            rejected.append((name, str(error).removeprefix(f"{name}: ")))
        tried += 1
        if time.monotonic() - start > _MOST_SECONDS:
            break
    return tried, rejected


def _possible_classes(data: str, source: Source) -> str:
    """Returns a line about subfolders that could be classes, or "" if there are none."""
    if source.labels is not None or not os.path.isdir(data):
        return ""
    if source.num_pictures > _MOST_LISTED_TWICE:
        return ""
    with contextlib.suppress(UserError):  # they are not classes
        labeled = open_source(data, labels="wanted")
        if labeled.labels is not None:
            return label_line(labeled.labels, labeled.label_names)
    return ""


def _free_bytes(folder: str) -> int:
    while not os.path.exists(folder):
        folder = os.path.dirname(folder)
    return shutil.disk_usage(folder).free
