"""What the same latents looked like at the end of each stage."""

from __future__ import annotations

import dataclasses

import numpy as np

from pgan_tf.networks import sampling
from pgan_tf.networks.folded import fold
from pgan_tf.runs import checkpoint, sheets, trained
from pgan_tf.runs.folder import checkpoint_folder

_PICTURES = 8
_SMALLEST = 64


@dataclasses.dataclass(frozen=True)
class Growth:
    """A stage's pictures.

    Attributes:
        name: the stage, in words.
        kimg: when the checkpoint was written.
        row: the pictures side by side, `(height, width, channels)` uint8, of the same size in
            all stages.
    """

    name: str
    kimg: float
    row: np.ndarray


def draw_growth(run_dir: str) -> list[Growth]:
    """Draws the first latents of a run's sheets with the last checkpoint of each stage.

    Pictures are enlarged by nearest neighbour to the run's final resolution.

    Raises:
        UserError: a checkpoint is damaged.
    """
    drawn = []
    for path in checkpoint.last_of_stages(checkpoint_folder(run_dir)):
        one = trained.from_checkpoint(path)
        saved = checkpoint.read(path, [])
        latents, labels = sheets.sheet_inputs(one.network, saved.config.seed)
        columns, _ = sheets.sheet_shape(one.network.resolution)
        count = min(_PICTURES, columns)
        # Eight pictures of each are not worth compiling.
        folded = fold(one.generator, one.network)
        pictures = sampling.generate(folded, latents[:count], labels[:count])
        side = max(_SMALLEST, one.network.resolution)
        row = sheets.make_grid(pictures, count, side)
        kimg = saved.images_shown / 1000
        drawn.append(Growth(f"Stage {one.stage.number}: {one.stage}", kimg, row))
    return drawn
