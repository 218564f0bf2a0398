"""Size, speed and exactness of every export format: the table of docs/exports.md.

python benchmarks/exports.py [--run_dir=RUN] [--formats=keras,onnx]

Without a run it takes the packaged generator of emoji, of 64 px. Skips formats whose packages are
not installed: PyTorch, for safetensors. Those in a browser: benchmarks/browser.py.
"""

import tfrecords.common.tensorflow_setup  # noqa: F401, I001  (first: it sets TensorFlow up)

import contextlib
import importlib
import importlib.util
import os
import pathlib
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from absl import flags

from pgan_tf.generating.formats.by_name import find_writer
from pgan_tf.exporting.writer import ExportOptions
from pgan_tf.generating.sampler import make_sampler
from pgan_tf.networks.sampling import latents_from_seeds, one_hot_labels
from pgan_tf.runs.packaged import packaged_run
from pgan_tf.runs.trained import from_run
from tfrecords.common.bounds import Bounds
from tfrecords.common.command_line import define_number, define_path, run

Draw = Callable[[dict[str, np.ndarray]], Any]  # from inputs by name to pictures

RUN_DIR = define_path("run_dir", None, "Folder of a run. Default: the packaged emoji.")
FORMATS = flags.DEFINE_list(
    "formats", "saved_model,keras,safetensors,huggingface,onnx,litert,tfjs", "Which ones."
)
SECONDS = define_number("seconds", 4.0, "For each format.", Bounds(0, 3600))


def open_saved_model(folder: str) -> Draw:
    """Opens a version's SavedModel."""
    loaded = tf.saved_model.load(folder)
    signature = loaded.signatures["serving_default"]
    kept = [loaded]  # the signature alone does not keep the variables alive
    as_tensors = lambda inputs: {name: tf.constant(one) for name, one in inputs.items()}  # noqa: E731
    return lambda inputs: kept and signature(**as_tensors(inputs))["images"].numpy()


def open_keras(folder: str) -> Draw:
    """Opens a version's Keras file, compiled as Keras does when it predicts."""
    import keras

    model = keras.saving.load_model(f"{folder}/generator.keras")
    compiled = tf.function(lambda inputs: model(inputs if len(inputs) > 1 else inputs[0]))
    return lambda inputs: compiled([tf.constant(one) for one in inputs.values()]).numpy()


def open_onnx(folder: str) -> Draw:
    """Opens a version's ONNX model."""
    import onnxruntime

    session = onnxruntime.InferenceSession(f"{folder}/model.onnx")
    return lambda inputs: session.run(["images"], inputs)[0]


def open_litert(folder: str) -> Draw:
    """Opens a version's LiteRT model."""
    from ai_edge_litert.interpreter import Interpreter

    threads = len(os.sched_getaffinity(0))
    interpreter = Interpreter(f"{folder}/model.tflite", num_threads=threads)
    runner = interpreter.get_signature_runner("serving_default")
    return lambda inputs: np.array(runner(**inputs)["images"])


def open_safetensors(folder: str) -> Draw:
    """Imports a version's module, which needs PyTorch."""
    torch: Any = importlib.import_module("torch")  # which no requirements file brings
    spec = importlib.util.spec_from_file_location("generator", f"{folder}/generator.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    generator = module.load()

    def draw(inputs: dict[str, np.ndarray]) -> np.ndarray:
        with torch.no_grad():
            images = generator(*(torch.from_numpy(one) for one in inputs.values()))
        return images.numpy().transpose(0, 2, 3, 1)

    return draw


OPENERS: dict[str, Callable[[str], Draw]] = {
    "saved_model": open_saved_model,
    "keras": open_keras,
    "safetensors": open_safetensors,
    "huggingface": open_keras,
    "onnx": open_onnx,
    "litert": open_litert,
}


def size_of(folder: str) -> int:
    """Returns the bytes of a version's model, without its description."""
    described = ("pgan.json", "pgan-export.json", "model_card.md", "README.md")
    files = [os.path.join(root, name) for root, _, names in os.walk(folder) for name in names]
    return sum(os.path.getsize(path) for path in files if os.path.basename(path) not in described)


def milliseconds(draw: Draw, inputs: dict[str, np.ndarray]) -> float:
    """Returns the median time to draw once; the first time, which compiles, does not count."""
    draw(inputs)
    taken, begin = [0.0], time.perf_counter()
    while time.perf_counter() - begin < SECONDS.value:
        start = time.perf_counter()
        draw(inputs)
        taken.append(time.perf_counter() - start)
    return 1000 * float(np.median(taken[1:] or taken))


def main() -> None:
    """Prints a line per format: megabytes, milliseconds a picture, and the largest difference."""
    trained = from_run(RUN_DIR.value or packaged_run("emoji"))
    latents = latents_from_seeds(range(16), trained.network.latent_size)
    labels = one_hot_labels(range(16), trained.network.label_size)
    expected = np.clip(make_sampler(trained).images(latents, labels), -1, 1)
    inputs = {"latents": latents} | ({"labels": labels} if labels.size else {})
    for kind in FORMATS.value:
        with tempfile.TemporaryDirectory() as folder:
            with contextlib.redirect_stdout(None):  # converters talk
                find_writer(kind)(trained, ExportOptions(folder))
            version = next(pathlib.Path(folder).rglob("pgan-export.json")).parent
            print(f"{kind}: {size_of(str(version)) / 1e6:.2f} MB", end="", flush=True)
            try:
                draw = OPENERS[kind](str(version))
            except (KeyError, ImportError) as error:
                print(f", not drawn here: {error!r}")
                continue
            taken = milliseconds(draw, {name: one[:1] for name, one in inputs.items()})
            difference = np.abs(draw(inputs) - expected).max()
            print(f", {taken:.1f} ms a picture, differs by {difference:.1e}")


if __name__ == "__main__":
    run(main)
