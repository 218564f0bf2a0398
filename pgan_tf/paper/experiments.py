"""The paper's experiments: commands, published figures, a scale for two cores. No TensorFlow."""

from __future__ import annotations

import dataclasses

# Where a published figure is from: the paper's own tables could not be read everywhere.
_TABLE_1_SOURCE = "paper, table 1 (CelebA), as secondary sources give it"
_TABLE_4_SOURCE = "paper, table 4, as secondary sources give it"

# The rows of table 1 on two cores: shapes at 32 px, a quarter of the feature maps, 300 times
# fewer images; all else as the preset has it.
_SMALL_TABLE_1 = (
    *("--data=shapes", "--resolution=32", "--fmap_base=512", "--fmap_max=32", "--latent_size=32"),
    *("--stabilize_kimg=3", "--fade_in_kimg=3", "--total_kimg=32", "--tick_kimg=4"),
    "--average_decay=0.99",
)


@dataclasses.dataclass(frozen=True)
class Experiment:
    """One experiment of the paper.

    Attributes:
        name: for `--run`.
        where: section, table or figure of the paper.
        title: what it tries.
        command: at the paper's scale; DATA stands for the user's copy.
        small: flags after the preset that bring it to two cores and minutes.
        metrics: what `evaluate.py` computes.
        published: figures of the paper by the metric's name.
        source: where those are from.
    """

    name: str
    where: str
    title: str
    command: str
    small: tuple[str, ...]
    metrics: tuple[str, ...]
    published: tuple[tuple[str, str], ...]
    source: str = "paper"

    @property
    def preset(self) -> str:
        """The flag file of the command."""
        return self.command.partition("--flagfile=")[2].split(" ")[0]


def _row_of_table_1(row: str, title: str, swd: str, ms_ssim: str, *more: str) -> Experiment:
    name = f"table1_{row}"
    # The first row does not grow: at a small scale neither.
    start = ("--initial_resolution=32",) if row == "a" else ()
    return Experiment(
        name,
        f"§6.1, table 1 ({row.replace('_star', '*')})",
        title,
        f"python train.py --flagfile=presets/{name}.flags --data=celeba:FOLDER",
        (*_SMALL_TABLE_1, *start, *more),
        ("swd", "ms_ssim", "modes"),
        (("SWD x10³", swd), ("MS-SSIM", ms_ssim)),
        _TABLE_1_SOURCE,
    )
