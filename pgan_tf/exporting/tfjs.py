"""A generator as a TensorFlow.js graph model, with a web page that draws with it.

One folder, ready for any static host, holds the page and any number of generators,
`models/<name>/<version>/`; `models.json` lists the newest version of each: the page's gallery.
"""

from __future__ import annotations

import json
import os
import pathlib
import posixpath
import re
import shlex
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from pgan_tf import sampling
from pgan_tf.exporting.description import describe, write_description
from pgan_tf.exporting.export import Exported, ExportOptions, whole_folder
from pgan_tf.exporting.inference import Form, InferenceGenerator, fold
from pgan_tf.exporting.saved_model import next_version
from pgan_tf.exporting.tfjs_graph import graph_model
from pgan_tf.trained import Trained
from tfrecords.errors import UserError

# Transposed convolutions, the least arithmetic, are slow in browsers.
BROWSER_FORM = Form(upsampling="resize")
LIST = "models.json"
# Built from demo/ by Vite.
PAGE = pathlib.Path(__file__).parent / "page"
_ALLOWED = "[A-Za-z0-9_-]"
# Of `describe`: what the page draws by and shows.
_FOR_THE_PAGE = (
    *("format", "resolution", "num_channels", "latent_size", "label_size", "label_names"),
    *("training_data", "kimg", "is_blend", "alpha", "trained_by", "terms"),
)
_USAGE = """A TensorFlow.js graph model, `model.json` and the files that it names{stored}: \
`latents` float32 (batch, {latent_size}){labels} → `images` float32 (batch, height, width, \
channels) in [-1, 1]. The page in the folder that was exported to draws with it; so do these lines.

    const model = await tf.loadGraphModel("model.json");
    const images = model.execute({{latents{fed}}});"""


def write_tfjs(trained: Trained, options: ExportOptions) -> Exported:
    """Writes a generator for browsers into a folder, beside those that are there already.

    Raises:
        UserError: it can't be written, or its weights do not fit into float16.
    """
    name = options.name or default_name(trained)
    if not re.fullmatch(f"{_ALLOWED}+", name):
        raise UserError(f"--name: expected letters, digits, _ and -, got {name!r}")
    listed = _read_list(options.export_dir)
    models = posixpath.join(options.export_dir, "models", name)
    path = next_version(models)
    generator = fold(trained.generator, trained.network, BROWSER_FORM)
    try:
        files = graph_model(
            browser_function(generator),
            float16=options.quantize == "float16",
            metadata=_metadata(trained, name),
        )
    except ValueError as error:
        raise UserError(f"--quantize=float16: {error}: leave --quantize") from None
    with whole_folder(path) as folder:
        tf.io.gfile.makedirs(folder)
        for file, contents in files.items():
            _write(posixpath.join(folder, file), contents)
        _write(posixpath.join(folder, "preview.png"), _preview(generator))
        write_description(folder, trained, "tfjs", _usage(trained, options))
    try:
        write_page(options.export_dir)
        _write_list(
            options.export_dir,
            listed,
            {"name": name, "path": posixpath.relpath(path, options.export_dir)},
        )
        for older in tf.io.gfile.listdir(models):
            if older.rstrip("/") != posixpath.basename(path):
                tf.io.gfile.rmtree(posixpath.join(models, older))
    except tf.errors.OpError as error:
        raise UserError(
            f"--export_dir: expected a folder that can be written, got {options.export_dir!r} "
            f"({error.message}): name another"
        ) from None
    folder = options.export_dir
    if "://" not in folder:
        folder = os.path.abspath(folder)
    return Exported(
        path,
        (
            f"python -m http.server 8000 --directory={shlex.quote(folder)}",
            "then open http://localhost:8000",
        ),
    )


def write_page(folder: str) -> None:
    """Writes the page, in the place of an older one; `index.html` last: it names the others."""
    assets = posixpath.join(folder, "assets")
    tf.io.gfile.makedirs(assets)
    for file in (*(PAGE / "assets").iterdir(), PAGE / "licenses.md", PAGE / "index.html"):
        path = posixpath.join(folder, file.relative_to(PAGE).as_posix())
        _write(f"{path}.partial", file.read_bytes())
        tf.io.gfile.rename(f"{path}.partial", path, overwrite=True)
    current = {file.name for file in (PAGE / "assets").iterdir()}
    for name in tf.io.gfile.listdir(assets):
        if name not in current:
            tf.io.gfile.remove(posixpath.join(assets, name))


def browser_function(generator: InferenceGenerator) -> Callable:
    """Returns a generator as a `tf.function` for `tfjs_graph.graph_model`.

    Returns:
        `latents` float32 (batch, latent_size) and, with classes, `labels` float32
        (batch, label_size) → `{"images": …}`, float32 (batch, height, width, channels),
        clipped to [-1, 1].
    """
    config = generator.config
    names = {"latents": config.latent_size, "labels": config.label_size}

    def images(*inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"images": tf.clip_by_value(generator(inputs), -1.0, 1.0)}

    return tf.function(
        images,
        input_signature=[
            tf.TensorSpec((None, size), tf.float32, name=name)
            for name, size in names.items()
            if size
        ],
        autograph=False,
    )


def default_name(trained: Trained) -> str:
    """Returns the name of the run or file that a generator comes from, fit for an address."""
    parts = trained.source.split("/")
    # RUN/checkpoints/FILE
    name = parts[-3] if parts[-2:-1] == ["checkpoints"] and len(parts) > 2 else parts[-1]
    return re.sub(f"((?!{_ALLOWED}).)+", "-", posixpath.splitext(name)[0]).strip("-") or "generator"


def _metadata(trained: Trained, name: str) -> dict[str, Any]:
    known = describe(trained, "tfjs")
    return {"name": name, **{key: known[key] for key in _FOR_THE_PAGE}}


def _usage(trained: Trained, options: ExportOptions) -> str:
    network = trained.network
    classes = network.label_size
    return _USAGE.format(
        stored=f" (weights in {options.quantize})" if options.quantize else "",
        latent_size=network.latent_size,
        labels=f" and `labels` float32 (batch, {classes})" if classes else "",
        fed=", labels" if classes else "",
    )


def _preview(generator: InferenceGenerator) -> bytes:
    """Returns a PNG file of the picture that the page shows first."""
    config = generator.config
    latents = sampling.latents_from_seeds([0], config.latent_size)
    labels = sampling.one_hot_labels([0], config.label_size)
    return sampling.encode_png(sampling.generate(generator, latents, labels)[0])


def _read_list(export_dir: str) -> list[dict[str, str]]:
    path = posixpath.join(export_dir, LIST)
    try:
        if not tf.io.gfile.exists(path):
            return []
        with tf.io.gfile.GFile(path) as file:
            models = json.loads(file.read())
        return [{"name": model["name"], "path": model["path"]} for model in models]
    except (tf.errors.OpError, ValueError, TypeError, KeyError) as error:
        raise UserError(
            f"{path}: expected a list of names and paths ({error!r}): mend it or remove it"
        ) from None


def _write_list(export_dir: str, models: list[dict[str, str]], entry: dict[str, str]) -> None:
    """Writes the list with a model in it, in the place of an older version or at the end."""
    names = [model["name"] for model in models]
    at = names.index(entry["name"]) if entry["name"] in names else len(names)
    models = [*models[:at], entry, *models[at + 1 :]]
    file = posixpath.join(export_dir, LIST)
    _write(f"{file}.partial", json.dumps(models, indent=2).encode())
    tf.io.gfile.rename(f"{file}.partial", file, overwrite=True)


def _write(path: str, contents: bytes) -> None:
    with tf.io.gfile.GFile(path, "wb") as file:
        file.write(contents)
