"""Extracts pictures from a dataset into PNG files, for the command `extract`."""

import contextlib
import io
import re

import numpy as np
import tensorflow as tf

from tfrecords.common.errors import UserError
from tfrecords.common.files import whole_folder
from tfrecords.common.paths import writing
from tfrecords.format.dataset_info import DatasetInfo, read_classes, read_dataset_info
from tfrecords.format.record import is_png
from tfrecords.inspecting.inspection import Pictures, class_names, map_in_threads
from tfrecords.pictures.alpha import straight
from tfrecords.pictures.kinds import encode_picture
from tfrecords.writing.out_folder import check_out_dir, normalize

_UNSAFE = re.compile(r'[\x00-\x1f<>:"/\\|?*]')  # not allowed in names on some file systems


def extract(
    folder: str,
    out_dir: str,
    resolution: int | None = None,
    indices: str | None = None,
    by_class: bool = False,
) -> int:
    """Writes pictures as PNG files named by their numbers, and returns how many.

    Channels that PNG does not have are written as .npy files of their levels.

    By default all are written, at the largest resolution; `indices` such as `0-99,150` selects
    some. With `by_class`, each class gets a subfolder; pictures without a class stay outside.
    `tfrecords.create` makes the same pictures from these files. Raises UserError, and writes
    nothing, if `out_dir` is not empty or dataset, resolution, picture or class do not exist.
    """
    check_out_dir(out_dir)
    info = read_dataset_info(folder)
    out_dir = normalize(out_dir)
    digits = max(6, len(str(info.num_images - 1)))  # names must sort like numbers
    with contextlib.closing(Pictures(info, resolution or info.resolution)) as pictures:
        chosen = parse_indices(indices, info.num_images)
        folders = _class_folders(info) if by_class else [""] * info.num_images
        with writing(out_dir), whole_folder(out_dir) as partial_dir:

            def write(position: int) -> None:
                index = chosen[position]
                ending = "png" if is_png(info.num_channels, info.depth) else "npy"
                path = tf.io.gfile.join(partial_dir, folders[index], f"{index:0{digits}}.{ending}")
                picture, data = pictures.read(index), io.BytesIO()
                if ending == "npy":
                    np.save(data, picture)
                with tf.io.gfile.GFile(path, "wb") as file:
                    file.write(data.getvalue() or encode_picture(straight(picture)))

            for name in {folders[index] for index in chosen}:
                tf.io.gfile.makedirs(tf.io.gfile.join(partial_dir, name))
            list(map_in_threads(write, len(chosen), pictures.shape[0], "extract"))
            check_out_dir(out_dir)  # another process may have made it meanwhile
    return len(chosen)


def parse_indices(text: str | None, count: int) -> list[int]:
    """Parses and sorts numbers below `count` such as `0-99,150`; None is all. Or UserError."""
    if text is None:
        return list(range(count))
    chosen: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if first > last:
            got = repr(part.strip())
            raise UserError(f"indices: expected numbers and ranges such as 0-99,150, got {got}")
        if last >= count:
            raise UserError(f"indices: expected numbers from 0 to {count - 1}, got {last}")
        chosen.update(range(first, last + 1))
    return sorted(chosen)


def _class_folders(info: DatasetInfo) -> list[str]:
    """Returns the folder name for each class."""
    classes = read_classes(info)
    if classes is None:
        found = f"{info.folder} has {'vectors for labels' if info.label_size else 'no labels'}"
        raise UserError(f"by_class: expected a dataset with classes, {found}: omit the flag")
    names, used = [], set()
    for index, label in enumerate(class_names(info)):
        # Not hidden, because `create` skips hidden folders, and not a path.
        name = _UNSAFE.sub("_", label).strip(". ") or f"class_{index}"
        while name.lower() in used:  # some file systems ignore case
            name = f"{name}_{index}"
        used.add(name.lower())
        names.append(name)
    return [names[index] if index >= 0 else "" for index in classes]
