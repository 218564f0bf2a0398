"""Makes metrics by the names in `--metrics`. No TensorFlow until one is made."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tfrecords.common.bounds import shown
from tfrecords.common.errors import UserError
from tfrecords.common.shape import PAPER, Base
from tfrecords.common.text import did_you_mean

if TYPE_CHECKING:
    from pgan_tf.metrics.evaluation import RealPictures
    from pgan_tf.metrics.metric import Metric

_OF_INCEPTION = ("fid", "kid", "is", "pr")
MEMORIZATION = "memorization"  # compares with held-out pictures, too
NAMES = ("swd", "ms_ssim", "modes", MEMORIZATION, "emoji_fd", *_OF_INCEPTION)


def parse_names(text: str, flag: str) -> tuple[str, ...]:
    """Reads `swd,ms_ssim`. Raises UserError if a name is unknown or repeated."""
    names = tuple(name.strip() for name in text.split(","))
    unknown = [name for name in names if name not in NAMES]
    if unknown or len(set(names)) < len(names):
        expected = f"some of {', '.join(NAMES)}, each once, separated by commas"
        meant = did_you_mean(unknown[0], NAMES) if unknown else ""
        raise UserError(f"{flag}: expected {expected}, got {shown(text)}{meant}")
    return names


def need_inception(names: Sequence[str]) -> bool:
    """Returns whether any of the metrics uses the Inception network."""
    return not set(names).isdisjoint(_OF_INCEPTION)


def check_resolution(names: Sequence[str], resolution: int, base: Base = PAPER) -> None:
    """Raises UserError if pictures are too small for a metric, or not square as it needs them."""
    from pgan_tf.metrics.emoji_distance import SIDE
    from pgan_tf.metrics.ms_ssim import LOWEST_RESOLUTION
    from pgan_tf.metrics.sliced_wasserstein import lowest_level

    level = lowest_level(base)
    lowest_of = {"swd": level, MEMORIZATION: level, "ms_ssim": LOWEST_RESOLUTION}
    for name in ("emoji_fd", "modes"):
        if name in names and base != PAPER:
            got = f"got {base.text(resolution)}"
            raise UserError(f"{name}: expected square pictures, {got}: take other metrics")
    for name, lowest in {**lowest_of, "emoji_fd": SIDE}.items():
        if name in names and resolution < lowest:
            raise UserError(
                f"{name}: expected pictures of at least {lowest} px, got {resolution}: take others"
            )


def make_metrics(
    names: Sequence[str], reals: "RealPictures", inception_sha256: str = ""
) -> "tuple[Metric, ...]":
    """Makes metrics; the checksum is that of Inception's file. UserError if one does not fit."""
    from pgan_tf.metrics.emoji_distance import make_emoji_fd
    from pgan_tf.metrics.frechet_distance import make_fid
    from pgan_tf.metrics.inception_score import make_is
    from pgan_tf.metrics.kernel_distance import make_kid
    from pgan_tf.metrics.memorization import make_memorization
    from pgan_tf.metrics.mode_coverage import make_modes
    from pgan_tf.metrics.ms_ssim import make_ms_ssim
    from pgan_tf.metrics.precision_recall import make_pr
    from pgan_tf.metrics.sliced_wasserstein import make_swd

    info, num_images = reals.info, reals.num_images
    check_resolution(names, reals.resolution, info.base)
    pictures = num_images, reals.resolution, info.num_channels, reals.seed, info.base
    colors = 1 if info.num_channels == 1 else 3  # that it sees, of any others
    makers: dict[str, Callable[[], Metric]] = {
        "swd": lambda: make_swd(*pictures),
        "ms_ssim": make_ms_ssim,
        "modes": lambda: make_modes(info.name, colors),
        MEMORIZATION: lambda: make_memorization(*pictures),
        "emoji_fd": lambda: make_emoji_fd(reals.resolution, colors),
        "fid": lambda: make_fid(inception_sha256),
        "kid": lambda: make_kid(inception_sha256),
        "is": lambda: make_is(num_images, inception_sha256),
        "pr": lambda: make_pr(num_images, inception_sha256),
    }
    return tuple(makers[name]() for name in names)
