"""Converts pictures to a dataset: python -m tfrecords.create SOURCE OUT [--flags].

SOURCE is a folder of pictures, `tfds:NAME[:SPLIT]`, or `shapes`. OUT is the folder to
make: one file of TFRecords per power of two from the resolution down to 4 px.
"""

import time

from absl import flags

from tfrecords import command_line

_RESOLUTION = flags.DEFINE_integer(
    "resolution", None, "Pixels, a power of two; by default what half of the pictures reach."
)
_CHANNELS = flags.DEFINE_enum("channels", "rgb", ["rgb", "gray"], "Colour or grey.")
_BACKGROUND = flags.DEFINE_string(
    "background", "#ffffff", "Colour that shows through transparent pixels."
)
_ALLOW_UPSCALING = flags.DEFINE_bool(
    "allow_upscaling",
    None,
    "Enlarge pictures smaller than the resolution; by default only when --resolution is absent.",
)
_LABELS = flags.DEFINE_bool(
    "labels",
    None,
    "Keep class labels. By default those of tfds and shapes; --labels takes a folder's "
    "sub-folders for classes.",
)
_SHUFFLE = flags.DEFINE_bool("shuffle", True, "Put the pictures into a fixed random order.")
_TFDS_DATA_DIR = flags.DEFINE_string(
    "tfds_data_dir", None, "Where TensorFlow Datasets keeps its files."
)


def main(source_name: str, out_dir: str) -> None:
    """Converts `source_name` into `out_dir` as the flags say."""
    # Imported here so that --help and mistaken flags answer at once: TensorFlow
    # takes seconds to load.
    import tfrecords.tensorflow_setup  # noqa: F401, I001  (first: it sets TensorFlow up)
    import tensorflow as tf

    from tfrecords.images import parse_background
    from tfrecords.sources import open_source
    from tfrecords.writer import check_out_dir, write_dataset

    started = time.monotonic()
    check_out_dir(out_dir)
    source = open_source(
        source_name,
        _RESOLUTION.value,
        1 if _CHANNELS.value == "gray" else 3,
        background=parse_background(_BACKGROUND.value),
        allow_upscaling=_ALLOW_UPSCALING.value,
        labels=_LABELS.value,
        tfds_data_dir=_TFDS_DATA_DIR.value,
    )
    info = write_dataset(source, out_dir, shuffle=_SHUFFLE.value)
    paths = [path for paths in info.files.values() for path in paths]
    mebibytes = sum(tf.io.gfile.stat(path).length for path in paths) / 2**20
    classes = f", {info.label_size} classes" if info.label_size else ""
    print(
        f"{out_dir}: {info.num_images:,} pictures, {min(info.files)} to {info.resolution} px, "
        f"{_CHANNELS.value}{classes}, {mebibytes:,.1f} MiB in {len(paths)} files, "
        f"{time.monotonic() - started:.0f} s"
    )


if __name__ == "__main__":
    command_line.run(main, positional=("SOURCE", "OUT"))
