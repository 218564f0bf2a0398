"""Opens what `--format=safetensors` wrote: a description and numbers, no code."""

import json
import posixpath

import keras

from pgan_tf.exporting.safetensors_file import CONFIG_FILE, WEIGHTS_FILE
from pgan_tf.networks.stock import to_stock
from pgan_tf.networks.torch_layout import open_network
from tfrecords.common.errors import UserError
from tfrecords.common.paths import read_whole
from tfrecords.common.text import printable

_MOST_BYTES = 2**31  # of the weights
_MOST_CONFIG_BYTES = 2**22


def open_safetensors(folder: str, argument: str) -> keras.Model:
    """Builds the network of an export's folder, as `build_stock`; UserError if it is another.

    `argument` is what messages call the folder.
    """
    try:
        from safetensors import SafetensorError
        from safetensors.numpy import load
    except ImportError as error:
        words = "expected its package: pip install safetensors"
        raise UserError(f"{argument}: {error}: {words}") from None
    path = posixpath.join(folder, WEIGHTS_FILE)
    try:
        known = json.loads(read_whole(posixpath.join(folder, CONFIG_FILE), _MOST_CONFIG_BYTES))
        return to_stock(open_network(known, load(read_whole(path, _MOST_BYTES))))
    except (ValueError, LookupError, TypeError, RecursionError, SafetensorError) as error:
        why = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(
            f"{argument}: expected what export.py --format=safetensors writes, got "
            f"{printable(path)} ({printable(why)[:200]})"
        ) from None
