"""Converts pictures to a dataset of TFRecords, which trains.

SOURCE is a folder of pictures, an archive of them, `tfds:NAME[:SPLIT]`, `shapes`, or one of
the datasets that docs/datasets.md lists. OUT is the folder to make: TFRecords for each power of
two from the resolution down to 4 px. After an interruption, the same command resumes. Pictures
that cannot be used are skipped and listed in OUT/rejected.jsonl.
"""

import os
import time

from absl import flags

from tfrecords.common import command_line
from tfrecords.common.bounds import RESOLUTIONS, Bounds
from tfrecords.common.command_help import Help
from tfrecords.common.command_line import define_number
from tfrecords.common.text import counted, size_in_words
from tfrecords.pictures import flags as picture_flags

flags.adopt_module_key_flags(picture_flags)

_RESOLUTION = define_number(
    "resolution",
    None,
    "Pixels, a power of two. Default: the largest that half of the pictures reach.",
    RESOLUTIONS,
)
_SHUFFLE = flags.DEFINE_bool("shuffle", True, "Shuffle the pictures in a fixed order.")
_ENCODING = flags.DEFINE_enum(
    "encoding", "png", ["png", "raw"], "PNG (smaller), or raw as in the published converter."
)
_SHARD_MIB = define_number(
    "shard_mib", 128, "Maximum size of a file, in MiB.", Bounds(1, 2**20, whole=True)
)
_PROCESSES = define_number(
    "processes",
    None,
    "Number of worker processes. Default: one per processor.",
    Bounds(1, 1024, whole=True),
)
_STRICT = flags.DEFINE_bool(
    "strict", False, "Stop at the first picture that cannot be used, and write nothing."
)

HELP = Help(
    groups={
        "pictures": (
            *("resolution", "shape", "channels", "fit", "background", "allow_upscaling"),
            *("white_level", "depth", "value_range", "labels", "tfds_data_dir"),
        ),
        "files": ("encoding", "shuffle", "shard_mib", "processes", "strict"),
    },
    first=(
        *("resolution", "shape", "channels", "fit", "background", "labels", "encoding"),
        *("processes", "strict"),
    ),
    examples=(
        ("photos datasets/photos", "a folder, or a .zip or .tar file"),
        ("photos datasets/photos --resolution=128 --labels=folders", "subfolders are classes"),
        ("tfds:cifar10:train datasets/cifar10", "a name of TensorFlow Datasets"),
    ),
)


def main(source_name: str, out_dir: str) -> None:
    """Converts `source_name` into `out_dir` according to the flags."""
    started = time.monotonic()
    # Imported here so that --help and errors in flags appear at once.
    from tfrecords.common import paths
    from tfrecords.format.dataset_json import JSON_NAME, REJECTED_NAME
    from tfrecords.pictures.defaults import fill_defaults
    from tfrecords.pictures.source import label_line
    from tfrecords.sources.by_name import open_source
    from tfrecords.writing.out_folder import check_out_dir, estimate_bytes
    from tfrecords.writing.writer import write_dataset

    if not paths.exists(paths.join(out_dir, JSON_NAME)):  # else it may be the same dataset
        check_out_dir(out_dir)
    options = picture_flags.picture_options(_RESOLUTION.value)
    name, side = os.path.expanduser(source_name), options.side_to_draw
    labels, tfds = picture_flags.LABELS.value, picture_flags.TFDS_DATA_DIR.value
    source = open_source(name, resolution=side, labels=labels, tfds_data_dir=tfds)
    options = fill_defaults(source, options)
    size = estimate_bytes(source.num_pictures, options, _ENCODING.value)
    print(f"{counted(source.num_pictures, 'picture')}, about {size_in_words(size)}", flush=True)
    for note in source.notes:
        print(note, flush=True)
    if source.labels is not None:
        print(label_line(source.labels, source.label_names), flush=True)
    info = write_dataset(
        source,
        options,
        out_dir,
        shuffle=_SHUFFLE.value,
        encoding=_ENCODING.value,
        shard_bytes=_SHARD_MIB.value * 2**20,
        processes=_PROCESSES.value,
        strict=_STRICT.value,
    )
    files = [path for its_files in info.files.values() for path in its_files]
    print(
        f"{out_dir}: {counted(info.num_images, 'picture')}, {info.num_rejected:,} rejected, "
        f"{min(info.files)} to {info.resolution} px{info.base.beside(info.resolution)}, "
        f"{picture_flags.CHANNELS.value}, "
        f"{size_in_words(sum(map(paths.size, files)))} in {counted(len(files), 'file')}, "
        f"{time.monotonic() - started:.0f} s"
    )
    if info.num_rejected:
        print(f"{paths.join(info.folder, REJECTED_NAME)} says why each was rejected")


def start() -> None:
    """Starts the command."""
    command_line.run(main, positional=("SOURCE", "OUT"), help=HELP)


if __name__ == "__main__":
    start()
