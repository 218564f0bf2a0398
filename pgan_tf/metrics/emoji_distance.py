"""Fréchet distance in the features of a small classifier of emoji.

The distance is that of `frechet_distance`. The network is this project's own: `emoji.npz`, which
`benchmarks/emoji_classifier.py` trains to tell the 99 subcategories of Google's emoji apart. It
needs no download, is fast, and knows pictures with few colors, clear shapes and a white background.
Of other pictures its features say little: take `fid` for them.
"""

import functools
import hashlib
import io
import pathlib
from collections.abc import Sequence

import keras
import numpy as np

from pgan_tf.metrics.frechet_distance import MomentCollector, frechet_distance
from pgan_tf.metrics.metric import Metric
from pgan_tf.networks.sampling import average_down
from tfrecords.common.errors import UserError
from tfrecords.common.text import counted

SIDE = 32  # larger pictures are averaged down to it
WEIGHTS = pathlib.Path(__file__).with_name("emoji.npz")
WEIGHTS_SHA256 = "238bead217dec34d384d6176c7c12fa2f4b23155ae9f20bf614383bb26617575"
# Output maps and stride of each 3x3 convolution. The last ones' means over the picture are the
# features.
_CONVOLUTIONS = ((32, 1), (48, 2), (64, 2), (96, 1))


def build_network() -> keras.Model:
    """Builds the network with initial weights: `(n, 32, 32, 3)` in 0 to 255 → `(n, 96)` float32."""
    layers = keras.layers
    x = pictures = keras.Input((SIDE, SIDE, 3), name="pictures")
    x = layers.Rescaling(1 / 127.5, -1.0)(x)
    for maps, stride in _CONVOLUTIONS:
        options = {"padding": "same", "activation": "relu", "kernel_initializer": "he_normal"}
        x = layers.Conv2D(maps, 3, stride, **options)(x)
    return keras.Model(pictures, layers.GlobalAveragePooling2D()(x), name="emoji")


def pack_weights(weights: Sequence[np.ndarray]) -> bytes:
    """Returns weights in half precision as the contents of an .npz file."""
    file = io.BytesIO()
    np.savez(file, *(one.astype(np.float16) for one in weights))
    return file.getvalue()


@functools.cache
def load_network() -> keras.Model:
    """Loads the trained network. Raises UserError if its file is not the one of this version."""
    contents = WEIGHTS.read_bytes()
    sha256 = hashlib.sha256(contents).hexdigest()
    if sha256 != WEIGHTS_SHA256:
        raise UserError(
            f"emoji_fd: expected sha256 {WEIGHTS_SHA256} of {WEIGHTS}, got {sha256}: install "
            "pgan-tf again"
        )
    network = build_network()
    with np.load(io.BytesIO(contents)) as arrays:
        network.set_weights([arrays[name].astype(np.float32) for name in arrays.files])
    return network


def features_of(pictures: np.ndarray) -> np.ndarray:
    """Returns the features, `(n, 96)` float32, of `(n, s, s, 3)` uint8 pictures, s = 32 * 2ⁿ."""
    return load_network().predict_on_batch(average_down(pictures, SIDE))


def make_emoji_fd(resolution: int, num_channels: int) -> Metric:
    """Returns the metric `emoji_fd`. Raises UserError if pictures are not RGB, or too small."""
    if num_channels != 3 or resolution < SIDE:
        got = f"{resolution} px with {counted(num_channels, 'channel')}"
        raise UserError(
            f"emoji_fd: expected pictures of at least {SIDE} px in RGB, got {got}: choose others"
        )

    def compare(reals: MomentCollector, fakes: MomentCollector) -> dict[str, float]:
        return {"emoji_fd": frechet_distance(reals.moments, fakes.moments)}

    return Metric(
        "emoji_fd",
        lambda which: MomentCollector(features_of),
        compare,
        "emoji_fd",
        "lower",
        f"box average to {SIDE} px",
        network_sha256=WEIGHTS_SHA256,
    )
