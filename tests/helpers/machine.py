"""How fast this machine is, for tests that measure seconds."""

import functools

from pgan_tf.planning.measurement import matrix_product_gflops

# Of the machine that the seconds were measured on: docs/performance.md.
REFERENCE_GFLOPS = 480


@functools.cache
def slowness():
    """By how much longer something may take here: the ratio of the matrix products' speeds."""
    return max(1.0, REFERENCE_GFLOPS / matrix_product_gflops("float32"))
