"""Pictures of seeds or latents as files: one for each, or a sheet."""

import io
import posixpath
from collections.abc import Iterator

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from pgan_tf.exporting.picture_mark import to_texts, to_xmp
from pgan_tf.generating.interpolation import cycled
from pgan_tf.generating.latents_file import Chosen, file_names_of, latents_of
from pgan_tf.generating.marks import Mark
from pgan_tf.generating.sampler import BATCH_SIZE, Sampler
from pgan_tf.networks.sampling import one_hot_labels
from pgan_tf.runs import sheets
from tfrecords.common.errors import UserError
from tfrecords.common.files import check_file_place, write_file
from tfrecords.common.paths import writing
from tfrecords.pictures.kinds import encode_picture, is_file_name


def draw_chosen(
    sampler: Sampler, chosen: Chosen, classes: list[int], depth: int = 8
) -> Iterator[np.ndarray]:
    """Yields pictures, which cycle through classes, `(height, width, channels)` uint8 or uint16."""
    turns = cycled(classes, len(chosen))
    for start in range(0, len(chosen), BATCH_SIZE):
        batch = slice(start, start + BATCH_SIZE)
        latents = latents_of(chosen[batch], sampler.latent_size)
        labels = one_hot_labels(turns[batch], sampler.label_size)
        yield from sampler.draw(latents, labels, depth)


def write_numbers(sampler: Sampler, chosen: Chosen, classes: list[int], path: str) -> str:
    """Writes `(n, side, side, channels)` float32 beside a sheet, or into a folder.

    They are in the range of the data. Returns the path, which ends in `.npy`.
    """
    name = "numbers" if path.endswith("/") or not is_file_name(path) else ""
    path = posixpath.join(path, f"{name}.npy") if name else f"{posixpath.splitext(path)[0]}.npy"
    labels = one_hot_labels(cycled(classes, len(chosen)), sampler.label_size)
    file = io.BytesIO()
    np.save(file, np.stack([*sampler.numbers(latents_of(chosen, sampler.latent_size), labels)]))
    with writing(f"--output={path}"):
        write_file(path, file.getvalue())
    return path


def classes_of(sampler: Sampler, count: int, classes: list[int]) -> list[str]:
    """Returns the names of `count` pictures' classes, [] without; see `sheets.class_names`."""
    labels = one_hot_labels(cycled(classes, count), sampler.label_size)
    return sheets.class_names(labels, sampler.label_names)


def write_pictures(
    sampler: Sampler,
    chosen: Chosen,
    classes: list[int],
    folder: str,
    scale: int = 1,
    mark: Mark | None = None,
) -> None:
    """Writes files such as `seed-000007.png`, enlarged by `scale`. UserError if that fails."""
    make_folder_of(posixpath.join(folder, ""))
    drawn = draw_chosen(sampler, chosen, classes, sampler.depth)
    pictures = tqdm(drawn, "Drawing", len(chosen), disable=None)
    turns, names = cycled(classes, len(chosen)), sampler.label_names
    for index, (name, picture) in enumerate(zip(file_names_of(chosen), pictures, strict=True)):
        if mark:
            start = index - index % BATCH_SIZE
            batch = {"batch": min(BATCH_SIZE, len(chosen) - start), "place": index - start}
            one = chosen[index : index + 1]
            mark = mark.of(one, [turns[index]], names, scale=scale, **batch)
        path = posixpath.join(folder, f"{name}.png")
        write_picture(path, picture.repeat(scale, axis=0).repeat(scale, axis=1), mark)


def write_grid(
    sampler: Sampler,
    chosen: Chosen,
    classes: list[int],
    columns: int,
    path: str,
    scale: int = 1,
    captions: bool = False,
    mark: Mark | None = None,
) -> None:
    """Writes one PNG, JPEG or WebP sheet of pictures, row by row, with their classes' names."""
    make_folder_of(path)
    depth = sampler.depth if len(chosen) == 1 and not captions else 8  # a sheet is to be looked at
    pictures = draw_chosen(sampler, chosen, classes, depth)
    drawn = tqdm(pictures, "Drawing", len(chosen), disable=None)
    names = classes_of(sampler, len(chosen), classes) if captions else []
    height = sampler.size[1] * scale
    if mark:
        about = {"columns": columns, "scale": scale, "captions": captions}
        mark = mark.of(chosen, classes, sampler.label_names, **about)
    write_picture(path, sheets.make_sheet(np.stack(list(drawn)), columns, height, names), mark)


def write_picture(path: str, picture: np.ndarray, mark: Mark | None = None) -> None:
    """Writes `(height, width, channels)` uint8, or gray uint16, by the path's ending, whole.

    Raises UserError if that fails.
    """
    about = (to_xmp(mark.said()), to_texts(mark.said())) if mark else ()
    data = encode_picture(picture, path, *about)
    with writing(f"--output={path}"):
        write_file(path, data)


def check_folder_name(path: str) -> None:
    """Raises UserError if a folder's name looks like a file's, unless the folder exists."""
    if is_file_name(path) and not tf.io.gfile.isdir(path):
        raise UserError(
            f"--output: expected a folder for a file of each seed, got {path!r}: give --grid=8x4 "
            f"for one sheet, one seed for one picture, or {path + '/'!r} for a folder of that name"
        )


def make_folder_of(path: str) -> None:
    """Makes the folder of a file, or `FOLDER/`, before the work; UserError if it can't be made."""
    with writing(f"--output={path}"):
        if posixpath.dirname(path):
            tf.io.gfile.makedirs(posixpath.dirname(path))
    if posixpath.basename(path):
        check_file_place(path, "--output")
