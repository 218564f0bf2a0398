"""Draws with a trained generator: pictures, sheets and videos.

    python generate.py --run_dir=RUN --grid=8x4
    python generate.py --run_dir=RUN --seeds=0-99 --output=pictures
    python generate.py --run_dir=RUN --video=walk --output=walk.mp4
    python generate.py --run_dir=RUN --video=training --output=training.mp4
    python generate.py --run_dir=RUN --neighbours=5 --grid=1x8 --output=neighbours.png

The generator comes from a run folder, a checkpoint, a published pickle or what export.py wrote.
"""

import tfrecords.tensorflow_setup  # noqa: F401, I001  (first: it sets TensorFlow up)

import dataclasses
import posixpath

import numpy as np
from absl import flags
from tqdm import tqdm

from pgan_tf import run_history
from pgan_tf import trained_flags as given
from pgan_tf.generating import neighbours, requests, walk_video
from pgan_tf.generating.painter import Painter, open_saved_model, painter_of, truncated
from pgan_tf.generating.pictures import draw_seeds, write_grid, write_pictures
from pgan_tf.generating.training_video import draw_training
from pgan_tf.generating.video import check_format, write_video
from pgan_tf.metrics.inception_file import read_inception_file
from pgan_tf.metrics.inception_graph import InceptionGraph
from pgan_tf.run_data import RunData, find_data, read_run_data
from pgan_tf.run_folder import read_config
from tfrecords.command_line import run
from tfrecords.dataset_info import DatasetInfo
from tfrecords.errors import UserError
from tfrecords.source import PictureOptions

flags.adopt_module_key_flags(given)

SAVED_MODEL = flags.DEFINE_string(
    "saved_model",
    None,
    "In place of --run_dir, a folder that export.py wrote. It is a program: docs/security.md.",
)

# What to draw
SEEDS = flags.DEFINE_string(
    "seeds", None, "Latents: seeds and ranges, such as 3,7,100-199. Default: 0-31, a slerp's 0-7."
)
LABELS = flags.DEFINE_string("labels", "", "Class numbers such as 0,3; pictures take turns.")
TRUNCATION = flags.DEFINE_float(
    "truncation", 1.0, "0 to 1: how far from --truncation_seed latents go.", 0.0, 1.0
)
TRUNCATION_SEED = flags.DEFINE_integer(
    "truncation_seed", 0, "The centre of --truncation.", 0, requests.LARGEST_SEED
)
GRID = flags.DEFINE_string("grid", None, "COLUMNSxROWS: one sheet, from the first seed on.")
VIDEO = flags.DEFINE_enum(
    "video",
    None,
    ["walk", "slerp", "training"],
    "A loop: walk wanders among random latents, slerp goes from seed to seed. Or the run's "
    "training, from its sheets of samples.",
)
SECONDS = flags.DEFINE_float(
    "seconds", None, "Of a video. Default: 10, a slerp's one for each seed.", 0.1, 36_000.0
)
FPS = flags.DEFINE_float("fps", 30.0, "Frames a second of a video.", 1.0, 120.0)
SMOOTHING = flags.DEFINE_float(
    "smoothing", 1.0, "Of a walk: seconds from one random picture to the next.", 0.05, 600.0
)

# Nearest neighbours
NEIGHBOURS = flags.DEFINE_integer(
    "neighbours",
    None,
    "A sheet: each sample beside so many training pictures, those nearest to it. With --grid=1x8 "
    "(the default) a row for each of 8 samples.",
    1,
    100,
)
DATA = flags.DEFINE_string(
    "data", None, "Of --neighbours: the training pictures, as for train.py. Default: the run's."
)
DATA_CACHE = flags.DEFINE_string(
    "data_cache", None, "Of --neighbours: where they are kept as TFRecords. Default: the run's."
)
INCEPTION = flags.DEFINE_string(
    "inception",
    None,
    "Of --neighbours: frozen Inception graph of 2015 (.pb or .tgz); neighbours in its features "
    "stand beside those in pixels.",
)

# Where to
OUTPUT = flags.DEFINE_string(
    "output", None, "A folder for PNG files; with --grid a PNG file, with --video .mp4, .webp, .gif"
)
SCALE = flags.DEFINE_integer(
    "scale", None, "Each pixel so many times. Default: 1, for videos up to 256 px.", 1, 64
)


def open_painter() -> Painter:
    """Opens the generator that was named.

    Raises:
        UserError: none was, or more than one, or it can't be read.
    """
    given.check_source(SAVED_MODEL)
    if not SAVED_MODEL.value:
        return painter_of(given.read_trained())
    if given.NETWORK.value != "average_generator":
        raise UserError("--network: expected --run_dir or --checkpoint: an export has one network")
    return open_saved_model(SAVED_MODEL.value)


def main() -> None:
    """Draws a file for each seed, a grid or a video."""
    seeds = requests.parse_seeds(SEEDS.value or ("0-7" if VIDEO.value == "slerp" else "0-31"))
    columns, rows = requests.parse_grid(GRID.value or ("1x8" if NEIGHBOURS.value else "1x1"))
    if NEIGHBOURS.value and VIDEO.value:
        raise UserError("--neighbours: expected it without --video, got both: a sheet or a video")
    if VIDEO.value:
        path = OUTPUT.value or f"{VIDEO.value}.mp4"
        check_format(path, FPS.value)
    if VIDEO.value == "training":
        write_training(path)
        return
    painter = open_painter()
    classes = requests.parse_classes(LABELS.value, painter.label_size)
    if TRUNCATION.value != 1:
        painter = truncated(painter, TRUNCATION.value, TRUNCATION_SEED.value)

    if NEIGHBOURS.value:
        write_neighbours(painter, seeds[0], classes, (columns, rows))
    elif VIDEO.value:
        write_walk(painter, seeds, classes, (columns, rows), path)
    elif GRID.value:
        path = OUTPUT.value or "grid.png"
        seeds = requests.parse_seeds(f"{seeds[0]}-{seeds[0] + columns * rows - 1}")
        write_grid(painter, seeds, classes, columns, path, SCALE.value or 1)
        print(f"Wrote {path}: {len(seeds)} pictures of {painter.resolution} px")
    else:
        path = OUTPUT.value or "pictures"
        write_pictures(painter, seeds, classes, path, SCALE.value or 1)
        print(f"Wrote {path}: {len(seeds)} pictures of {painter.resolution} px")


def write_training(path: str) -> None:
    """Writes a video of a run's sheets of samples."""
    given.check_source(SAVED_MODEL)
    if not given.RUN_DIR.value:
        raise UserError("--video=training: expected --run_dir alone, whose samples it shows")
    sheets = run_history.list_sheets(given.RUN_DIR.value)
    metrics = run_history.read_metrics(given.RUN_DIR.value)
    num_frames = max(2, round((SECONDS.value or 10.0) * FPS.value))
    frames = draw_training(sheets, metrics, num_frames, SCALE.value)
    bar = tqdm(frames, "Drawing", num_frames, unit=" frames", disable=None)
    write_video(path, bar, num_frames, FPS.value)
    print(f"Wrote {path}: {num_frames} frames, {num_frames / FPS.value:g} s, {len(sheets)} sheets")


def write_walk(
    painter: Painter, seeds: list[int], classes: list[int], grid: tuple[int, int], path: str
) -> None:
    """Writes a video of a walk through the space of latents."""
    columns, rows = grid
    scale = SCALE.value or max(1, 256 // (rows * painter.resolution))
    if VIDEO.value == "slerp":
        if len(set(seeds)) < 2:
            raise UserError(f"--seeds: expected at least two for a slerp, got {SEEDS.value}")
        num_frames = max(2, round((SECONDS.value or len(seeds)) * FPS.value))
        walk = walk_video.walk_between(painter, seeds, classes, columns * rows, num_frames)
    else:
        seconds = SECONDS.value or 10.0
        num_frames = max(2, round(seconds * FPS.value))
        num_keyframes = walk_video.num_keyframes(seconds, SMOOTHING.value)
        walk = walk_video.random_walk(
            painter, seeds[0], classes, columns * rows, num_frames, num_keyframes
        )
    frames = walk_video.draw_walk(painter, walk, columns, scale)
    bar = tqdm(frames, "Drawing", num_frames, unit=" frames", disable=None)
    write_video(path, bar, num_frames, FPS.value)
    size = f"{columns * painter.resolution * scale} x {rows * painter.resolution * scale} px"
    print(f"Wrote {path}: {num_frames} frames, {num_frames / FPS.value:g} s, {size}")


def find_training_pictures(painter: Painter) -> tuple[DatasetInfo, bool]:
    """Returns what the generator was trained on, and whether it saw mirror images, too.

    Raises:
        UserError: it is not known, not there, or of other pictures.
    """
    run_dir = given.RUN_DIR.value or ""
    if given.CHECKPOINT.value:
        run_dir = posixpath.dirname(posixpath.dirname(given.CHECKPOINT.value)) or "."
    config = read_config(run_dir) if run_dir else None
    wanted = read_run_data(run_dir) if run_dir else None
    if wanted is None:
        options = PictureOptions(painter.resolution, painter.num_channels)
        wanted = RunData("", "datasets", options)
    changes = {"data": DATA.value, "data_cache": DATA_CACHE.value}
    wanted = dataclasses.replace(wanted, **{k: v for k, v in changes.items() if v})
    if not wanted.data:
        raise UserError(
            "--data: expected the pictures that the generator was trained on, got none: only run "
            "folders know theirs"
        )
    info = find_data(wanted, painter.num_channels, config.network.label_size if config else 0)
    return info, config is not None and config.mirror_augment


def write_neighbours(
    painter: Painter, first_seed: int, classes: list[int], grid: tuple[int, int]
) -> None:
    """Writes a sheet of samples beside their nearest training pictures, and prints which."""
    path = OUTPUT.value or "neighbours.png"
    columns, rows = grid
    seeds = requests.parse_seeds(f"{first_seed}-{first_seed + columns * rows - 1}")
    info, mirrored = find_training_pictures(painter)
    measures = {"in pixels (root mean square, of 255)": neighbours.in_pixels}
    if INCEPTION.value:
        inception = InceptionGraph(read_inception_file(INCEPTION.value, ""))
        measures["in Inception's features (root mean square)"] = lambda pictures: (
            inception(pictures).features
        )
    samples = np.stack(list(draw_seeds(painter, seeds, classes)))
    found = neighbours.find_neighbours(samples, info, NEIGHBOURS.value, mirrored, measures)
    sheet = neighbours.make_sheet(samples, found, columns, SCALE.value or 1)
    neighbours.write_sheet(path, sheet)
    print(neighbours.describe(seeds, found))
    print(
        f"Wrote {path}: {len(seeds)} samples of {painter.resolution} px, the nearest of "
        f"{info.num_images} pictures{' and their mirror images' if mirrored else ''} beside each"
    )


if __name__ == "__main__":
    run(main)
