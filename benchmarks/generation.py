"""How many pictures a second a generator draws: while it trains, folded, and exported.

python benchmarks/generation.py [--resolution=128] [--fmap_base=2048] [--batch_size=8]
"""

import tfrecords.common.tensorflow_setup  # noqa: F401, I001  (first: it sets TensorFlow up)

import tempfile
import time
from collections.abc import Callable

import tensorflow as tf

from pgan_tf.config.schedule import Stage
from pgan_tf.config.training import NetworkConfig
from pgan_tf.networks.folded import fold
from pgan_tf.networks.generator import build_generator
from pgan_tf.planning.flops import generation_flops
from pgan_tf.planning.measurement import matrix_product_gflops
from tfrecords.common.bounds import COUNTS, RESOLUTIONS, Bounds
from tfrecords.common.command_line import define_number, run

RESOLUTION = define_number("resolution", 128, "In pixels.", RESOLUTIONS)
FMAP_BASE = define_number("fmap_base", 2048, "As of train.py.", COUNTS)
BATCH_SIZE = define_number("batch_size", 8, "Pictures drawn together.", COUNTS)
SECONDS = define_number("seconds", 4.0, "For each way of drawing.", Bounds(0, 3600))


def images_per_second(draw: Callable[[tf.Tensor], tf.Tensor], latents: tf.Tensor) -> float:
    """Draws batches for a while; the first one, which compiles, does not count."""
    draw(latents).numpy()
    batches, begin = 0, time.monotonic()
    while time.monotonic() - begin < SECONDS.value:
        draw(latents).numpy()
        batches += 1
    return batches * len(latents) / (time.monotonic() - begin)


def main() -> None:
    """Prints images a second of each, beside a matrix product."""
    network = NetworkConfig(resolution=RESOLUTION.value, fmap_base=FMAP_BASE.value)
    stage = Stage(0, network.resolution, "stabilize", 0, 1)
    generator = build_generator(stage, network)
    folded = fold(generator, network)
    latents = tf.random.stateless_normal((BATCH_SIZE.value, network.latent_size), (0, 0))
    labels = tf.zeros((BATCH_SIZE.value, 0))
    as_trained = tf.function(lambda one: generator([one, labels], training=False))
    as_folded = tf.function(lambda one: folded([one, labels]))
    gflops = generation_flops(stage, network) / 1e9
    product = matrix_product_gflops("float32")
    print(f"matrix product {product:.0f} GFLOP/s; {gflops:.2f} GFLOP a picture")
    with tempfile.TemporaryDirectory() as folder:
        module = tf.Module()
        module.variables_kept = folded.variables
        signature = as_folded.get_concrete_function(tf.TensorSpec(latents.shape, tf.float32))
        tf.saved_model.save(module, folder, signatures={"serving_default": signature})
        loaded = tf.saved_model.load(folder).signatures["serving_default"]
        exported = lambda one: next(iter(loaded(one).values()))  # noqa: E731
        for name, draw in (
            ("as trained", as_trained),
            ("folded", as_folded),
            ("exported", exported),
        ):
            speed = images_per_second(draw, latents)
            print(f"{name}: {speed:.1f} images/s, {100 * speed * gflops / product:.0f}% of it")


if __name__ == "__main__":
    run(main)
