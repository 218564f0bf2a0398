"""Chooses TensorFlow's threads for a run on a CPU.

By default each operation is split over all cores. Operations of small networks are too short for
that: handing out the parts takes longer than what it saves. With one thread for each operation, and
independent operations side by side, they train faster. docs/performance.md has the measurements.
"""

import contextlib
import os

import tensorflow as tf

from pgan_tf.config.per_resolution import PerResolution
from tfrecords.common.bounds import RESOLUTIONS

# A convolution of r x r pixels with fmap_base / (r / 2) feature maps takes 72 x fmap_base^2
# operations for each picture, at any r. Up to this many for a batch, one thread was never slower.
_MOST_SMALL = 72 * 256**2 * 16


def choose_threads(fmap_base: int, fmap_decay: float, batch_size: PerResolution) -> None:
    """Gives each operation one thread if the networks are small, without a GPU.

    Call it before anything else uses TensorFlow's devices: threads can't change later. The
    environment variable TF_NUM_INTRAOP_THREADS wins.
    """
    operations = 72 * fmap_base**2 * batch_size.at(int(RESOLUTIONS.upper))
    small = fmap_decay >= 1 and operations <= _MOST_SMALL
    chosen = "TF_NUM_INTRAOP_THREADS" in os.environ
    if small and not chosen and not tf.config.list_physical_devices("GPU"):
        with contextlib.suppress(RuntimeError):  # TensorFlow runs already, with the threads it has
            tf.config.threading.set_intra_op_parallelism_threads(1)
