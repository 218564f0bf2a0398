"""Draws pictures with a trained generator: `python generate.py --run_dir=RUN --grid=8x4`."""

import tfrecords.tensorflow_setup  # noqa: F401, I001  (first: it sets TensorFlow up)

import posixpath
import re

import tensorflow as tf
from absl import flags

from pgan_tf import sampling
from pgan_tf import trained_flags as given
from pgan_tf.exporting.inference import fold
from tfrecords.command_line import run
from tfrecords.errors import UserError

flags.adopt_module_key_flags(given)

OUTPUT = flags.DEFINE_string("output", None, "PNG file with --grid, else a folder for PNG files.")
SEEDS = flags.DEFINE_string("seeds", "0-31", "Latents: seeds and ranges, such as 3,7,100-199.")
GRID = flags.DEFINE_string("grid", None, "COLUMNSxROWS: one sheet, from the first seed on.")
LABELS = flags.DEFINE_string("labels", "", "Class numbers such as 0,3; pictures take turns.")

LARGEST_SEED = 2**31 - 1
MOST_SEEDS = 100_000


def parse_seeds(text: str) -> list[int]:
    """Reads `3,7,100-199`.

    Raises:
        UserError: it is not such a list.
    """
    parts = [re.fullmatch(r"(\d+)(?:-(\d+))?", part.strip()) for part in text.split(",")]
    if all(parts):
        ranges = [range(int(part[1]), int(part[2] or part[1]) + 1) for part in parts]
        rising = all(seeds and seeds[-1] <= LARGEST_SEED for seeds in ranges)
        if rising and sum(map(len, ranges)) <= MOST_SEEDS:
            return [seed for seeds in ranges for seed in seeds]
    raise UserError(
        f"--seeds: expected numbers up to {LARGEST_SEED} and rising ranges such as 3,7,100-199, "
        f"at most {MOST_SEEDS} in all, got {text!r}"
    )


def parse_grid(text: str) -> tuple[int, int]:
    """Reads `8x4`.

    Raises:
        UserError: it is not two numbers.
    """
    match = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", text)
    if not match:
        raise UserError(f"--grid: expected COLUMNSxROWS such as 8x4, got {text!r}")
    return int(match[1]), int(match[2])


def main() -> None:
    """Draws a grid, or a file for each seed."""
    given.check_source()
    seeds = parse_seeds(SEEDS.value)
    if GRID.value:
        columns, rows = parse_grid(GRID.value)
        seeds = list(range(seeds[0], seeds[0] + columns * rows))

    trained = given.read_trained()
    network = trained.network
    if LABELS.value and not network.label_size:
        raise UserError("--labels: expected a generator with classes, got one without: leave it")
    try:
        classes = [int(number) for number in LABELS.value.split(",") if number]
    except ValueError:
        raise UserError(f"--labels: expected class numbers, got {LABELS.value!r}") from None
    if any(number not in range(network.label_size) for number in classes):
        raise UserError(
            f"--labels: expected class numbers from 0 to {network.label_size - 1}, got "
            f"{LABELS.value!r}"
        )
    classes = classes or list(range(max(1, network.label_size)))
    labels = sampling.one_hot_labels(
        [classes[i % len(classes)] for i in range(len(seeds))], network.label_size
    )
    generator = tf.function(fold(trained.generator, network), reduce_retracing=True)
    latents = sampling.latents_from_seeds(seeds, network.latent_size)
    pictures = sampling.generate(generator, latents, labels)

    try:
        if GRID.value:
            path = OUTPUT.value or "grid.png"
            sheet = sampling.make_grid(pictures, columns, pictures.shape[1])
            sampling.write_png(path, sheet)
        else:
            path = OUTPUT.value or "pictures"
            tf.io.gfile.makedirs(path)
            for seed, picture in zip(seeds, pictures, strict=True):
                sampling.write_png(posixpath.join(path, f"seed-{seed:06d}.png"), picture)
    except tf.errors.OpError as error:
        raise UserError(
            f"--output: expected a place that can be written, got {path!r} ({error.message})"
        ) from None
    print(f"Wrote {path}: {len(pictures)} pictures of {pictures.shape[1]} px")


if __name__ == "__main__":
    run(main)
