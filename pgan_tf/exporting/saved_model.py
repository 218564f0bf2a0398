"""Exports a generator as a SavedModel for TensorFlow Serving, with warm-up requests.

The requests are TFRecords of Serving's `PredictionLog`, encoded here without its package.
"""

import os
import posixpath
import shlex
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf

from pgan_tf.exporting.picture_mark import PNG_HEAD_BYTES, facts_of, png_chunks
from pgan_tf.exporting.writer import Exported, ExportOptions, next_version
from pgan_tf.networks.folded import InferenceGenerator, fold
from pgan_tf.networks.sampling import latents_from_seeds, latents_of_seeds, one_hot_labels
from pgan_tf.runs.trained import Trained

TfFunction: TypeAlias = tf.types.experimental.PolymorphicFunction  # returned by `tf.function`


def write_saved_model(trained: Trained, options: ExportOptions) -> Exported:
    """Writes a generator as `<export_dir>/<version>/`; see `Writer`."""
    base_path = options.export_dir
    # A server loads a version as soon as its folder appears, so it must appear complete.
    with next_version(options, trained, "saved_model") as (path, folder):
        generator = fold(trained.generator, trained.network)
        save(generator, folder, chunks_of(trained))
        _write_warmup(folder, generator)
    base_path = base_path if "://" in base_path else os.path.abspath(base_path)
    show = f"saved_model_cli show --all --dir {shlex.quote(path)}"
    serve = "tensorflow_model_server --rest_api_port=8501 --model_name=pgan --model_base_path="
    return Exported(path, (show, serve + shlex.quote(base_path)))


def chunks_of(trained: Trained) -> list[bytes]:
    """Returns what PNG files of a generator say: without a class, then of each class."""
    said, names = facts_of(trained), trained.label_names
    classes: list[dict[str, Any]] = [{"classes": [i]} for i in range(trained.network.label_size)]
    for of_class, name in zip(classes, names, strict=False):
        of_class["class_names"] = [name]
    return [png_chunks(said | of_class) for of_class in ({}, *classes)]


def save(generator: InferenceGenerator, folder: str, chunks: Sequence[bytes] = (b"",)) -> None:
    """Writes a SavedModel with the signatures of `make_signatures`, and an endpoint for Keras."""
    signatures = make_signatures(generator, chunks)
    module = tf.Module()
    # Plain variables and closures, because TensorFlow Serving can't load what Keras would add.
    module.exported = generator.variables
    module.serve = _keras_endpoint(signatures["serving_default"])
    # Python's `signatures` know no defaults; a function of the module does.
    module.from_seed = signatures["from_seed"]
    tf.saved_model.save(module, folder, signatures=signatures)


def make_signatures(
    generator: InferenceGenerator, chunks: Sequence[bytes] = (b"",)
) -> dict[str, TfFunction]:
    """Returns the signatures of a SavedModel, each with a free batch dimension.

    - `serving_default`: `latents` float32 (batch, latent_size) → `images` float32
      (batch, height, width, channels), clipped to [-1, 1].
    - `png`: the same → `image_bytes`, (batch,) PNG files. With transparency their color is
      straight, as PNG wants it, while that of `images` is premultiplied by alpha. Of a generator
      trained on 16 bits they have 16 bits. `chunks`, see `chunks_of`, say how each was drawn; a
      mixture of classes has that of none.
    - `from_seed`: `seeds` int64 (batch,), 0 or more, as in generate.py → `images`.

    With classes each also takes `labels` float32 (batch, label_size), one-hot. In `from_seed` they
    have a default: a row of zeros, which stands for the class `seed % label_size`.
    """
    config = generator.config
    latents = tf.TensorSpec((None, config.latent_size), tf.float32, name="latents")
    seeds = tf.TensorSpec((None,), tf.int64, name="seeds")
    size = config.label_size
    labels = [tf.TensorSpec((None, size), tf.float32, name="labels")] if size else []

    def images(*inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"images": tf.clip_by_value(generator(inputs), -1.0, 1.0)}

    def png(*inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        half, dtype = (32767.5, tf.uint16) if config.depth == 16 else (127.5, tf.uint8)
        pixels = tf.cast(tf.round(_straight((images(*inputs)["images"] + 1.0) * half)), dtype)
        files = tf.map_fn(tf.io.encode_png, pixels, fn_output_signature=tf.string)
        numbers = tf.zeros_like(tf.strings.length(files))
        if size and len(chunks) > 1:
            is_one = tf.reduce_max(inputs[1], axis=1) == 1.0
            numbers = tf.where(is_one, 1 + tf.argmax(inputs[1], axis=1, output_type=tf.int32), 0)
        head = tf.strings.substr(files, 0, PNG_HEAD_BYTES)
        rest = tf.strings.substr(files, PNG_HEAD_BYTES, 2**31 - 1)
        marked = tf.strings.join([head, tf.gather(tf.constant([*chunks]), numbers), rest])
        return {"image_bytes": marked}

    def from_seed(seeds: tf.Tensor) -> dict[str, tf.Tensor]:
        return images(latents_of_seeds(seeds, config.latent_size))

    # One row, because a server that batches concatenates the inputs of its requests.
    def of_class(
        seeds: tf.Tensor,
        labels: tf.Tensor = tf.zeros((1, size)),  # noqa: B008  (TensorFlow exports this default)
    ) -> dict[str, tf.Tensor]:
        by_seed = tf.one_hot(tf.math.floormod(seeds, size), size)
        left_out = tf.reduce_all(tf.equal(labels, 0.0), axis=1, keepdims=True)
        rows = tf.where(left_out, by_seed, labels)
        return images(latents_of_seeds(seeds, config.latent_size), rows)

    return {
        "serving_default": tf.function(images, input_signature=[latents, *labels]),
        "png": tf.function(png, input_signature=[latents, *labels]),
        "from_seed": tf.function(of_class if size else from_seed, input_signature=[seeds, *labels]),
    }


def _straight(pixels: tf.Tensor) -> tf.Tensor:
    """Divides premultiplied color by alpha; `(…, channels)` float in 0 to 255, to whole alpha."""
    if pixels.shape[-1] != 4:
        return pixels
    color, alpha = pixels[..., :3], tf.round(pixels[..., 3:])
    color = tf.minimum(tf.round(color), alpha) * (255.0 / tf.maximum(alpha, 1.0))
    return tf.concat([color, alpha], axis=-1)


def _keras_endpoint(function: TfFunction) -> TfFunction:
    """Returns a function for `keras.layers.TFSMLayer`, which passes two inputs as a dict."""
    specs = {spec.name: spec for spec in function.input_signature}
    if len(specs) == 1:
        return function

    def of_dict(inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return function(*(inputs[name] for name in specs))

    return tf.function(of_dict, input_signature=[specs])


def _write_warmup(folder: str, generator: InferenceGenerator) -> None:
    """Writes a request for one picture to each signature."""
    values = {
        "latents": latents_from_seeds([0], generator.config.latent_size),
        "labels": one_hot_labels([0], generator.config.label_size),
        "seeds": np.zeros(1, np.int64),
    }
    path = posixpath.join(folder, "assets.extra/tf_serving_warmup_requests")
    tf.io.gfile.makedirs(posixpath.dirname(path))
    with tf.io.TFRecordWriter(path) as writer:
        for signature, function in make_signatures(generator).items():
            # PredictionLog.predict_log.request: a model_spec, and a map of tensors by name. A
            # server ignores the model's name in warm-up requests.
            request = _field(1, _field(1, b"pgan") + _field(3, signature.encode()))
            for spec in function.input_signature:
                tensor = tf.make_tensor_proto(values[spec.name]).SerializeToString()
                request += _field(2, _field(1, spec.name.encode()) + _field(2, tensor))
            writer.write(_field(6, _field(1, request)))


def _field(number: int, contents: bytes) -> bytes:
    """Encodes bytes, text or a message as a protocol buffer field with a number below 16."""
    length, size = [], len(contents)
    while size >= 0x80:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([number << 3 | 2, *length, size]) + contents
