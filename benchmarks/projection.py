"""How near projections come: to pictures of known latents, and to pictures of others.

    python benchmarks/projection.py [--model=emoji] [--seeds=50] [--held_out=FOLDER --count=8]

A generator's own pictures should come back. One that it has never seen should come back nearer than
the nearest of many samples. Time is given as the processor's, which is not longer when others use
the machine, and as the clock's.
"""

import tfrecords.common.tensorflow_setup  # noqa: F401, I001  (first: it sets TensorFlow up)

import time

import numpy as np
from tqdm import tqdm

from pgan_tf.commands.projection_sheet import draw_projection, psnr_of, read_photos
from pgan_tf.generating.projection import Effort, count_evaluations, project
from pgan_tf.generating.sampler import BATCH_SIZE, Sampler, make_sampler
from pgan_tf.networks.sampling import latents_from_seeds, one_hot_labels
from pgan_tf.runs.packaged import packaged_run
from pgan_tf.runs.trained import from_run
from tfrecords.common.bounds import COUNTS, COUNTS_OR_NONE
from tfrecords.common.command_line import define_number, define_path, define_text, run
from tfrecords.common.paths import join, list_names

MODEL = define_text("model", "emoji", "A network that comes with pgan-tf.")
SEEDS = define_number("seeds", 50, "Pictures of known latents.", COUNTS_OR_NONE)
HELD_OUT = define_path("held_out", None, "Folder of pictures that the network never saw.")
COUNT = define_number("count", 8, "How many of them, evenly spread.", COUNTS)
SAMPLES = define_number("samples", 10_000, "With which they are compared.", COUNTS)

FIRST_SEED = 1_000_000  # none of those at which the search begins


def timed_projection(sampler: Sampler, pictures: np.ndarray) -> np.ndarray:
    """Returns the PSNR of each projection of uint8 pictures, and prints what they took."""
    wall, cpu, targets = time.monotonic(), time.process_time(), pictures / np.float32(127.5) - 1
    with tqdm(total=count_evaluations(len(pictures), Effort()), disable=None) as bar:
        found = project(sampler, targets, [0], each=bar.update)
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    each = (
        f"{cpu / len(pictures):.1f} s of one processor, {wall / len(pictures):.1f} s of the clock"
    )
    print(f"  {each} for each", flush=True)
    return psnr_of(pictures, draw_projection(sampler, found.latents, found.labels))


def nearest_sample(sampler: Sampler, pictures: np.ndarray, count: int) -> np.ndarray:
    """Returns the PSNR of the nearest of `count` samples to each picture."""
    best = np.zeros(len(pictures))
    for start in tqdm(range(0, count, BATCH_SIZE), disable=None):
        seeds = range(FIRST_SEED + start, FIRST_SEED + min(count, start + BATCH_SIZE))
        latents = latents_from_seeds(seeds, sampler.latent_size)
        labels = one_hot_labels([0] * len(latents), sampler.label_size)
        for drawn in sampler.draw(latents, labels):
            best = np.maximum(best, psnr_of(pictures, drawn[None]))
    return best


def main() -> None:
    """Prints how near they come."""
    sampler = make_sampler(from_run(packaged_run(MODEL.value)))
    if SEEDS.value:
        latents = latents_from_seeds(
            range(FIRST_SEED, FIRST_SEED + SEEDS.value), sampler.latent_size
        )
        labels = one_hot_labels([0] * len(latents), sampler.label_size)
        print(f"{SEEDS.value} pictures of known latents:", flush=True)
        psnr = timed_projection(sampler, draw_projection(sampler, latents, labels))
        print(f"  {np.mean(psnr > 35):.0%} above 35 dB; sorted: {np.sort(psnr).round(1).tolist()}")
    if HELD_OUT.value:
        names = sorted(list_names(HELD_OUT.value))
        chosen = np.linspace(0, len(names) - 1, COUNT.value).round().astype(int)
        size = sampler.resolution, sampler.num_channels
        pixels = read_photos([join(HELD_OUT.value, names[i]) for i in chosen], *size).pixels
        print(f"{len(pixels)} pictures that it never saw:", flush=True)
        psnr = timed_projection(sampler, pixels)
        others = nearest_sample(sampler, pixels, SAMPLES.value)
        print(f"  projections {psnr.round(1).tolist()} dB")
        print(f"  nearest of {SAMPLES.value:,} samples {others.round(1).tolist()} dB")
        print(f"  {np.sum(psnr > others)} of {len(psnr)} projections are nearer")


if __name__ == "__main__":
    run(main)
