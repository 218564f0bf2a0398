"""Draws the pictures, sheets and videos of generate.py."""

import tfrecords.common.tensorflow_setup  # noqa: F401, I001  (first: it sets TensorFlow up)

import dataclasses
import posixpath

import numpy as np

from pgan_tf.commands import generate as given
from pgan_tf.commands import trained_flags as source
from pgan_tf.commands.draw_video import frame_rate, write_training, write_walk
from pgan_tf.commands.project import project
from pgan_tf.commands.redraw import redrawn
from pgan_tf.generating import (
    directions,
    directions_sheet,
    interpolation,
    latents_file,
    neighbors,
    neighbors_sheet,
    parsing,
    pictures,
)
from pgan_tf.generating.directions import Changes
from pgan_tf.generating.interpolation import Change
from pgan_tf.generating.latents_file import Chosen, latents_of, names_of
from pgan_tf.generating.marks import Mark, read_mark
from pgan_tf.generating.sampler import Sampler, make_sampler, open_export
from pgan_tf.generating.video import check_format
from pgan_tf.metrics.inception import open_inception
from pgan_tf.runs.data import RunData, find_data, read_run_data
from pgan_tf.runs.folder import read_config
from pgan_tf.runs.sheets import enlargement
from tfrecords.common.command_line import not_with, only_with
from tfrecords.common.errors import UserError
from tfrecords.common.text import counted
from tfrecords.format.dataset_info import DatasetInfo
from tfrecords.format.picture_names import read_picture_names
from tfrecords.pictures.kinds import FORMATS, check_picture_name
from tfrecords.pictures.source import PictureOptions


_NOT_OF_A_PROJECTION = (
    *("seeds", "latents", "save_latents", "grid", "neighbors", "direction", "directions"),
    *("captions", "mark", "smoothing"),
)


def draw() -> None:
    """Draws a file for each seed, a grid or a video, as the flags say."""
    if given.REDRAW.value:
        redraw()
        return
    check_flags()
    path = check_output()
    if given.VIDEO.value == "training":
        write_training(path)
        return
    sampler = open_sampler()
    classes = parsing.parse_classes(
        given.LABELS.value or "", sampler.label_size, sampler.label_names
    )
    if given.PROJECT.value:
        project(sampler, classes, path)
        return
    chosen, changes = choose(sampler.latent_size), read_changes()
    change = directions.make_change(sampler, changes)
    if given.DIRECTIONS.value:
        write_directions(sampler, change, chosen, classes, path)
        return
    mark = make_mark(sampler, changes) if given.MARK.value else None
    columns, rows = given.GRID.value or ((1, 8) if given.NEIGHBORS.value else (1, 1))
    if given.VIDEO.value:
        write_walk(sampler, chosen, classes, (columns, rows), path, change, mark)
        return
    if len(chosen) > 1 and not (given.GRID.value or given.NEIGHBORS.value):
        pictures.check_folder_name(path)
    if is_picture(path):
        chosen = parsing.chosen_for_sheet(chosen, columns * rows)
    drawn = interpolation.changed(sampler, change)
    if given.NEIGHBORS.value:
        write_neighbors(drawn, chosen, classes, (columns, rows), path)
    else:
        write_pictures(drawn, chosen, classes, (columns, rows), path, mark)
    if given.SAVE_LATENTS.value:
        latents = change(latents_of(chosen, sampler.latent_size))
        latents_file.write_latents(given.SAVE_LATENTS.value, latents)


def choose(latent_size: int) -> Chosen:
    """Returns the seeds, or reads the latents, to draw. Raises UserError if they are unfit."""
    if given.LATENTS.value:
        return latents_file.read_latents(given.LATENTS.value, latent_size)
    usual = 1 if given.GRID.value else 8 if given.VIDEO.value == "slerp" else 32
    return given.SEEDS.value or [*range(usual)]


def read_changes() -> Changes:
    """Returns what the flags do to latents before they are drawn."""
    truncated = given.TRUNCATION.value, given.TRUNCATION_SEED.value
    if not given.DIRECTION.value:
        return Changes(*truncated)
    strengths = given.STRENGTH.value or [2.0]
    return Changes(*truncated, parsing.with_strengths(given.DIRECTION.value, strengths))


def write_directions(
    sampler: Sampler, change: Change, chosen: Chosen, classes: list[int], folder: str
) -> None:
    """Writes directions and a sheet of each kind, for the first two pictures unless told more."""
    few = chosen if given.SEEDS.value or given.LATENTS.value else chosen[:2]
    columns, rows = given.GRID.value or (7, 10)
    usual = max(1, 1024 // (columns * len(few) * sampler.size[0]))
    scale = given.SCALE.value or usual
    check_size(sampler, columns * len(few), rows, scale)
    strength = given.STRENGTH.value[0] if given.STRENGTH.value else 3.0
    kinds = [*sampler.directions] or [*parsing.KINDS]
    found = {kind: directions.find_directions(sampler, kind) for kind in kinds}
    latents = change(latents_of(few, sampler.latent_size))
    directions_sheet.write_directions(
        found, sampler, names_of(few), latents, classes, folder, (columns, rows), strength, scale
    )
    count = len(found[kinds[0]].vectors)
    sheets = " and ".join(f"{kind}.png" for kind in kinds)
    print(f"Wrote {folder}: directions.npz ({counted(count, 'direction')} a kind), {sheets}")


def make_mark(sampler: Sampler, changes: Changes) -> Mark:
    """Returns what the pictures' files say of all of them."""
    known = sampler.checksum(), sampler.weights, sampler.kimg
    return Mark(*known, has_classes=sampler.label_size > 0, changes=changes)


def write_pictures(
    sampler: Sampler,
    chosen: Chosen,
    classes: list[int],
    grid: tuple[int, int],
    path: str,
    mark: Mark | None,
) -> None:
    """Writes a sheet, or a file for each picture."""
    columns, rows = grid
    is_sheet = given.GRID.value is not None  # a single picture is not enlarged
    usual = enlargement(columns, rows, sampler.size) if is_sheet else 1
    scale = given.SCALE.value or usual
    check_size(sampler, columns, rows, scale)
    if is_picture(path):
        captions = is_sheet and given.CAPTIONS.value
        pictures.write_grid(sampler, chosen, classes, columns, path, scale, captions, mark)
    else:
        pictures.write_pictures(sampler, chosen, classes, path, scale, mark)
    print(f"Wrote {path}: {counted(len(chosen), 'picture')} of {sampler.pixels}")
    if sampler.value_range:
        low, high = sampler.value_range
        written = pictures.write_numbers(sampler, chosen, classes, path)
        print(f"Wrote {written}: {sampler.num_channels} channels, from {low:g} to {high:g}")


def check_flags() -> None:
    """Raises UserError for a flag that would do nothing with the others."""
    not_with(["neighbors"], given.VIDEO)
    not_with([*_NOT_OF_A_PROJECTION, "truncation"], given.PROJECT)
    if (given.VIDEO.value == "projection") != bool(given.PROJECT.value and given.VIDEO.value):
        raise UserError("--video: expected projection with --project, and nowhere else")
    not_with(["seeds", "smoothing"], given.LATENTS)
    not_with(["video", "neighbors", "direction", "save_latents"], given.DIRECTIONS)
    if not given.DIRECTIONS.value:
        only_with(["strength"], given.DIRECTION)
    elif len(given.STRENGTH.value or [0]) > 1:
        raise UserError("--strength: expected one, the largest on a sheet, with --directions")
    only_with(["fps", "seconds"], given.VIDEO)
    only_with(["smoothing"], given.VIDEO, "walk")
    only_with(["data", "data_cache", "inception"], given.NEIGHBORS)
    if given.TRUNCATION_SEED.value and given.TRUNCATION.value == 1:
        raise UserError("--truncation_seed: expected --truncation below 1 with it, got 1")
    if given.VIDEO.value == "training":
        unused = ("seeds", "latents", "save_latents", "labels", "truncation", "truncation_seed")
        not_with(["direction"], given.VIDEO)
        not_with([*unused, "grid", "network"], given.VIDEO)
    if given.VIDEO.value == "walk" and len(given.SEEDS.value or [0]) > 1:
        raise UserError("--seeds: expected one with --video=walk, got several: which is the first?")


def redraw() -> None:
    """Draws a marked picture again. Raises UserError if it has no mark, or another generator's."""
    used = {"redraw", "latents", "output"}
    for names in given.HELP.groups.values():
        not_with([name for name in names if name not in {*used, *given.SOURCES}], given.REDRAW)
    path = given.OUTPUT.value or "redrawn.png"
    check_picture_name(path, "--output")
    mark = read_mark(given.REDRAW.value)
    sampler = open_sampler()
    latents = None
    if given.LATENTS.value:
        latents = latents_file.read_latents(given.LATENTS.value, sampler.latent_size)
    print(f"Wrote {path}: {redrawn(given.REDRAW.value, mark, sampler, latents, path)}")


def check_output() -> str:
    """Returns the path to write to. Raises UserError if its name does not suit the output."""
    if given.PROJECT.value:
        path = given.OUTPUT.value or "projected"
        pictures.check_folder_name(path)
        if given.VIDEO.value:
            check_format("projection.mp4", frame_rate("projection.mp4"))
    elif given.VIDEO.value:
        path = given.OUTPUT.value or f"{given.VIDEO.value}.mp4"
        check_format(path, frame_rate(path))
    elif given.DIRECTIONS.value:
        path = given.OUTPUT.value or "directions"
        pictures.check_folder_name(path)
    elif given.NEIGHBORS.value or given.GRID.value:
        path = given.OUTPUT.value or ("neighbors.png" if given.NEIGHBORS.value else "grid.png")
        check_picture_name(path, "--output")
    else:
        path = given.OUTPUT.value or "pictures"
        if len(given.SEEDS.value or [0]) > 1 or not is_picture(path):
            pictures.check_folder_name(path)
    if given.SAVE_LATENTS.value:
        latents_file.check_place(given.SAVE_LATENTS.value)
    return path


def is_picture(path: str) -> bool:
    """Returns whether a path names a picture rather than a folder."""
    return posixpath.splitext(path)[1].lower() in FORMATS


def check_size(sampler: Sampler, columns: int, rows: int, scale: int) -> None:
    """Raises UserError if a sheet of so many pictures, enlarged by `scale`, is too large."""
    width, height = (side * scale for side in sampler.size)
    parsing.check_pixels(columns * width, rows * height)


def open_sampler() -> Sampler:
    """Opens the generator that was named. Raises UserError if it can't be read."""
    source.check_source(given.SAVED_MODEL)
    if not given.SAVED_MODEL.value:
        return make_sampler(source.read_trained())
    if source.NETWORK.value != "average_generator":
        raise UserError("--network: expected --run_dir or --checkpoint: an export has one network")
    return open_export(given.SAVED_MODEL.value)


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
    wanted = dataclasses.replace(
        wanted,
        data_cache=given.DATA_CACHE.value or wanted.data_cache,
        options=dataclasses.replace(wanted.options, base=sampler.base),
    )
    label_size = config.network.label_size if config else 0
    info = find_data(wanted, sampler.num_channels, label_size, config, chosen=chosen)
    return info, config is not None and config.mirror_augment


def write_neighbors(
    sampler: Sampler, chosen: Chosen, classes: list[int], grid: tuple[int, int], path: str
) -> None:
    """Writes a sheet of samples next to their nearest training pictures, and prints a table."""
    columns, rows = grid
    count, num_measures = given.NEIGHBORS.value, 2 if given.INCEPTION.value else 1
    all_columns = columns * (1 + count * num_measures)
    scale = given.SCALE.value or neighbors_sheet.enlargement(all_columns, rows, sampler.size)
    check_size(sampler, all_columns, rows, scale)
    info, mirrored = find_training_pictures(sampler)
    names = read_picture_names(info)
    views: dict[str, neighbors.View] = {"in pixels (root mean square, of 255)": neighbors.in_pixels}
    if given.INCEPTION.value:
        see = open_inception(given.INCEPTION.value, "")
        views["in Inception's features (root mean square)"] = lambda images: see(images).features
    samples = np.stack(list(pictures.draw_chosen(sampler, chosen, classes)))
    found = neighbors.find_neighbors(samples, info, count, mirrored, views)
    pictures.make_folder_of(path)
    captions = None
    if given.CAPTIONS.value:
        sampled = pictures.classes_of(sampler, len(chosen), classes)
        captions = neighbors_sheet.Captions(names_of(chosen), sampled, names)
    sheet = neighbors_sheet.make_sheet(samples, found, columns, scale, captions)
    pictures.write_picture(path, sheet)
    print(neighbors.describe(names_of(chosen), found, names))
    seen = counted(info.num_images, "picture") + " and their mirror images" * mirrored
    samples_of = f"{counted(len(chosen), 'sample')} of {sampler.pixels}"
    print(f"Wrote {path}: {samples_of}, each next to the nearest of {seen}")
