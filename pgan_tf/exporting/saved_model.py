"""A generator as a SavedModel for TensorFlow Serving."""

from __future__ import annotations

import posixpath
from collections.abc import Callable

import keras
import tensorflow as tf

from tfrecords.errors import UserError


def export_saved_model(generator: keras.Model, export_dir: str) -> str:
    """Writes a generator as the next version below a folder: `<export_dir>/<version>/`.

    Signatures, both with a free batch dimension; the labels only where there are classes:

    - `serving_default`: `latents` float32 (batch, latent_size), `labels` float32
      (batch, label_size) → `images` float32 (batch, height, width, channels), clipped to
      [-1, 1].
    - `png`: the same → `image_bytes`, (batch,) PNG files.

    Args:
        generator: see `networks.build_generator`; its alpha is exported as it stands.
        export_dir: the folder that a server watches, such as `exports/faces`.

    Returns:
        The version's folder.

    Raises:
        UserError: it can't be written.
    """
    module = tf.Module()
    # Nothing but plain variables, the model in closures: what a Keras model or a list of layers
    # adds can be loaded from Python, but not by the C++ loader of TensorFlow Serving.
    module.exported = [variable.value for variable in generator.variables]
    try:
        tf.io.gfile.makedirs(export_dir)
        version = 1 + max(_versions(export_dir), default=0)
        path = posixpath.join(export_dir, str(version))
        # A server loads a version as soon as it sees its folder: it appears whole.
        partial = posixpath.join(export_dir, f"partial-{version}")
        tf.saved_model.save(module, partial, signatures=_signatures(generator))
        tf.io.gfile.rename(partial, path)
    except (tf.errors.OpError, OSError) as error:
        raise UserError(
            f"--export_dir: expected a folder that can be written, got {export_dir!r} "
            f"({str(error).splitlines()[0]}): name another"
        ) from None
    return path


def _versions(export_dir: str) -> list[int]:
    names = (name.rstrip("/") for name in tf.io.gfile.listdir(export_dir))
    return [int(name) for name in names if name.isdigit()]


def _signatures(generator: keras.Model) -> dict[str, Callable]:
    latent_size, label_size = (tensor.shape[1] for tensor in generator.inputs)
    latents = tf.TensorSpec((None, latent_size), tf.float32, name="latents")
    labels = tf.TensorSpec((None, label_size), tf.float32, name="labels")

    def images(latents: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        return tf.clip_by_value(generator([latents, labels], training=False), -1.0, 1.0)

    def png(latents: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        pixels = tf.cast(tf.round((images(latents, labels) + 1.0) * 127.5), tf.uint8)
        return tf.map_fn(tf.io.encode_png, pixels, fn_output_signature=tf.string)

    def signature(function: Callable, name: str) -> Callable:
        if label_size:
            return tf.function(
                lambda latents, labels: {name: function(latents, labels)},
                input_signature=[latents, labels],
            )
        return tf.function(
            lambda latents: {name: function(latents, tf.zeros((tf.shape(latents)[0], 0)))},
            input_signature=[latents],
        )

    return {"serving_default": signature(images, "images"), "png": signature(png, "image_bytes")}
