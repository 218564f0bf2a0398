"""Metrics by the names that `--metrics` has."""

from __future__ import annotations

from collections.abc import Sequence

from pgan_tf.metrics.metric import Metric
from pgan_tf.metrics.ms_ssim import make_ms_ssim
from pgan_tf.metrics.shape_modes import make_modes
from pgan_tf.metrics.sliced_wasserstein import make_swd
from tfrecords.dataset_info import DatasetInfo
from tfrecords.errors import UserError

NAMES = ("swd", "ms_ssim", "modes")


def parse_names(text: str, flag: str) -> tuple[str, ...]:
    """Reads `swd,ms_ssim`.

    Raises:
        UserError: a name is none of a metric, or there twice.
    """
    names = tuple(name.strip() for name in text.split(","))
    if not set(names) <= set(NAMES) or len(set(names)) < len(names):
        raise UserError(
            f"{flag}: expected some of {', '.join(NAMES)}, each once, separated by commas, got "
            f"{text!r}"
        )
    return names


def make_metrics(
    names: Sequence[str], info: DatasetInfo, resolution: int, num_images: int, seed: int
) -> tuple[Metric, ...]:
    """Makes metrics.

    Args:
        names: some of `NAMES`.
        info: the real pictures.
        resolution: that pictures are compared at.
        num_images: in each set.
        seed: of patches and directions.

    Raises:
        UserError: a metric is not for such pictures.
    """
    makers = {
        "swd": lambda: make_swd(num_images, resolution, info.num_channels, seed),
        "ms_ssim": lambda: make_ms_ssim(resolution),
        "modes": lambda: make_modes(info.name, info.num_channels),
    }
    return tuple(makers[name]() for name in names)
