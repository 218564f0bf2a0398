"""Other engines for the page: ONNX Runtime Web and LiteRT.js, from a folder of npm packages.

Neither comes with this project: each is ten times as large as the page.
"""

import os
import pathlib
from collections.abc import Callable, Mapping

from pgan_tf.exporting.litert_file import checked_litert
from pgan_tf.exporting.onnx_file import checked_onnx
from pgan_tf.runs.trained import Trained
from tfrecords.common.errors import UserError

FOLDER = "engines/"  # of their files, beside the page
_LITERT = ("litert_wasm_internal", "litert_wasm_compat_internal")  # without and with old browsers
# By engine: its files in the page's folder, and in that of npm.
_FILES: Mapping[str, Mapping[str, str]] = {
    "onnx": {
        name: f"onnxruntime-web/dist/{name}"
        for name in (
            "ort.wasm.min.mjs",
            "ort-wasm-simd-threaded.mjs",
            "ort-wasm-simd-threaded.wasm",
        )
    },
    "litert": {
        "index.js": "@litertjs/core/dist/index.js",
        "wasm-utils.js": "@litertjs/wasm-utils/dist/bundle.js",
        **{
            f"wasm/{name}.{kind}": f"@litertjs/core/wasm/{name}.{kind}"
            for name in _LITERT
            for kind in ("js", "wasm")
        },
    },
}
# Names of packages, which a browser does not resolve.
_IMPORTS = {b'"@litertjs/wasm-utils"': b'"./wasm-utils.js"'}
# By engine: the file that it draws with, beside model.json.
_MODELS: Mapping[str, tuple[str, Callable[[Trained, str], bytes]]] = {
    "onnx": ("model.onnx", checked_onnx),
    "litert": ("model.tflite", checked_litert),
}


def read_engines(node_modules: str) -> dict[str, dict[str, bytes]]:
    """Returns the engines in a folder: from names of the page's files to their contents.

    Raises UserError if there is none, or one lacks a file.
    """
    found: dict[str, dict[str, bytes]] = {}
    for engine, names in _FILES.items():
        paths = {name: pathlib.Path(node_modules, one) for name, one in names.items()}
        there = [path for path in paths.values() if path.is_file()]
        if there and len(there) < len(paths):
            missing = next(path for path in paths.values() if path not in there)
            raise UserError(f"--engines: expected {missing}, got none: npm install it again")
        if there:
            found[engine] = {
                f"{FOLDER}{engine}/{name}": _resolved(path.read_bytes())
                for name, path in paths.items()
            }
    if not found:
        raise UserError(
            f"--engines: expected npm's node_modules with onnxruntime-web or @litertjs/core, got "
            f"{os.fspath(node_modules)!r}: npm install onnxruntime-web @litertjs/core"
        )
    return found


def models_of_engines(trained: Trained, engines: Mapping[str, object]) -> dict[str, bytes]:
    """Returns what engines draw with, by file name. UserError if that is not possible."""
    made = [_MODELS[engine] for engine in engines]
    return {name: make(trained, "tfjs") for name, make in made}


def _resolved(script: bytes) -> bytes:
    for name, path in _IMPORTS.items():
        script = script.replace(b"from " + name, b"from " + path)
    return script
