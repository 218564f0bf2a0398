"""The export formats, by name. No TensorFlow until one is used."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pgan_tf.exporting.writer import Writer

FORMATS = ("keras", "litert", "onnx", "safetensors", "saved_model", "tfjs")


def find_writer(name: str) -> "Writer":
    """Returns the writer of a format, one of `FORMATS`."""
    from pgan_tf.exporting.keras_file import write_keras
    from pgan_tf.exporting.litert_file import write_litert
    from pgan_tf.exporting.onnx_file import write_onnx
    from pgan_tf.exporting.safetensors_file import write_safetensors
    from pgan_tf.exporting.saved_model import write_saved_model
    from pgan_tf.exporting.tfjs import write_tfjs

    writers: dict[str, Writer] = {
        "keras": write_keras,
        "litert": write_litert,
        "onnx": write_onnx,
        "safetensors": write_safetensors,
        "saved_model": write_saved_model,
        "tfjs": write_tfjs,
    }
    return writers[name]
