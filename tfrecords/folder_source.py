"""A folder of picture files as a source."""

import os

import numpy as np
import tensorflow as tf

from tfrecords.errors import UserError
from tfrecords.images import read_picture, smaller_side
from tfrecords.source import (
    PictureOptions,
    Source,
    choose_resolution,
    compute_fingerprint,
    settle_options,
)

EXTENSIONS = (".png", ".jpg", ".jpeg", ".webp", ".bmp")

_SAMPLED_PICTURES = 1000
_HEADER_BYTES = 2**18  # most pictures tell their size within these


def open_folder(folder: str, options: PictureOptions, expected: str = "a folder") -> Source:
    """Finds the pictures in a folder and its sub-folders, in order of their paths.

    Hidden files and folders and files with other endings are left out.

    Args:
        folder: local or remote (`gs://…`).
        options: see `PictureOptions`; with `labels`, the first sub-folders are classes.
        expected: what the error about a missing folder says could have been given.

    Raises:
        UserError: there is no such folder, or no picture in it, or with `labels` not
            every picture lies in one of several sub-folders.
    """
    if not tf.io.gfile.isdir(folder):
        raise UserError(f"source: expected {expected}, got {folder!r}: no such folder")
    paths = list_pictures(folder)
    if not paths:
        endings = " ".join(EXTENSIONS)
        raise UserError(f"{folder}: expected pictures ({endings}), found none in it")
    resolution = options.resolution or choose_resolution(_sample_sides(folder, paths))
    allow_upscaling = options.allow_upscaling
    if allow_upscaling is None:
        allow_upscaling = options.resolution is None
    label_names = _class_folders(folder, paths) if options.labels else ()
    settled = settle_options(options, resolution, allow_upscaling, labels=bool(label_names))
    stats = [tf.io.gfile.stat(_join(folder, path)) for path in paths]
    seen = [[path, stat.length, stat.mtime_nsec] for path, stat in zip(paths, stats, strict=True)]

    def read(index: int) -> np.ndarray:
        path = _join(folder, paths[index])
        return read_picture(
            _read_bytes(path),
            resolution,
            options.num_channels,
            options.background,
            allow_upscaling,
            name=path,
        )

    def read_label_indices() -> np.ndarray:
        indices = {name: index for index, name in enumerate(label_names)}
        return np.array([indices[path.split("/")[0]] for path in paths])

    return Source(
        name=_base_name(folder),
        description=folder,
        num_pictures=len(paths),
        resolution=resolution,
        num_channels=options.num_channels,
        read=read,
        fingerprint=compute_fingerprint("folder", seen, settled),
        options=settled,
        read_label_indices=read_label_indices if label_names else None,
        label_names=label_names,
    )


def list_pictures(folder: str) -> list[str]:
    """Lists a folder's pictures: paths relative to it, with slashes, sorted."""
    root = folder.rstrip("/")
    paths = []
    for directory, _, files in tf.io.gfile.walk(root):
        relative = directory[len(root) :].strip("/")
        parts = relative.split("/") if relative else []
        if any(part.startswith(".") for part in parts):
            continue
        paths += [
            "/".join([*parts, file])
            for file in files
            if file.lower().endswith(EXTENSIONS) and not file.startswith(".")
        ]
    return sorted(paths)


def _sample_sides(folder: str, paths: list[str]) -> list[int]:
    """Returns the smaller sides, in pixels, of up to 1000 pictures spread over all."""
    step = -(-len(paths) // _SAMPLED_PICTURES)
    return [_smaller_side(_join(folder, path)) for path in paths[::step]]


def _smaller_side(path: str) -> int:
    try:
        return smaller_side(_read_bytes(path, _HEADER_BYTES), name=path)
    except UserError:  # some formats need the whole file, or hold large metadata first
        return smaller_side(_read_bytes(path), name=path)


def _class_folders(folder: str, paths: list[str]) -> tuple[str, ...]:
    loose = [path for path in paths if "/" not in path]
    if loose:
        raise UserError(
            f"{folder}: labels need every picture in a sub-folder named after its class, "
            f"{loose[0]} is in none: move it or turn labels off"
        )
    names = tuple(sorted({path.split("/")[0] for path in paths}))
    if len(names) < 2:
        raise UserError(
            f"{folder}: labels need two sub-folders or more, named after the classes, "
            f"got {names[0]} only: turn labels off"
        )
    return names


def _read_bytes(path: str, limit: int = -1) -> bytes:
    try:
        with tf.io.gfile.GFile(path, "rb") as file:
            return file.read(limit)
    except tf.errors.OpError as error:
        raise UserError(f"{path}: cannot be read: {error.message}") from error


def _join(folder: str, path: str) -> str:
    return f"{folder.rstrip('/')}/{path}"


def _base_name(folder: str) -> str:
    path = folder if "://" in folder else os.path.abspath(folder)  # so that "." has a name
    return path.rstrip("/").split("/")[-1] or "pictures"
