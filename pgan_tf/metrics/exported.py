"""What export.py wrote, to score: the SavedModel itself draws, as it would be served."""

from __future__ import annotations

import hashlib
import json
import posixpath
from typing import Any

import tensorflow as tf

from pgan_tf.exporting.description import JSON_FILE
from pgan_tf.generating.painter import Painter, open_saved_model
from pgan_tf.metrics.evaluation import Generated
from tfrecords.errors import UserError


def read_exported(path: str) -> tuple[Painter, Generated]:
    """Opens a SavedModel of export.py.

    Args:
        path: the folder of a version, or the one of all versions.

    Returns:
        What draws, and the same to score. Its checksum is of the files of its variables: these
        are folded, and other numbers than the checkpoint's.

    Raises:
        UserError: there is no such SavedModel.
    """
    painter = open_saved_model(path)
    known = _read_description(painter.source)
    return painter, Generated(
        draw=lambda inputs: painter.images(*inputs),
        latent_size=painter.latent_size,
        label_size=painter.label_size,
        images_shown=round(1000 * (known["kimg"] or 0)),
        stage=known["stage"],
        stage_resolution=painter.resolution,
        network=known["weights"],
        checkpoint=f"SavedModel of {known['checkpoint']}",
        weights_sha256=_variables_sha256(painter.source),
    )


def _read_description(folder: str) -> dict[str, Any]:
    path = posixpath.join(folder, JSON_FILE)
    try:
        with tf.io.gfile.GFile(path) as file:
            known = json.loads(file.read())
        return {name: known[name] for name in ("kimg", "stage", "weights", "checkpoint")}
    except (tf.errors.OpError, ValueError, LookupError, TypeError) as error:
        reason = getattr(error, "message", None) or str(error)
        raise UserError(
            f"--saved_model: expected {path}, which export.py writes, got {reason}: export it again"
        ) from None


def _variables_sha256(folder: str) -> str:
    digest = hashlib.sha256()
    variables = posixpath.join(folder, "variables")
    for name in sorted(tf.io.gfile.listdir(variables)):
        with tf.io.gfile.GFile(posixpath.join(variables, name), "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()
