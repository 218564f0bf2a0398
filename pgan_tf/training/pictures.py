"""The sheets that a run draws: real pictures when it begins, fakes at every tick."""

import numpy as np

from pgan_tf.config.training import TrainingConfig
from pgan_tf.data.damage import BadRecords, readable_data_errors
from pgan_tf.data.dataset import make_dataset
from pgan_tf.networks import sampling
from pgan_tf.runs import sheets
from pgan_tf.training.run import Run
from pgan_tf.training.state import TrainingState


def sheet_of_reals(run: Run) -> np.ndarray:
    """Returns the data's first pictures as a uint8 grid. UserError if too many are damaged."""
    resolution = run.config.network.resolution
    columns, rows = sheets.sheet_shape(resolution)
    bad = BadRecords(run.tolerance.max_bad_records)  # counted when training comes to them
    with readable_data_errors():
        dataset = make_dataset(
            run.info,
            resolution,
            global_batch_size=columns * rows,
            label_size=0,
            seed=run.config.seed,
            bad_records=bad,
        )
        images, _ = next(iter(dataset))
    return sheets.make_grid(sampling.to_uint8(images.numpy()), columns, resolution)


def sheet_of_fakes(config: TrainingConfig, state: TrainingState) -> np.ndarray:
    """Returns what the average generator makes of the run's latents, as a uint8 grid."""
    resolution = config.network.resolution
    latents, labels = sheets.sheet_inputs(config.network, config.seed)
    pictures = sampling.generate(state.average_generator, latents, labels)
    return sheets.make_grid(pictures, sheets.sheet_shape(resolution)[0], resolution)
