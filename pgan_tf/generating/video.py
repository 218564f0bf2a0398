"""Writes videos, .mp4 (H.264), .gif or .webp, with only a few frames in memory at a time."""

import contextlib
import importlib.util
import itertools
import os
import posixpath
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from tqdm import tqdm

from pgan_tf.exporting.picture_mark import to_json, to_xmp
from pgan_tf.generating.marks import Mark
from pgan_tf.generating.pictures import make_folder_of
from pgan_tf.runs.log import describe_stage
from pgan_tf.runs.sheets import Sheet, read_sheet
from tfrecords.common.errors import UserError
from tfrecords.common.files import copy_file, temporary_folder
from tfrecords.common.paths import writing
from tfrecords.common.text import duration_in_words
from tfrecords.pictures.alpha import in_colors, on_checkerboard

FORMATS = (".mp4", ".gif", ".webp")
_MOST_GIF_FPS = 50  # GIF counts in hundredths of a second; players take less than two for ten
# Of a GIF: pixels that decide its colors, and levels of 255 by which one may be off.
_PALETTE_PIXELS, _UNSEEN_CHANGE = 2**18, 8
_NO_DITHER = Image.Dither.NONE
# Of a frame of a sheet of samples.
_NEAREST = Image.Resampling.NEAREST
_SHEET_WIDTH, _CAPTION_HEIGHT, _FONT_SIZE = 1024, 40, 22


def check_format(path: str, fps: float) -> str:
    """Returns a video file's ending. Raises UserError if it can't be written at this rate."""
    ending = posixpath.splitext(path)[1].lower()
    if ending not in FORMATS:
        raise UserError(f"--output: expected NAME{', NAME'.join(FORMATS)}, got {path!r}")
    if ending == ".gif" and fps > _MOST_GIF_FPS:
        raise UserError(f"--fps: expected at most {_MOST_GIF_FPS} for a GIF, got {fps:g}")
    if ending == ".mp4" and not importlib.util.find_spec("imageio_ffmpeg"):
        raise UserError(
            "--output: an .mp4 needs an encoder: pip install imageio-ffmpeg, or take .webp or .gif"
        )
    return ending


def default_fps(path: str) -> float:
    """Returns the default frame rate of a video."""
    return 15.0 if path.lower().endswith(".gif") else 30.0  # frames of a GIF are large


def write_video(
    path: str, frames: Iterable[np.ndarray], num_frames: int, fps: float, mark: Mark | None = None
) -> None:
    """Draws `(height, width, 1, 3 or 4)` uint8, even for MP4, whole; UserError if it can't.

    Transparent frames stay transparent in WebP and, at half opacity or more opaque, in GIF; MP4
    gets a checkerboard behind them. All can carry a mark.
    """
    ending = check_format(path, fps)
    make_folder_of(path)
    drawn = tqdm(frames, "Drawing", num_frames, unit=" frames", disable=None)
    color_frames = (_in_color(frame, opaque=ending == ".mp4") for frame in drawn)
    with temporary_folder() as folder:
        local = os.path.join(folder, f"video{ending}")
        try:
            write = {".mp4": _write_mp4, ".gif": _write_gif, ".webp": _write_webp}[ending]
            write(local, color_frames, num_frames, fps, mark)
        except OSError as error:  # errors from drawing are not caught here
            reason = str(error).strip().splitlines()[-1]
            raise UserError(f"--output: cannot draw a video in {folder!r} ({reason})") from None
        with writing(f"--output={path}"):
            copy_file(local, path)


def _in_color(frame: np.ndarray, *, opaque: bool) -> np.ndarray:
    """Returns a frame in RGB, or RGBA if it is transparent and need not be opaque."""
    frame = in_colors(frame)
    if frame.shape[-1] == 4:
        return on_checkerboard(frame) if opaque else frame
    return np.broadcast_to(frame, (*frame.shape[:2], 3))


def _write_mp4(
    path: str, frames: Iterator[np.ndarray], num_frames: int, fps: float, mark: Mark | None
) -> None:
    import imageio_ffmpeg  # which may be missing: see `check_format`

    first = next(frames)
    # Good enough to keep the edges of enlarged pixels; it can play while it loads.
    output = ["-crf", "18", "-movflags", "+faststart"]
    if mark:
        output += ["-metadata", f"comment={to_json(mark.said())}"]
    quality = {"quality": None, "output_params": output}
    options = {"codec": "libx264", "macro_block_size": 1, "ffmpeg_log_level": "error", **quality}
    writer = imageio_ffmpeg.write_frames(path, first.shape[1::-1], fps=fps, **options)
    writer.send(None)
    with contextlib.closing(writer):
        for frame in itertools.chain([first], frames):
            writer.send(np.ascontiguousarray(frame))


def _write_gif(
    path: str, frames: Iterator[np.ndarray], num_frames: int, fps: float, mark: Mark | None
) -> None:
    """Draws all frames with one palette, so that unchanged pixels take no space."""
    random = np.random.default_rng(0)
    per_frame = max(1, _PALETTE_PIXELS // num_frames)
    lengths, seen, shape = [], [], (0, 0, 3)
    with open(f"{path}.frames", "w+b") as spooled:  # read twice
        for frame in frames:
            shape = frame.shape
            pixels = frame[..., :3].reshape(-1, 3)
            seen.append(pixels[random.integers(0, len(pixels), per_frame)])
            lengths.append(spooled.write(zlib.compress(frame.tobytes(), level=1)))
        # One color fewer than GIF has: it stands for "as before".
        palette = Image.fromarray(np.concatenate(seen)[None]).quantize(255)
        spooled.seek(0)
        again = (
            np.frombuffer(zlib.decompress(spooled.read(length)), np.uint8).reshape(shape)
            for length in lengths
        )
        durations = [10 * hundredths for hundredths in _durations(num_frames, fps, 100)]
        options: dict[str, Any] = {"duration": durations, "loop": 0, "optimize": True}
        if shape[-1] == 4:  # the last color is "nothing", and each frame begins with an empty one
            images = _cut_out(again, palette)
            options |= {"transparency": 255, "disposal": 2, "optimize": False}
        else:
            images = _in_colors(again, palette)
        if mark:
            options["comment"] = to_json(mark.said()).encode()
        next(images).save(path, save_all=True, append_images=images, **options)


def _in_colors(frames: Iterable[np.ndarray], palette: Image.Image) -> Iterator[Image.Image]:
    """Yields frames in the palette's colors. Pixels that hardly change stay as they were."""
    table = palette.getpalette() or []
    before = shown = None
    for frame in frames:
        now = np.asarray(Image.fromarray(frame).quantize(palette=palette, dither=_NO_DITHER))
        if before is not None and shown is not None:
            change = np.abs(frame.astype(np.int16) - before).max(axis=-1)
            stays = change <= _UNSEEN_CHANGE
            now = np.where(stays, shown, now)
            # A pixel is compared with its value when it last changed.
            frame = np.where(stays[..., None], before, frame)
        before, shown = frame, now
        image = Image.fromarray(shown)
        image.putpalette(table)
        yield image


def _cut_out(frames: Iterable[np.ndarray], palette: Image.Image) -> Iterator[Image.Image]:
    """Yields transparent frames in the palette's colors, and color 255 where nothing is."""
    table = (palette.getpalette() or [])[: 3 * 255]
    for frame in frames:
        color = Image.fromarray(np.ascontiguousarray(frame[..., :3]))
        numbers = np.asarray(color.quantize(palette=palette, dither=_NO_DITHER))
        image = Image.fromarray(np.where(frame[..., 3] < 128, 255, numbers).astype(np.uint8))
        image.putpalette(table + [0] * (3 * 256 - len(table)))
        yield image


def _write_webp(
    path: str, frames: Iterator[np.ndarray], num_frames: int, fps: float, mark: Mark | None
) -> None:
    first = Image.fromarray(next(frames))
    following = [_Following(frames, num_frames - 1, first.mode)] if num_frames > 1 else []
    durations = _durations(num_frames, fps, 1000)
    options: dict[str, Any] = {"duration": durations, "loop": 0, "quality": 80}
    if mark:
        options["xmp"] = to_xmp(mark.said()).encode()
    first.save(path, save_all=True, append_images=following, **options)


def _durations(num_frames: int, fps: float, parts: int) -> list[int]:
    """Returns the frames' durations in whole units, without a drift of the sum."""
    ends = np.rint(np.arange(num_frames + 1) * parts / fps)
    return np.diff(ends).astype(int).tolist()


class _Following:
    """A picture of several frames as Pillow's WebP writer reads one; a list would fill memory."""

    def __init__(self, frames: Iterator[np.ndarray], num_frames: int, mode: str) -> None:
        self.n_frames, self.mode = num_frames, mode
        self._frames = frames

    def seek(self, index: int) -> None:
        self._image = Image.fromarray(next(self._frames))

    def getim(self) -> object:
        return self._image.getim()


def training_size(sheets: list[Sheet], scale: int | None = None) -> tuple[int, int]:
    """Returns the width and the height of `draw_training`'s frames, in pixels."""
    width, height = _sheet_size(sheets, scale)
    return width + width % 2, height + height % 2 + _CAPTION_HEIGHT


def draw_training(
    sheets: list[Sheet], metrics: list[dict[str, Any]], num_frames: int, scale: int | None = None
) -> Iterator[np.ndarray]:
    """Yields `(height, width, 3)` uint8 frames, both even, of sheets, which are seen equally long.

    All are as large as the last one, times `scale`, by default up to 1024 px; ticks give captions.
    """
    rows = {row["images_shown"]: row for row in metrics if "seconds" in row}
    size = _sheet_size(sheets, scale)
    shown = [sheets[i * len(sheets) // num_frames] for i in range(num_frames)]
    for sheet, same in itertools.groupby(shown):
        text = caption(sheet, rows.get(sheet.images_shown))
        frame = _draw(read_sheet(sheet.path)[1], text, size)
        yield from (frame for _ in same)


def caption(sheet: Sheet, row: dict[str, Any] | None) -> str:
    """Returns the caption of a sheet: `16 to 32 px, alpha 0.25   20.0 kimg   5:17`."""
    kimg = f"{sheet.images_shown / 1000:.1f} kimg"
    if row is None:
        return kimg
    stage = describe_stage(row).replace("→", " to ")  # Pillow's font lacks the arrow
    return f"{stage}   {kimg}   {duration_in_words(row['seconds'])}"


def _sheet_size(sheets: list[Sheet], scale: int | None) -> tuple[int, int]:
    width, height = read_sheet(sheets[-1].path)[1].size
    scale = scale or max(1, _SHEET_WIDTH // width)
    return scale * width, scale * height


def _draw(picture: Image.Image, text: str, size: tuple[int, int]) -> np.ndarray:
    width, height = (length + length % 2 for length in size)
    frame = Image.new("RGB", (width, height + _CAPTION_HEIGHT), "black")
    # Its pictures are where the last sheet's are, above the caption: those of older versions are
    # smaller, without a heading.
    factor = max(1, size[0] // picture.width)
    larger = picture.resize((factor * picture.width, factor * picture.height), _NEAREST)
    frame.paste(larger, (0, size[1] - larger.height))
    draw = ImageDraw.Draw(frame)
    font = ImageFont.load_default(_FONT_SIZE)
    longest = draw.textlength(text, font)
    if longest > width - 16:  # small sheets
        font = ImageFont.load_default(max(6, _FONT_SIZE * (width - 16) / longest))
    draw.text((8, height + _CAPTION_HEIGHT // 2), text, "white", font, anchor="lm")
    return np.asarray(frame)
