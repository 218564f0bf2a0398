"""A generator as a TensorFlow.js graph model, with a web page that draws with it.

One folder, ready for any static host, holds the page and any number of generators,
`models/<name>/<version>/`; `models.json` lists the newest version of each: the page's gallery.
"""

from __future__ import annotations

import os
import posixpath
import shlex
from typing import Any

import tensorflow as tf

from pgan_tf.exporting.gallery import (
    check_place,
    default_name,
    is_name,
    read_list,
    write_list,
)
from pgan_tf.exporting.manifest import free_version, list_folder, remove_version
from pgan_tf.exporting.model_card import describe, write_description
from pgan_tf.exporting.page_files import begin_page, read_page, write_page
from pgan_tf.exporting.signatures import TfFunction
from pgan_tf.exporting.tfjs_graph import graph_model
from pgan_tf.exporting.writer import (
    Exported,
    ExportOptions,
    exporting_into,
    whole_version,
    writing,
)
from pgan_tf.networks import sampling
from pgan_tf.networks.folded import Form, InferenceGenerator, fold
from pgan_tf.runs.trained import Trained
from tfrecords.common.errors import UserError
from tfrecords.pictures.picture_file import encode_picture

# Transposed convolutions, the least arithmetic, are slow in browsers.
BROWSER_FORM: Form = "resize"
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
        UserError: it can't be written, something that no export wrote is in its way, or its
            weights do not fit into float16.
    """
    name = options.name or default_name(trained)
    if not is_name(name):
        raise UserError(
            f"--name: expected letters, digits, and . _ - between them, got {name[:100]!r}: give "
            f"another"
        )
    export_dir = options.export_dir.rstrip("/") or "/"
    models = posixpath.join(export_dir, "models", name)
    with exporting_into(export_dir):
        page = read_page(export_dir)
        listed = read_list(export_dir)
        check_place(export_dir, listed, name, trained, chosen=bool(options.name))
        path = free_version(models)
        generator = fold(trained.generator, trained.network, BROWSER_FORM)
        try:
            files = graph_model(
                browser_function(generator),
                float16=options.quantize == "float16",
                metadata=_metadata(trained, name),
            )
        except ValueError as error:
            raise UserError(f"--quantize=float16: {error}: leave --quantize") from None
        with writing(export_dir):
            page = begin_page(export_dir, page)
            with whole_version(path, trained) as folder:
                for file, contents in files.items():
                    _write(posixpath.join(folder, file), contents)
                _write(posixpath.join(folder, "preview.png"), _preview(generator))
                write_description(folder, trained, "tfjs", _usage(trained, options))
            kept = write_page(export_dir, page)
            entry = {"name": name, "path": posixpath.relpath(path, export_dir)}
            write_list(export_dir, listed, entry)
            for older in list_folder(models):
                if older.isdecimal() and older != posixpath.basename(path):
                    kept += remove_version(posixpath.join(models, older))
    shown = export_dir if "://" in export_dir else os.path.abspath(export_dir)
    return Exported(
        path,
        (
            f"python -m http.server 8000 --directory={shlex.quote(shown)}",
            "then open http://localhost:8000",
        ),
        tuple(kept),
    )


def browser_function(generator: InferenceGenerator) -> TfFunction:
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
    return encode_picture(sampling.generate(generator, latents, labels)[0])


def _write(path: str, contents: bytes) -> None:
    with tf.io.gfile.GFile(path, "wb") as file:
        file.write(contents)
