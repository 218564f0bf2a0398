"""Draws the videos of generate.py."""

from collections.abc import Iterator

import numpy as np

from pgan_tf.commands import generate as given
from pgan_tf.commands import trained_flags as source
from pgan_tf.generating import interpolation, parsing
from pgan_tf.generating.interpolation import Change
from pgan_tf.generating.latents_file import Chosen, names_of, write_latents
from pgan_tf.generating.marks import Mark
from pgan_tf.generating.sampler import Sampler
from pgan_tf.generating.video import default_fps, draw_training, training_size, write_video
from pgan_tf.runs.log import read_metrics
from pgan_tf.runs.sheets import list_sheets
from tfrecords.common.errors import UserError


def frame_rate(path: str) -> float:
    """Returns --fps, or the default of the video's format."""
    fps: float = given.FPS.value or default_fps(path)
    return fps


def write_training(path: str) -> None:
    """Writes a video of a run's sheets of samples."""
    source.check_source(given.SAVED_MODEL)
    if not source.RUN_DIR.value:
        raise UserError("--video=training: expected --run_dir alone, whose samples it shows")
    sheets, metrics = list_sheets(source.RUN_DIR.value), read_metrics(source.RUN_DIR.value)
    num_frames = max(2, round((given.SECONDS.value or 10.0) * frame_rate(path)))
    parsing.check_video(*training_size(sheets, given.SCALE.value), num_frames)
    frames = draw_training(sheets, metrics, num_frames, given.SCALE.value)
    mark = Mark(generator="") if given.MARK.value else None  # of many generators
    write_frames(path, frames, num_frames, f"{len(sheets)} sheets", mark)


def write_walk(
    sampler: Sampler,
    chosen: Chosen,
    classes: list[int],
    grid: tuple[int, int],
    path: str,
    change: Change,
    mark: Mark | None,
) -> None:
    """Writes a video of a walk through the space of latents, and --save_latents of all frames."""
    columns, rows = grid
    (width, height), usual = sampler.size, 256 // (rows * sampler.size[1])
    scale = given.SCALE.value or max(1, usual)
    width, height = columns * width * scale, rows * height * scale
    is_slerp = given.VIDEO.value == "slerp"
    seconds = given.SECONDS.value or (len(chosen) if is_slerp else 10.0)
    num_frames = max(2, round(seconds * frame_rate(path)))
    parsing.check_video(width, height, num_frames)
    walk = make_walk(sampler, chosen, classes, columns * rows, seconds)
    # Before the frames are drawn: many of them may be too many for memory.
    latents = interpolation.latents_of_walk(walk, num_frames) if given.SAVE_LATENTS.value else None
    frames = interpolation.draw_walk(
        interpolation.changed(sampler, change), walk, num_frames, columns, scale
    )
    if mark:
        names = sampler.label_names
        mark = mark.of(chosen, classes, names, columns=columns, scale=scale)
    write_frames(path, frames, num_frames, f"{width} x {height} px", mark)
    if latents is not None:
        write_latents(given.SAVE_LATENTS.value, change(latents))


def make_walk(
    sampler: Sampler, chosen: Chosen, classes: list[int], num_pictures: int, seconds: float
) -> interpolation.Walk:
    """Returns the walk that the flags ask for. Raises UserError for too few seeds or latents."""
    flag = "--latents" if given.LATENTS.value else "--seeds"
    if given.VIDEO.value == "slerp":
        if len(np.unique(chosen, axis=0)) < 2:
            raise UserError(f"{flag}: expected at least two for a slerp, got {names_of(chosen)}")
        return interpolation.walk_between(sampler, chosen, classes, num_pictures)
    if isinstance(chosen, np.ndarray):
        if len(chosen) < 3:
            raise UserError(f"--latents: expected at least three for a walk, got {len(chosen)}")
        return interpolation.walk_among(sampler, chosen, classes, num_pictures)
    keyframes = interpolation.num_keyframes(seconds, given.SMOOTHING.value)
    return interpolation.random_walk(sampler, chosen[0], classes, num_pictures, keyframes)


def write_frames(
    path: str, frames: Iterator[np.ndarray], num_frames: int, about: str, mark: Mark | None
) -> None:
    """Writes a video and prints its path."""
    fps = frame_rate(path)
    write_video(path, frames, num_frames, fps, mark)
    print(f"Wrote {path}: {num_frames} frames, {num_frames / fps:g} s, {about}")
