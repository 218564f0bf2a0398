"""Writes frames as .mp4 (H.264), .gif or .webp. No more than a few are in memory at a time."""

import contextlib
import itertools
import os
import posixpath
import types
from collections.abc import Iterable, Iterator

import numpy as np
from PIL import Image
from tqdm import tqdm

from pgan_tf.generating.pictures import make_folder_of
from tfrecords.common.errors import UserError
from tfrecords.common.files import copy_file, temporary_folder
from tfrecords.common.paths import writing

FORMATS = (".mp4", ".gif", ".webp")

# GIF counts in hundredths of a second, and players take less than two of them for ten.
_MOST_GIF_FPS = 50


def check_format(path: str, fps: float) -> str:
    """Returns a video file's ending. Raises UserError if it can't be written at this rate."""
    ending = posixpath.splitext(path)[1].lower()
    if ending not in FORMATS:
        raise UserError(f"--output: expected NAME{', NAME'.join(FORMATS)}, got {path!r}")
    if ending == ".gif" and fps > _MOST_GIF_FPS:
        raise UserError(f"--fps: expected at most {_MOST_GIF_FPS} for a GIF, got {fps:g}")
    if ending == ".mp4":
        _import_ffmpeg()
    return ending


def write_video(path: str, frames: Iterable[np.ndarray], num_frames: int, fps: float) -> None:
    """Draws a video, whole or not at all, to a local or remote file whose ending is its format.

    Frames are `(height, width, 1 or 3)` uint8, all of one size; for MP4 both even. GIF and WebP
    play in a loop, and so does MP4 where a player is asked to. Raises UserError if there is no
    such format, or the file can't be written.
    """
    ending = check_format(path, fps)
    make_folder_of(path)
    drawn = tqdm(frames, "Drawing", num_frames, unit=" frames", disable=None)
    rgb_frames = (np.broadcast_to(frame, (*frame.shape[:2], 3)) for frame in drawn)
    with temporary_folder() as folder:
        local = os.path.join(folder, f"video{ending}")
        try:
            write = {".mp4": _write_mp4, ".gif": _write_gif, ".webp": _write_webp}[ending]
            write(local, rgb_frames, num_frames, fps)
        except OSError as error:  # what drawing may raise is another thing
            reason = str(error).strip().splitlines()[-1]
            raise UserError(
                f"--output: expected room for a video in {folder!r}, got an error ({reason})"
            ) from None
        with writing(f"--output={path}"):
            copy_file(local, path)


def _write_mp4(path: str, frames: Iterator[np.ndarray], num_frames: int, fps: float) -> None:
    first = next(frames)
    height, width = first.shape[:2]
    writer = _import_ffmpeg().write_frames(
        path,
        (width, height),
        fps=fps,
        codec="libx264",
        quality=None,
        macro_block_size=1,
        ffmpeg_log_level="error",
        # Fine enough that nearest neighbor's edges stay edges; plays before it is loaded.
        output_params=["-crf", "18", "-movflags", "+faststart"],
    )
    writer.send(None)
    with contextlib.closing(writer):
        for frame in itertools.chain([first], frames):
            writer.send(np.ascontiguousarray(frame))


def _write_gif(path: str, frames: Iterator[np.ndarray], num_frames: int, fps: float) -> None:
    images = (Image.fromarray(frame).quantize(256) for frame in frames)
    durations = [10 * hundredths for hundredths in _durations(num_frames, fps, 100)]
    next(images).save(path, save_all=True, append_images=images, duration=durations, loop=0)


def _write_webp(path: str, frames: Iterator[np.ndarray], num_frames: int, fps: float) -> None:
    first = Image.fromarray(next(frames))
    following = [_Following(frames, num_frames - 1)] if num_frames > 1 else []
    durations = _durations(num_frames, fps, 1000)
    first.save(path, save_all=True, append_images=following, duration=durations, loop=0, quality=90)


def _durations(num_frames: int, fps: float, parts: int) -> list[int]:
    """Returns the frames' durations in whole parts of a second; all together keep time."""
    ends = np.rint(np.arange(num_frames + 1) * parts / fps)
    return np.diff(ends).astype(int).tolist()


class _Following:
    """What Pillow's WebP writer asks of a picture of several frames, made as they are asked for.

    A list of pictures would be in memory as a whole.
    """

    mode = "RGB"

    def __init__(self, frames: Iterator[np.ndarray], num_frames: int) -> None:
        self.n_frames = num_frames
        self._frames = frames

    def seek(self, index: int) -> None:
        self._image = Image.fromarray(next(self._frames))

    def getim(self) -> object:
        return self._image.getim()


def _import_ffmpeg() -> types.ModuleType:
    try:
        import imageio_ffmpeg
    except ImportError:
        raise UserError(
            "--output: an .mp4 needs an encoder: pip install imageio-ffmpeg, or take .webp or .gif"
        ) from None
    return imageio_ffmpeg
