"""Draws the pictures, sheets and videos of generate.py."""

import tfrecords.common.tensorflow_setup  # noqa: F401, I001  (first: it sets TensorFlow up)

import dataclasses
import posixpath
from collections.abc import Iterator

import numpy as np

from pgan_tf.commands import generate as given
from pgan_tf.commands import trained_flags as source
from pgan_tf.generating import interpolation, neighbors, neighbors_sheet, parsing, pictures
from pgan_tf.generating.sampler import Sampler, make_sampler, open_export
from pgan_tf.generating.video import (
    check_format,
    default_fps,
    draw_training,
    training_size,
    write_video,
)
from pgan_tf.metrics.inception import open_inception
from pgan_tf.runs.data import RunData, find_data, read_run_data
from pgan_tf.runs.folder import read_config
from pgan_tf.runs.log import read_metrics
from pgan_tf.runs.sheets import enlargement, list_sheets
from tfrecords.common.command_line import not_with, only_with
from tfrecords.common.errors import UserError
from tfrecords.common.text import counted
from tfrecords.format.dataset_info import DatasetInfo
from tfrecords.format.picture_names import read_picture_names
from tfrecords.pictures.kinds import FORMATS, check_picture_name
from tfrecords.pictures.source import PictureOptions


def draw() -> None:
    """Draws a file for each seed, a grid or a video, as the flags say."""
    check_flags()
    grid = given.GRID.value or ((1, 8) if given.NEIGHBORS.value else (1, 1))
    seeds = given.SEEDS.value or [
        *range(1 if given.GRID.value else 8 if given.VIDEO.value == "slerp" else 32)
    ]
    path = check_output(len(seeds))
    if given.VIDEO.value == "training":
        write_training(path)
        return
    sampler = open_sampler()
    classes = parsing.parse_classes(
        given.LABELS.value or "", sampler.label_size, sampler.label_names
    )
    if given.TRUNCATION.value != 1:
        sampler = interpolation.truncated(
            sampler, given.TRUNCATION.value, given.TRUNCATION_SEED.value
        )
    if given.NEIGHBORS.value or given.VIDEO.value:
        write = write_neighbors if given.NEIGHBORS.value else write_walk
        write(sampler, seeds, classes, grid, path)
        return
    columns, rows = grid
    is_sheet = given.GRID.value is not None  # a single picture is not enlarged
    usual = enlargement(columns, rows, sampler.resolution) if is_sheet else 1
    scale = given.SCALE.value or usual
    check_size(sampler, columns, rows, scale)
    if is_picture(path):
        seeds = parsing.seeds_of_sheet(seeds, columns * rows)
        captions = is_sheet and given.CAPTIONS.value
        pictures.write_grid(sampler, seeds, classes, columns, path, scale, captions)
    else:
        pictures.write_pictures(sampler, seeds, classes, path, scale)
    print(f"Wrote {path}: {counted(len(seeds), 'picture')} of {sampler.resolution} px")


def check_flags() -> None:
    """Raises UserError for a flag that would do nothing with the others."""
    not_with(["neighbors"], given.VIDEO)
    only_with(["fps", "seconds"], given.VIDEO)
    only_with(["smoothing"], given.VIDEO, "walk")
    only_with(["data", "data_cache", "inception"], given.NEIGHBORS)
    if given.TRUNCATION_SEED.value and given.TRUNCATION.value == 1:
        raise UserError("--truncation_seed: expected --truncation below 1 with it, got 1")
    if given.VIDEO.value == "training":
        not_with(
            ["seeds", "labels", "truncation", "truncation_seed", "grid", "network"], given.VIDEO
        )
    if given.VIDEO.value == "walk" and len(given.SEEDS.value or [0]) > 1:
        raise UserError("--seeds: expected one with --video=walk, got several: which is the first?")


def check_output(num_seeds: int) -> str:
    """Returns the path to write to. Raises UserError if its name does not suit the output."""
    if given.VIDEO.value:
        path = given.OUTPUT.value or f"{given.VIDEO.value}.mp4"
        check_format(path, frame_rate(path))
    elif given.NEIGHBORS.value or given.GRID.value:
        path = given.OUTPUT.value or ("neighbors.png" if given.NEIGHBORS.value else "grid.png")
        check_picture_name(path, "--output")
    else:
        path = given.OUTPUT.value or "pictures"
        if num_seeds > 1 or not is_picture(path):
            pictures.check_folder_name(path)
    return path


def frame_rate(path: str) -> float:
    """Returns --fps, or the default of the video's format."""
    fps: float = given.FPS.value or default_fps(path)
    return fps


def is_picture(path: str) -> bool:
    """Returns whether a path names a picture rather than a folder."""
    return posixpath.splitext(path)[1].lower() in FORMATS


def check_size(sampler: Sampler, columns: int, rows: int, scale: int) -> None:
    """Raises UserError if a sheet of so many pictures, enlarged by `scale`, is too large."""
    side = sampler.resolution * scale
    parsing.check_pixels(columns * side, rows * side)


def open_sampler() -> Sampler:
    """Opens the generator that was named. Raises UserError if it can't be read."""
    source.check_source(given.SAVED_MODEL)
    if not given.SAVED_MODEL.value:
        return make_sampler(source.read_trained())
    if source.NETWORK.value != "average_generator":
        raise UserError("--network: expected --run_dir or --checkpoint: an export has one network")
    return open_export(given.SAVED_MODEL.value)


def write_training(path: str) -> None:
    """Writes a video of a run's sheets of samples."""
    source.check_source(given.SAVED_MODEL)
    if not source.RUN_DIR.value:
        raise UserError("--video=training: expected --run_dir alone, whose samples it shows")
    sheets, metrics = list_sheets(source.RUN_DIR.value), read_metrics(source.RUN_DIR.value)
    num_frames = max(2, round((given.SECONDS.value or 10.0) * frame_rate(path)))
    parsing.check_video(*training_size(sheets, given.SCALE.value), num_frames)
    frames = draw_training(sheets, metrics, num_frames, given.SCALE.value)
    write_frames(path, frames, num_frames, f"{len(sheets)} sheets")


def write_walk(
    sampler: Sampler, seeds: list[int], classes: list[int], grid: tuple[int, int], path: str
) -> None:
    """Writes a video of a walk through the space of latents."""
    columns, rows = grid
    scale = given.SCALE.value or max(1, 256 // (rows * sampler.resolution))
    width, height = columns * sampler.resolution * scale, rows * sampler.resolution * scale
    seconds = given.SECONDS.value or (len(seeds) if given.VIDEO.value == "slerp" else 10.0)
    num_frames = max(2, round(seconds * frame_rate(path)))
    parsing.check_video(width, height, num_frames)
    if given.VIDEO.value == "slerp":
        if len(set(seeds)) < 2:
            raise UserError(f"--seeds: expected at least two for a slerp, got {seeds}")
        walk = interpolation.walk_between(sampler, seeds, classes, columns * rows)
    else:
        keyframes = interpolation.num_keyframes(seconds, given.SMOOTHING.value)
        walk = interpolation.random_walk(sampler, seeds[0], classes, columns * rows, keyframes)
    frames = interpolation.draw_walk(sampler, walk, num_frames, columns, scale)
    write_frames(path, frames, num_frames, f"{width} x {height} px")


def write_frames(path: str, frames: Iterator[np.ndarray], num_frames: int, about: str) -> None:
    """Writes a video and prints its path."""
    fps = frame_rate(path)
    write_video(path, frames, num_frames, fps)
    print(f"Wrote {path}: {num_frames} frames, {num_frames / fps:g} s, {about}")


def find_training_pictures(sampler: Sampler) -> tuple[DatasetInfo, bool]:
    """Returns the training data, and whether it is mirrored. UserError if unknown or changed."""
    run_dir = source.RUN_DIR.value or ""
    if source.CHECKPOINT.value:
        run_dir = posixpath.dirname(posixpath.dirname(source.CHECKPOINT.value)) or "."
    config, wanted = (read_config(run_dir), read_run_data(run_dir)) if run_dir else (None, None)
    if wanted is None:
        wanted = RunData("", "datasets", PictureOptions(sampler.resolution, sampler.num_channels))
    if chosen := bool(given.DATA.value):
        wanted = dataclasses.replace(wanted, data=given.DATA.value, looked_for=())
    wanted = dataclasses.replace(wanted, data_cache=given.DATA_CACHE.value or wanted.data_cache)
    label_size = config.network.label_size if config else 0
    info = find_data(wanted, sampler.num_channels, label_size, config, chosen=chosen)
    return info, config is not None and config.mirror_augment


def write_neighbors(
    sampler: Sampler, seeds: list[int], classes: list[int], grid: tuple[int, int], path: str
) -> None:
    """Writes a sheet of samples next to their nearest training pictures, and prints a table."""
    columns, rows = grid
    seeds = parsing.seeds_of_sheet(seeds, columns * rows)
    count, num_measures = given.NEIGHBORS.value, 2 if given.INCEPTION.value else 1
    all_columns = columns * (1 + count * num_measures)
    scale = given.SCALE.value or neighbors_sheet.enlargement(all_columns, rows, sampler.resolution)
    check_size(sampler, all_columns, rows, scale)
    info, mirrored = find_training_pictures(sampler)
    names = read_picture_names(info)
    views: dict[str, neighbors.View] = {"in pixels (root mean square, of 255)": neighbors.in_pixels}
    if given.INCEPTION.value:
        see = open_inception(given.INCEPTION.value, "")
        views["in Inception's features (root mean square)"] = lambda images: see(images).features
    samples = np.stack(list(pictures.draw_seeds(sampler, seeds, classes)))
    found = neighbors.find_neighbors(samples, info, count, mirrored, views)
    pictures.make_folder_of(path)
    captions = None
    if given.CAPTIONS.value:
        sampled = pictures.classes_of(sampler, seeds, classes)
        captions = neighbors_sheet.Captions(seeds, sampled, names)
    sheet = neighbors_sheet.make_sheet(samples, found, columns, scale, captions)
    pictures.write_picture(path, sheet)
    print(neighbors.describe(seeds, found, names))
    seen = counted(info.num_images, "picture") + " and their mirror images" * mirrored
    samples_of = f"{counted(len(seeds), 'sample')} of {sampler.resolution} px"
    print(f"Wrote {path}: {samples_of}, each next to the nearest of {seen}")
