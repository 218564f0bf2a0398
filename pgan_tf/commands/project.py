"""Finds the latents of pictures for generate.py --project."""

import posixpath
import re

import keras
import numpy as np
from tqdm import tqdm

from pgan_tf.commands import generate as given
from pgan_tf.commands import projection_sheet
from pgan_tf.commands import trained_flags as source
from pgan_tf.commands.draw_video import frame_rate, write_frames
from pgan_tf.generating import parsing, pictures, projection
from pgan_tf.generating.latents_file import write_latents
from pgan_tf.generating.sampler import Sampler
from pgan_tf.runs import checkpoint
from pgan_tf.runs.trained import load_discriminator
from tfrecords.common.errors import UserError
from tfrecords.common.text import counted


def project(sampler: Sampler, classes: list[int], folder: str) -> None:
    """Writes `latents.npy`, `projection.png` and, with --video, `projection.mp4` into a folder."""
    if sampler.value_range:
        got = f"one of {counted(sampler.num_channels, 'channel')} of numbers"
        raise UserError(f"--project: expected a generator of pictures, got {got}")
    photos = projection_sheet.read_photos(
        given.PROJECT.value, sampler.resolution, sampler.num_channels, sampler.base
    )
    count = len(photos.names)
    scale = given.SCALE.value or projection_sheet.usual_scale(count, sampler.size)
    width, height = (side * scale for side in sampler.size)
    width, height = 2 * min(4, count) * width, -(-count // 4) * height
    parsing.check_pixels(width, height)
    video = posixpath.join(folder, "projection.mp4")
    num_frames = max(2, round((given.SECONDS.value or 6.0) * frame_rate(video)))
    if given.VIDEO.value:
        parsing.check_video(width, height, num_frames)
    pictures.make_folder_of(posixpath.join(folder, ""))
    effort = projection.Effort()
    targets = photos.pixels.astype(np.float32) / 127.5 - 1
    total = projection.count_evaluations(count, effort)
    with tqdm(total=total, desc="Projecting", unit=" pictures", disable=None) as bar:
        features = features_of_discriminator(sampler)
        found = projection.project(sampler, targets, classes, effort, features, bar.update)
    drawn = projection_sheet.draw_projection(sampler, found.latents, found.labels)
    path = posixpath.join(folder, "latents.npy")
    write_latents(path, found.latents, "--output")
    sheet = projection_sheet.make_sheet(photos, drawn, scale)
    pictures.write_picture(posixpath.join(folder, "projection.png"), sheet)
    if given.VIDEO.value:
        frames = projection_sheet.draw_way(sampler, photos, found, num_frames, scale)
        write_frames(video, frames, num_frames, "the way there", None)
    print(projection_sheet.describe(photos, found, drawn, sampler.label_names))
    print(f"Wrote {path}: {counted(count, 'latent')}; beside the pictures: projection.png")


def features_of_discriminator(sampler: Sampler) -> projection.Features | None:
    """Returns the features of the discriminator next to the generator; None where there is none."""
    if not (source.RUN_DIR.value or source.CHECKPOINT.value):
        return None
    critic = load_discriminator(checkpoint.read(sampler.source, ["discriminator"]))
    layers = [one for one in critic.layers if re.fullmatch(r"\d+x\d+_conv1_activation", one.name)]
    if not layers:  # at 4 px
        return None
    model = keras.Model(critic.inputs, [layer.output for layer in layers])
    return lambda images: keras.tree.flatten(model(images, training=False))
