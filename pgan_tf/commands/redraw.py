"""Draws a picture again by the mark in its file; see `marks`."""

import io

import numpy as np
from PIL import Image

from pgan_tf.generating.directions import make_change
from pgan_tf.generating.interpolation import changed
from pgan_tf.generating.latents_file import Chosen, checksum_of, latents_of
from pgan_tf.generating.marks import Mark
from pgan_tf.generating.parsing import check_pixels
from pgan_tf.generating.pictures import make_folder_of, write_grid, write_picture
from pgan_tf.generating.sampler import Sampler
from pgan_tf.networks.sampling import one_hot_labels
from tfrecords.common.errors import UserError
from tfrecords.common.paths import read_bytes


def redrawn(
    source: str, mark: Mark, sampler: Sampler, latents: np.ndarray | None, path: str
) -> str:
    """Draws the picture of file `source` again, to a path. Returns how it compares, in words.

    `latents` are needed where the mark has a checksum of them. Raises UserError, before anything is
    drawn, unless the generator and the latents are those of the mark.
    """
    if mark.generator not in (sampler.checksum(), sampler.trained_checksum):
        got = f"{sampler.source}, {sampler.checksum()[:8]}…"
        how = f" (--network={mark.weights})" if mark.weights not in ("", sampler.weights) else ""
        raise UserError(
            f"--redraw: expected the generator that drew {source}, whose weights have the checksum "
            f"{mark.generator[:8]}…{how}, got another: {got}"
        )
    chosen = _choose(mark, latents)
    classes = [*mark.classes] or [0]
    if max(classes) >= max(1, sampler.label_size):
        raise UserError(f"--redraw: expected classes of the generator, got {max(classes)}")
    columns = mark.columns or 1
    rows = -(-mark.count // columns)
    width, height = (side * mark.scale for side in sampler.size)
    check_pixels(columns * width, rows * height)
    drawn = changed(sampler, make_change(sampler, mark.changes))
    if mark.columns:
        write_grid(drawn, chosen, classes, columns, path, mark.scale, mark.captions, mark)
    else:
        make_folder_of(path)
        # Its last bits depend on the size of its batch and its place, not on the others there.
        batch = latents_of(chosen, sampler.latent_size).repeat(mark.batch, axis=0)
        labels = one_hot_labels(classes * mark.batch, sampler.label_size)
        picture = [*drawn.draw(batch, labels, drawn.depth)][mark.place]
        enlarged = picture.repeat(mark.scale, axis=0).repeat(mark.scale, axis=1)
        write_picture(path, enlarged, mark)
    return _compare(source, path)


def _choose(mark: Mark, latents: np.ndarray | None) -> Chosen:
    """Returns what the mark names. Raises UserError for other latents, or none."""
    if not mark.latents:
        if latents is not None:
            raise UserError("--latents: expected none with a picture of seeds, got some: remove it")
        return list(mark.seeds)
    expected = f"the file of latents that the picture was drawn from (SHA-256 {mark.latents[:8]}…)"
    if latents is None:
        raise UserError(f"--latents: expected {expected}, got none")
    rows = range(len(latents)) if mark.count == 1 else [0]
    for start in rows:
        if checksum_of(latents[start : start + mark.count]) == mark.latents:
            return latents[start : start + mark.count]
    raise UserError(f"--latents: expected {expected}, got others")


def _compare(source: str, path: str) -> str:
    pictures = []
    for one in (source, path):
        with Image.open(io.BytesIO(read_bytes(one))) as image:
            kept = image if image.mode.startswith("I") else image.convert("RGBA")  # gray, 16 bits
            pictures.append(np.asarray(kept).astype(int))
    if pictures[0].shape != pictures[1].shape:
        return f"of another size than {source}"
    most = int(np.abs(pictures[0] - pictures[1]).max())
    return f"differs from {source} by at most {most} of 255" if most else f"bit-equal to {source}"
