"""Draws with a trained generator: pictures, sheets and videos.

The generator comes from a run folder, a checkpoint, a published pickle or what export.py wrote.
"""

import re

from absl import flags

from pgan_tf.commands import trained_flags as given
from pgan_tf.commands.only_run import with_only_run
from pgan_tf.generating import parsing
from tfrecords.common import bounds
from tfrecords.common.bounds import Bounds
from tfrecords.common.command_help import Help
from tfrecords.common.command_line import define_number, define_path, define_read, define_text, run

flags.adopt_module_key_flags(given)

SAVED_MODEL = define_path(
    "saved_model", None, "An export instead of --run_dir. It can run code: docs/security.md."
)

# What to draw
SEEDS = define_read(
    "seeds", None, "Seeds such as 3,7,100-199. Default: 0-31, for a slerp 0-7.", parsing.parse_seeds
)
LATENTS = define_path(
    "latents", None, "In place of --seeds, latents from a .npy, .npz or .json file."
)
LABELS = define_text("labels", None, "Classes to cycle through, by name or number, such as dog,3.")
TRUNCATION = define_number(
    "truncation", 1.0, "1: full variety; 0: only --truncation_seed's picture.", Bounds(0, 1)
)
TRUNCATION_SEED = define_number(
    "truncation_seed", 0, "Seed at the center of --truncation.", bounds.SEEDS
)
DIRECTION = define_read(
    "direction",
    None,
    "Go along a direction, such as 3, or some, 0,components:3; --directions shows them.",
    parsing.parse_directions,
)
STRENGTH = define_read(
    "strength",
    None,
    "How far, one for all or one for each. Default: 2; of a sheet of directions, to 3.",
    parsing.parse_strengths,
)
DIRECTIONS = flags.DEFINE_boolean(
    "directions", False, "Write directions.npz and sheets of the directions that change the most."
)
PROJECT = define_read(
    "project",
    None,
    "Find the latents of a picture, of several, A.png,B.png, or of those in a folder.",
    parsing.parse_paths,
    "a path",
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
    ["walk", "slerp", "training", "projection"],
    "walk: a loop through random latents; slerp: from seed to seed; training: the run's sheets; "
    "projection: the way there, with --project.",
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
NEIGHBORS = define_number(
    "neighbors",
    None,
    "How many nearest training pictures to show next to each sample. Default grid: 1x8.",
    Bounds(1, 100, whole=True),
)
DATA = define_path("data", None, "Training pictures for --neighbors. Default: the run's.")
DATA_CACHE = define_path("data_cache", None, "Where their TFRecords are. Default: the run's.")
INCEPTION = define_path(
    "inception",
    None,
    "Inception graph of 2015 (.pb or .tgz): adds neighbors in its features to --neighbors.",
)

# Where to
OUTPUT = define_path(
    "output",
    None,
    "Folder for PNG files; with --grid or one seed a .png, .jpg or .webp file; with --video a "
    ".mp4, .webp or .gif file.",
)
SAVE_LATENTS = define_path("save_latents", None, "Also a .npy file of the latents drawn.")
SCALE = define_number(
    "scale",
    None,
    "Enlarge each pixel this many times. Default: 1, on sheets and in videos up to 256 px.",
    Bounds(1, 64, whole=True),
)
MARK = flags.DEFINE_boolean(
    "mark", True, "Say in the file how it was drawn, and that a trained program drew it."
)
REDRAW = define_path(
    "redraw", None, "Draw a picture again by what its file says; of the same generator only."
)
CAPTIONS = flags.DEFINE_boolean(
    "captions",
    True,
    "Classes above the pictures of a sheet; file names and distances of neighbors.",
)

SOURCES = ("run_dir", "checkpoint", "saved_model", "official_pkl", "model", "network")
HELP = Help(
    groups={
        "generator": SOURCES,
        "pictures": ("seeds", "latents", "labels", "grid", "truncation", "truncation_seed"),
        "directions": ("directions", "direction", "strength"),
        "latents of pictures": ("project",),
        "videos": ("video", "seconds", "fps", "smoothing"),
        "nearest training pictures": ("neighbors", "data", "data_cache", "inception"),
        "output": ("output", "save_latents", "scale", "captions", "mark", "redraw"),
    },
    first=(
        *("run_dir", "model", "saved_model", "seeds", "latents", "labels", "grid", "truncation"),
        *("directions", "project", "video", "output"),
    ),
    examples=(
        ("--model=emoji --grid=8x4", "one sheet of 32 pictures of a network that comes along"),
        ("--run_dir=RUN --seeds=0-99 --output=pictures", "100 files in a folder"),
        ("--run_dir=RUN --video=walk --output=walk.mp4", "a walk from picture to picture"),
    ),
)


def main() -> None:
    """Draws a file for each seed, a grid or a video."""
    # Imported here so that --help and mistaken flags answer at once: it loads TensorFlow.
    from pgan_tf.commands.draw import draw

    draw()


def start() -> None:
    """Starts the command."""
    run(main, complete=complete_arguments, help=HELP)


def complete_arguments(arguments: list[str]) -> list[str]:
    """Adds the only run under runs/, and takes the former spelling of --neighbors."""
    return with_only_run([re.sub("^(--?)neighbours", r"\1neighbors", one) for one in arguments])
