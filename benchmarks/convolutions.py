"""Which way of convolving is faster, layer by layer: what `winograd_pays` goes by.

    python benchmarks/convolutions.py [--batch_size=16] [--layers=4:512:512,8:512:512:down,…]

A layer is SIDE:IN:OUT, or with :up or :down; the side is of the pictures convolved. Times are of
the way forwards and both ways back (by inputs, by kernel), the best of some.
"""

import tfrecords.common.tensorflow_setup  # noqa: F401, I001  (first: it sets TensorFlow up)

import time

import tensorflow as tf
from absl import flags

from pgan_tf.networks.layers.convolution import Resample, apply_kernel, prepare_kernel
from pgan_tf.networks.layers.winograd import Winograd
from tfrecords.common.bounds import COUNTS
from tfrecords.common.command_line import define_number, run

LAYERS = flags.DEFINE_list(
    "layers",
    "4:512:512,8:512:512,8:512:512:down,8:512:512:up,16:256:256,16:256:512:down,16:512:256:up,"
    "32:128:128,32:128:256:down,32:256:128:up,64:64:64,64:64:128:down,64:128:64:up",
    "See above.",
)
BATCH_SIZE = define_number("batch_size", 16, "Pictures.", COUNTS)
_ROUNDS = 5


def milliseconds(
    layer: tuple[int, int, int], resample: Resample, dtype: str, *, winograd: bool
) -> float:
    """Times one layer with a kernel that is prepared beforehand."""
    side, maps_in, maps_out = layer
    up = resample == "up"
    side = side // 2 if up else side
    inputs = tf.cast(tf.random.normal((BATCH_SIZE.value, side, side, maps_in)), dtype)
    kernel = tf.random.normal((3, 3, *((maps_out, maps_in) if up else (maps_in, maps_out))))
    way = Winograd(2 if layer[0] == 4 else 4, resample)
    if winograd:
        kernel = way.transform_kernel(kernel)
    else:
        kernel = prepare_kernel(kernel, resample, inputs.dtype)

    def convolve(x: tf.Tensor, w: tf.Tensor) -> tf.Tensor:
        return way.convolve(x, w) if winograd else apply_kernel(x, w, resample)

    gradient = tf.random.normal(convolve(inputs, kernel).shape)

    @tf.function
    def there_and_back(x: tf.Tensor, w: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch((x, w))
            y = convolve(x, w)
        return tape.gradient(y, (x, w), output_gradients=tf.cast(gradient, y.dtype))

    times = []
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        for one in there_and_back(inputs, kernel):
            one.numpy()
        times.append(time.perf_counter() - start)
    return 1e3 * min(times)


def main() -> None:
    """Prints a row for each layer."""
    print("layer                 ms: Winograd, plain; in bfloat16: Winograd, plain")
    for words in LAYERS.value:
        side, maps_in, maps_out, *rest = words.split(":")
        layer = int(side), int(maps_in), int(maps_out)
        resample = rest[0] if rest else None
        times = [
            milliseconds(layer, resample, dtype, winograd=winograd)
            for dtype in ("float32", "bfloat16")
            for winograd in (True, False)
        ]
        print(f"{words:20}", *(f"{time_:8.1f}" for time_ in times), flush=True)


if __name__ == "__main__":
    run(main)
