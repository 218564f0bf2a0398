"""A repository of the Hugging Face Hub: what is drawn with of it."""

import posixpath

from pgan_tf.exporting import hub
from pgan_tf.exporting.keras_file import KERAS_FILE
from pgan_tf.exporting.safetensors_file import WEIGHTS_FILE
from tfrecords.common.errors import UserError
from tfrecords.common.paths import list_names
from tfrecords.common.text import printable


def download_export(address: str, argument: str) -> str:
    """Downloads what `hub.download` does: data. Returns the Keras file, else the folder."""
    folder = hub.download(address, argument)
    names = list_names(folder)
    if KERAS_FILE in names:
        return posixpath.join(folder, KERAS_FILE)
    if WEIGHTS_FILE not in names:
        got = f"got {printable(address)} without"
        expected = f"expected a repository with {KERAS_FILE} or {WEIGHTS_FILE}"
        raise UserError(f"{argument}: {expected}, {got}")
    return folder
