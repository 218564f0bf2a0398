"""How fast each engine draws an export in a browser, and what a visitor downloads for it.

python benchmarks/browser.py [--run_dir=RUN]

Without a run it draws the packaged generator of emoji, of 64 px. Headless Chromium, WebAssembly,
one thread, one picture at a time, after one that does not count. Needs Chromium, `cd demo && npm
ci`, and requirements-dev.txt.
"""

import tfrecords.common.tensorflow_setup  # noqa: F401, I001  (first: it sets TensorFlow up)

import contextlib
import functools
import http.server
import pathlib
import shutil
import statistics
import tempfile
import threading
from collections.abc import Iterator

import numpy as np
from playwright.sync_api import sync_playwright

from pgan_tf.exporting.litert_file import write_litert
from pgan_tf.exporting.onnx_file import write_onnx
from pgan_tf.exporting.tfjs import write_tfjs
from pgan_tf.exporting.writer import ExportOptions
from pgan_tf.networks.sampling import latents_from_seeds, one_hot_labels
from pgan_tf.runs.packaged import packaged_run
from pgan_tf.runs.trained import Trained, from_run
from tfrecords.common.bounds import COUNTS
from tfrecords.common.command_line import define_number, define_path, run

RUN_DIR = define_path("run_dir", None, "Folder of a run. Default: the packaged emoji.")
PICTURES = define_number("pictures", 10, "Drawn by each engine in each of its turns.", COUNTS)
ENGINES, ROUNDS = ("tfjs", "onnx", "litert"), 5
DEMO = pathlib.Path(__file__).parents[1] / "demo"


def export(trained: Trained, folder: pathlib.Path) -> None:
    """Fills a folder with what demo/engines.html draws."""
    write_tfjs(trained, ExportOptions(f"{folder}/web", name="generator"))
    for writer, kind in ((write_onnx, "onnx"), (write_litert, "tflite")):
        path = writer(trained, ExportOptions(f"{folder}/{kind}")).path
        shutil.move(path, folder / f"model.{kind}")
    shutil.copy(DEMO / "engines.html", folder / "index.html")
    (folder / "modules").symlink_to(DEMO / "node_modules")


class _Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        """Says nothing."""


@contextlib.contextmanager
def served(folder: pathlib.Path) -> Iterator[str]:
    """Yields the address of a folder."""
    handler = functools.partial(_Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def main() -> None:
    """Prints megabytes, milliseconds and the largest difference from Python of each engine."""
    trained = from_run(RUN_DIR.value or packaged_run("emoji"))
    latents = latents_from_seeds([0], trained.network.latent_size)
    labels = one_hot_labels([0], trained.network.label_size)
    expected = np.clip(trained.generator([latents, labels]).numpy(), -1, 1)
    inputs = {"seed": 0, "latents": latents.tolist(), "labels": labels.tolist()}
    with tempfile.TemporaryDirectory() as name, sync_playwright() as api:
        folder = pathlib.Path(name)
        export(trained, folder)
        chromium = shutil.which("chromium")
        browser = api.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        with served(folder) as address:
            pages = {engine: browser.new_page() for engine in ENGINES}
            loaded: dict[str, set[str]] = {engine: set() for engine in ENGINES}
            drawn, taken = {}, {engine: [] for engine in ENGINES}
            for engine, page in pages.items():
                page.on("request", lambda request, urls=loaded[engine]: urls.add(request.url))
                page.goto(address)
                page.wait_for_function("'time' in window")
                drawn[engine] = page.evaluate("([e, i]) => draw(e, i)", [engine, inputs])
            for _ in range(ROUNDS):  # take turns, for machines that do other work, too
                for engine, page in pages.items():
                    given = [engine, inputs, PICTURES.value]
                    taken[engine] += page.evaluate("([e, i, n]) => time(e, i, n)", given)
            for engine in ENGINES:
                files = [folder / url.removeprefix(address) for url in loaded[engine] - {address}]
                sizes = {file: file.stat().st_size for file in files if file.is_file()}
                model = sum(size for file, size in sizes.items() if _is_model(file))
                rest = sum(sizes.values()) - model
                difference = np.abs(np.float32(drawn[engine]) - expected.ravel()).max()
                print(
                    f"{engine}: engine {rest / 1e6:.2f} MB, model {model / 1e6:.2f} MB, "
                    f"{statistics.median(taken[engine]):.1f} ms a picture (least "
                    f"{min(taken[engine]):.1f}), differs by {difference:.1e}"
                )
        browser.close()


def _is_model(file: pathlib.Path) -> bool:
    return "models" in file.parts or file.suffix in (".onnx", ".tflite")


if __name__ == "__main__":
    run(main)
