"""A generator as a SavedModel for TensorFlow Serving."""

from __future__ import annotations

import os
import shlex

import tensorflow as tf

from pgan_tf.exporting.model_card import write_description
from pgan_tf.exporting.signatures import keras_endpoint, make_signatures
from pgan_tf.exporting.warmup import write_warmup
from pgan_tf.exporting.writer import Exported, ExportOptions, next_version, whole_version
from pgan_tf.networks.folded import InferenceGenerator, fold
from pgan_tf.runs.trained import Trained

_USAGE = """A SavedModel for TensorFlow Serving, and for `tf.saved_model.load(FOLDER).signatures`.

| signature | takes | gives |
|---|---|---|
| `serving_default` | `latents` float32 (batch, {latent_size}){labels} | `images` float32 \
(batch, {size}, {size}, {channels}) in [-1, 1] |
| `png` | the same | `image_bytes`: PNG files |
| `from_seed` | `seeds` int64 (batch,), 0 or more{labels} | `images` |"""


def write_saved_model(trained: Trained, options: ExportOptions) -> Exported:
    """Writes a generator as the next version below a folder: `<export_dir>/<version>/`.

    Raises:
        UserError: it can't be written.
    """
    # A server loads a version as soon as it sees its folder: it appears whole.
    with (
        next_version(options.export_dir) as path,
        whole_version(path, trained) as folder,
    ):
        generator = fold(trained.generator, trained.network)
        save(generator, folder)
        write_warmup(folder, make_signatures(generator), trained.network)
        write_description(folder, trained, "saved_model", _usage(generator))
    base_path = options.export_dir
    if "://" not in base_path:
        base_path = os.path.abspath(base_path)
    return Exported(
        path,
        (
            f"saved_model_cli show --all --dir {shlex.quote(path)}",
            f"tensorflow_model_server --rest_api_port=8501 --model_name=pgan "
            f"--model_base_path={shlex.quote(base_path)}",
        ),
    )


def save(generator: InferenceGenerator, folder: str) -> None:
    """Writes a SavedModel with the signatures of `make_signatures`, and one for Keras."""
    signatures = make_signatures(generator)
    module = tf.Module()
    # Nothing but plain variables, the model in closures: what a Keras model or a list of layers
    # adds can be loaded from Python, but not by the C++ loader of TensorFlow Serving.
    module.exported = generator.variables
    module.serve = keras_endpoint(signatures["serving_default"])
    tf.saved_model.save(module, folder, signatures=signatures)


def _usage(generator: InferenceGenerator) -> str:
    config = generator.config
    return _USAGE.format(
        latent_size=config.latent_size,
        labels=f", `labels` float32 (batch, {config.label_size})" if config.label_size else "",
        size=generator.resolution,
        channels=config.num_channels,
    )
