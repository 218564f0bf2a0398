"""Draws with a trained generator: pictures, sheets and videos.

    python generate.py --run_dir=RUN --grid=8x4
    python generate.py --run_dir=RUN --seeds=0-99 --output=pictures
    python generate.py --run_dir=RUN --video=walk --output=walk.mp4
    python generate.py --run_dir=RUN --video=training --output=training.mp4
    python generate.py --run_dir=RUN --neighbours=5 --grid=1x8 --output=neighbours.png

The generator comes from a run folder, a checkpoint, a published pickle or what export.py wrote.
"""

import tfrecords.common.tensorflow_setup  # noqa: F401, I001  (first: it sets TensorFlow up)

import dataclasses
import posixpath
from collections.abc import Iterator

import numpy as np
from absl import flags

from pgan_tf.commands import trained_flags as given
from pgan_tf.generating import interpolation, neighbors, neighbors_sheet, parsing, pictures
from pgan_tf.generating.sampler import Sampler, make_sampler, open_saved_model
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
from tfrecords.common import bounds
from tfrecords.common.bounds import Bounds
from tfrecords.common.command_line import (
    define_number,
    define_path,
    define_read,
    define_text,
    not_with,
    only_with,
)
from tfrecords.common.errors import UserError
from tfrecords.common.text import counted
from tfrecords.format.dataset_info import DatasetInfo
from tfrecords.format.picture_names import read_picture_names
from tfrecords.pictures.kinds import FORMATS, check_picture_name
from tfrecords.pictures.source import PictureOptions

flags.adopt_module_key_flags(given)

SAVED_MODEL = define_path(
    "saved_model", None, "An export instead of --run_dir. It can run code: docs/security.md."
)

# What to draw
SEEDS = define_read(
    "seeds", None, "Seeds such as 3,7,100-199. Default: 0-31, for a slerp 0-7.", parsing.parse_seeds
)
LABELS = define_text("labels", None, "Classes to cycle through, by name or number, such as dog,3.")
TRUNCATION = define_number(
    "truncation", 1.0, "1: full variety; 0: only --truncation_seed's picture.", Bounds(0, 1)
)
TRUNCATION_SEED = define_number(
    "truncation_seed", 0, "Seed at the center of --truncation.", bounds.SEEDS
)
GRID = define_read(
    "grid",
    None,
    "COLUMNSxROWS: one sheet, of the seeds given or counting up from one.",
    parsing.parse_grid,
)
VIDEO = flags.DEFINE_enum(
    "video",
    None,
    ["walk", "slerp", "training"],
    "walk: a loop through random latents; slerp: from seed to seed; training: the run's sheets.",
)
SECONDS = define_number(
    "seconds", None, "Video length. Default: 10, for a slerp one per seed.", Bounds(0.1, 36_000)
)
FPS = define_number(
    "fps", None, "Frames per second of a video. Default: 30, for a GIF 15.", Bounds(1, 120)
)
SMOOTHING = define_number(
    "smoothing", 1.0, "Seconds from one random picture of a walk to the next.", Bounds(0.05, 600)
)

# Nearest neighbors
NEIGHBOURS = define_number(
    "neighbours",
    None,
    "How many nearest training pictures to show next to each sample. Default grid: 1x8.",
    Bounds(1, 100, whole=True),
)
DATA = define_path("data", None, "Training pictures for --neighbours. Default: the run's.")
DATA_CACHE = define_path("data_cache", None, "Where their TFRecords are. Default: the run's.")
INCEPTION = define_path(
    "inception",
    None,
    "Inception graph of 2015 (.pb or .tgz): adds neighbors in its features to --neighbours.",
)

# Where to
OUTPUT = define_path(
    "output",
    None,
    "Folder for PNG files; with --grid or one seed a .png, .jpg or .webp file; with --video a "
    ".mp4, .webp or .gif file.",
)
SCALE = define_number(
    "scale",
    None,
    "Enlarge each pixel this many times. Default: 1, on sheets and in videos up to 256 px.",
    Bounds(1, 64, whole=True),
)
CAPTIONS = flags.DEFINE_boolean(
    "captions",
    True,
    "Classes above the pictures of a sheet; file names and distances of neighbors.",
)


def main() -> None:
    """Draws a file for each seed, a grid or a video."""
    check_flags()
    grid = GRID.value or ((1, 8) if NEIGHBOURS.value else (1, 1))
    seeds = SEEDS.value or [*range(1 if GRID.value else 8 if VIDEO.value == "slerp" else 32)]
    path = check_output(len(seeds))
    if VIDEO.value == "training":
        write_training(path)
        return
    sampler = open_sampler()
    classes = parsing.parse_classes(LABELS.value or "", sampler.label_size, sampler.label_names)
    if TRUNCATION.value != 1:
        sampler = interpolation.truncated(sampler, TRUNCATION.value, TRUNCATION_SEED.value)
    if NEIGHBOURS.value or VIDEO.value:
        write = write_neighbors if NEIGHBOURS.value else write_walk
        write(sampler, seeds, classes, grid, path)
        return
    columns, rows = grid
    is_sheet = GRID.value is not None  # one picture by itself stays as it is
    scale = SCALE.value or (enlargement(columns, rows, sampler.resolution) if is_sheet else 1)
    check_size(sampler, columns, rows, scale)
    if is_picture(path):
        seeds = parsing.seeds_of_sheet(seeds, columns * rows)
        captions = is_sheet and CAPTIONS.value
        pictures.write_grid(sampler, seeds, classes, columns, path, scale, captions)
    else:
        pictures.write_pictures(sampler, seeds, classes, path, scale)
    print(f"Wrote {path}: {counted(len(seeds), 'picture')} of {sampler.resolution} px")


def check_flags() -> None:
    """Raises UserError for a flag that would do nothing with the others."""
    not_with(["neighbours"], VIDEO)
    only_with(["fps", "seconds"], VIDEO)
    only_with(["smoothing"], VIDEO, "walk")
    only_with(["data", "data_cache", "inception"], NEIGHBOURS)
    if TRUNCATION_SEED.value and TRUNCATION.value == 1:
        raise UserError("--truncation_seed: expected --truncation below 1 with it, got 1")
    if VIDEO.value == "training":
        not_with(["seeds", "labels", "truncation", "truncation_seed", "grid", "network"], VIDEO)
    if VIDEO.value == "walk" and len(SEEDS.value or [0]) > 1:
        raise UserError("--seeds: expected one with --video=walk, got several: which is the first?")


def check_output(num_seeds: int) -> str:
    """Returns the path to write to. Raises UserError if its name does not suit the output."""
    if VIDEO.value:
        path = OUTPUT.value or f"{VIDEO.value}.mp4"
        check_format(path, frame_rate(path))
    elif NEIGHBOURS.value or GRID.value:
        path = OUTPUT.value or ("neighbours.png" if NEIGHBOURS.value else "grid.png")
        check_picture_name(path, "--output")
    else:
        path = OUTPUT.value or "pictures"
        if num_seeds > 1 or not is_picture(path):
            pictures.check_folder_name(path)
    return path


def frame_rate(path: str) -> float:
    """Returns --fps, or what suits the video's format."""
    fps: float = FPS.value or default_fps(path)
    return fps


def is_picture(path: str) -> bool:
    """True for the name of one picture, not of a folder for many."""
    return posixpath.splitext(path)[1].lower() in FORMATS


def check_size(sampler: Sampler, columns: int, rows: int, scale: int) -> None:
    """Raises UserError if a sheet of so many pictures, enlarged by `scale`, is too large."""
    side = sampler.resolution * scale
    parsing.check_pixels(columns * side, rows * side)


def open_sampler() -> Sampler:
    """Opens the generator that was named. Raises UserError if it can't be read."""
    given.check_source(SAVED_MODEL)
    if not SAVED_MODEL.value:
        return make_sampler(given.read_trained())
    if given.NETWORK.value != "average_generator":
        raise UserError("--network: expected --run_dir or --checkpoint: an export has one network")
    return open_saved_model(SAVED_MODEL.value)


def write_training(path: str) -> None:
    """Writes a video of a run's sheets of samples."""
    given.check_source(SAVED_MODEL)
    if not given.RUN_DIR.value:
        raise UserError("--video=training: expected --run_dir alone, whose samples it shows")
    sheets, metrics = list_sheets(given.RUN_DIR.value), read_metrics(given.RUN_DIR.value)
    num_frames = max(2, round((SECONDS.value or 10.0) * frame_rate(path)))
    parsing.check_video(*training_size(sheets, SCALE.value), num_frames)
    frames = draw_training(sheets, metrics, num_frames, SCALE.value)
    write_frames(path, frames, num_frames, f"{len(sheets)} sheets")


def write_walk(
    sampler: Sampler, seeds: list[int], classes: list[int], grid: tuple[int, int], path: str
) -> None:
    """Writes a video of a walk through the space of latents."""
    columns, rows = grid
    scale = SCALE.value or max(1, 256 // (rows * sampler.resolution))
    width, height = columns * sampler.resolution * scale, rows * sampler.resolution * scale
    seconds = SECONDS.value or (len(seeds) if VIDEO.value == "slerp" else 10.0)
    num_frames = max(2, round(seconds * frame_rate(path)))
    parsing.check_video(width, height, num_frames)
    if VIDEO.value == "slerp":
        if len(set(seeds)) < 2:
            raise UserError(f"--seeds: expected at least two for a slerp, got {seeds}")
        walk = interpolation.walk_between(sampler, seeds, classes, columns * rows)
    else:
        keyframes = interpolation.num_keyframes(seconds, SMOOTHING.value)
        walk = interpolation.random_walk(sampler, seeds[0], classes, columns * rows, keyframes)
    frames = interpolation.draw_walk(sampler, walk, num_frames, columns, scale)
    write_frames(path, frames, num_frames, f"{width} x {height} px")


def write_frames(path: str, frames: Iterator[np.ndarray], num_frames: int, about: str) -> None:
    """Writes a video, and says so."""
    fps = frame_rate(path)
    write_video(path, frames, num_frames, fps)
    print(f"Wrote {path}: {num_frames} frames, {num_frames / fps:g} s, {about}")


def find_training_pictures(sampler: Sampler) -> tuple[DatasetInfo, bool]:
    """Returns the training data, and whether mirrored. UserError if unknown, missing or others."""
    run_dir = given.RUN_DIR.value or ""
    if given.CHECKPOINT.value:
        run_dir = posixpath.dirname(posixpath.dirname(given.CHECKPOINT.value)) or "."
    config, wanted = (read_config(run_dir), read_run_data(run_dir)) if run_dir else (None, None)
    if wanted is None:
        wanted = RunData("", "datasets", PictureOptions(sampler.resolution, sampler.num_channels))
    if chosen := bool(DATA.value):
        wanted = dataclasses.replace(wanted, data=DATA.value, looked_for=())
    wanted = dataclasses.replace(wanted, data_cache=DATA_CACHE.value or wanted.data_cache)
    label_size = config.network.label_size if config else 0
    info = find_data(wanted, sampler.num_channels, label_size, config, chosen=chosen)
    return info, config is not None and config.mirror_augment


def write_neighbors(
    sampler: Sampler, seeds: list[int], classes: list[int], grid: tuple[int, int], path: str
) -> None:
    """Writes a sheet of samples next to their nearest training pictures, and prints which."""
    columns, rows = grid
    seeds = parsing.seeds_of_sheet(seeds, columns * rows)
    all_columns = columns * (1 + NEIGHBOURS.value * (2 if INCEPTION.value else 1))
    scale = SCALE.value or neighbors_sheet.enlargement(all_columns, rows, sampler.resolution)
    check_size(sampler, all_columns, rows, scale)
    info, mirrored = find_training_pictures(sampler)
    names = read_picture_names(info)
    views: dict[str, neighbors.View] = {"in pixels (root mean square, of 255)": neighbors.in_pixels}
    if INCEPTION.value:
        see = open_inception(INCEPTION.value, "")
        views["in Inception's features (root mean square)"] = lambda images: see(images).features
    samples = np.stack(list(pictures.draw_seeds(sampler, seeds, classes)))
    found = neighbors.find_neighbors(samples, info, NEIGHBOURS.value, mirrored, views)
    pictures.make_folder_of(path)
    captions = neighbors_sheet.Captions(seeds, pictures.classes_of(sampler, seeds, classes), names)
    sheet = neighbors_sheet.make_sheet(
        samples, found, columns, scale, captions if CAPTIONS.value else None
    )
    pictures.write_picture(path, sheet)
    print(neighbors.describe(seeds, found, names))
    seen = counted(info.num_images, "picture") + " and their mirror images" * mirrored
    samples_of = f"{counted(len(seeds), 'sample')} of {sampler.resolution} px"
    print(f"Wrote {path}: {samples_of}, each next to the nearest of {seen}")
