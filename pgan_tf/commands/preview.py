"""Draws what the discriminator sees of your pictures with `--augment`: one sheet.

Each row is a resolution of growth, from 4 px to the last one. Left are a few pictures as they are,
right the same ones augmented. The data are those of `pgan train`, converted in the same way.
"""

from absl import flags

from tfrecords.common.bounds import RESOLUTIONS, SEEDS, Bounds
from tfrecords.common.command_help import Help
from tfrecords.common.command_line import define_number, define_path, run
from tfrecords.common.errors import UserError
from tfrecords.common.files import check_file_place
from tfrecords.pictures import flags as picture_flags
from tfrecords.pictures.kinds import check_picture_name

DATA = define_path(
    "data",
    None,
    "Folder or archive of pictures, TFRecords, tfds:NAME, shapes: see docs/datasets.md.",
)
RESOLUTION = define_number(
    "resolution", None, "The last one, in pixels. Default: the data's.", RESOLUTIONS
)
DATA_CACHE = define_path("data_cache", "datasets", "Folder where pictures are stored as TFRecords.")
AUGMENT = flags.DEFINE_enum(
    "augment", "ada", ["diffaug", "ada"], "diffaug: at full strength; ada: at three strengths."
)
COUNT = define_number("count", 4, "How many pictures to show.", Bounds(1, 16, whole=True))
SEED = define_number("seed", 0, "Random seed for pictures and transforms.", SEEDS)
OUTPUT = define_path("output", "preview.png", "Picture file to write: .png, .jpg or .webp.")
_PICTURES = (
    *("shape", "channels", "fit", "background", "allow_upscaling", "white_level", "depth"),
    *("value_range", "tfds_data_dir"),
)
for name in _PICTURES:
    flags.declare_key_flag(name)
HELP = Help(
    groups={
        "sheet": ("augment", "count", "seed", "output"),
        "data": ("data", "resolution", *_PICTURES, "data_cache"),
    },
    first=("data", "resolution", "augment", "count", "seed", "output"),
    examples=(
        ("--data=photos", "preview.png, with the adaptive strength at 0.3, 0.6 and 1"),
        ("--data=photos --resolution=64 --augment=diffaug", "as for a run at 64 px"),
        ("--data=datasets/photos --count=8 --output=seen.png", "TFRecords, more pictures"),
    ),
)


def main() -> None:
    """Writes the sheet."""
    if not DATA.value:
        raise UserError("--data: expected pictures, TFRecords, tfds:NAME or shapes, got none")
    check_picture_name(OUTPUT.value, "--output")
    check_file_place(OUTPUT.value, "--output")
    # Imported here so that --help and mistaken flags answer at once: they load TensorFlow.
    import tfrecords.common.tensorflow_setup  # noqa: F401  (first: it sets TensorFlow up)
    from pgan_tf.generating.augmented_sheet import make_sheet
    from pgan_tf.generating.pictures import write_picture
    from tfrecords.cache import prepare
    from tfrecords.common.text import counted

    options = picture_flags.picture_options(RESOLUTION.value)
    tfds_data_dir = picture_flags.TFDS_DATA_DIR.value
    info = prepare(DATA.value, DATA_CACHE.value, options, tfds_data_dir=tfds_data_dir)
    last, count = options.resolution or info.resolution, min(COUNT.value, info.num_images)
    resolutions = sorted(resolution for resolution in info.files if resolution <= last)
    write_picture(OUTPUT.value, make_sheet(info, resolutions, AUGMENT.value, count, SEED.value))
    print(f"Wrote {OUTPUT.value}: {counted(count, 'picture')}, {resolutions[0]} to {last} px")


def start() -> None:
    """Starts the command."""
    run(main, help=HELP)


if __name__ == "__main__":
    start()
