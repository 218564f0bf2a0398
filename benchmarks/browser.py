"""How fast each engine draws an export in a browser, and what a visitor downloads for it.

python benchmarks/browser.py [--resolution=64] [--fmap_base=512] [--fmap_max=128]

Headless Chromium, WebAssembly, one thread, one picture at a time, after one that does not count.
Needs Chromium, `cd demo && npm ci`, and requirements-dev.txt.
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

from pgan_tf.config.schedule import Stage
from pgan_tf.config.training import NetworkConfig
from pgan_tf.exporting.litert_file import write_litert
from pgan_tf.exporting.onnx_file import write_onnx
from pgan_tf.exporting.tfjs import write_tfjs
from pgan_tf.exporting.writer import ExportOptions
from pgan_tf.networks.generator import build_generator
from pgan_tf.networks.sampling import latents_from_seeds
from pgan_tf.runs.trained import Trained
from tfrecords.common.bounds import COUNTS, RESOLUTIONS
from tfrecords.common.command_line import define_number, run

RESOLUTION = define_number("resolution", 64, "In pixels.", RESOLUTIONS)
FMAP_BASE = define_number("fmap_base", 512, "As of train.py.", COUNTS)
FMAP_MAX = define_number("fmap_max", 128, "As of train.py.", COUNTS)
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
    size, base = RESOLUTION.value, FMAP_BASE.value
    network = NetworkConfig(resolution=size, fmap_base=base, fmap_max=FMAP_MAX.value)
    stage = Stage(0, network.resolution, "stabilize", 0, 1)
    trained = Trained(build_generator(stage, network), network, stage, 1.0, "a test", "", 0.0)
    latents = latents_from_seeds([0], network.latent_size)
    expected = np.clip(trained.generator([latents, np.zeros((1, 0))]).numpy(), -1, 1)
    inputs = {"seed": 0, "latents": latents.tolist()}
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
