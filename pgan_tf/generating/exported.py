"""What export.py wrote, to score: the SavedModel itself draws, as it would be served."""

import hashlib
import posixpath
from typing import Any

import tensorflow as tf

from pgan_tf.exporting.model_card import JSON_FILE
from pgan_tf.generating.painter import Painter, open_saved_model
from pgan_tf.metrics.evaluation import Generated
from pgan_tf.runs.small_files import is_count, is_number, read_json
from tfrecords.common.errors import UserError
from tfrecords.common.paths import list_names


def read_exported(path: str) -> tuple[Painter, Generated]:
    """Opens a SavedModel of export.py: the folder of a version, or the one of all versions.

    Its checksum is of the files of its variables: these are folded, and other numbers than the
    checkpoint's. Raises UserError if there is no such SavedModel.
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
        known = read_json(path)
    except UserError as error:
        raise UserError(
            f"--saved_model: expected {path}, which export.py writes, got {error}: export it again"
        ) from None
    for name in ("kimg", "stage", "weights", "checkpoint"):
        value = known.get(name, ...) if isinstance(known, dict) else known
        if name == "kimg":
            fits = value is None or (is_number(value) and value >= 0)
        else:
            fits = is_count(value) if name == "stage" else isinstance(value, str)
        if not fits:
            got = "none" if value is ... else ascii(value)[:40]
            raise UserError(
                f"--saved_model: expected {name} of an export in {path}, got {got}: export it again"
            )
    return known


def _variables_sha256(folder: str) -> str:
    digest = hashlib.sha256()
    variables = posixpath.join(folder, "variables")
    for name in list_names(variables):
        with tf.io.gfile.GFile(posixpath.join(variables, name), "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()
