"""The formats that a generator can be exported in, by name."""

from pgan_tf.exporting.runtimes import write_litert, write_onnx
from pgan_tf.exporting.saved_model import write_saved_model
from pgan_tf.exporting.tfjs import write_tfjs
from pgan_tf.exporting.writer import Writer

FORMATS: dict[str, Writer] = {
    "saved_model": write_saved_model,
    "tfjs": write_tfjs,
    "onnx": write_onnx,
    "litert": write_litert,
}
