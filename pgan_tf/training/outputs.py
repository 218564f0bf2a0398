"""What a run writes while it trains: progress bar, log, sheets of pictures, checkpoints."""

import numpy as np

from pgan_tf.config.training import TrainingConfig
from pgan_tf.data.damage import BadRecords, readable_data_errors
from pgan_tf.data.dataset import make_dataset
from pgan_tf.networks import sampling
from pgan_tf.runs import checkpoint, sheets
from pgan_tf.runs.environment import log_environment
from pgan_tf.runs.log import RunLog
from pgan_tf.training.progress import Progress
from pgan_tf.training.run import Run
from pgan_tf.training.start import Start
from pgan_tf.training.state import TrainingState
from pgan_tf.training.tick import Tick
from tfrecords.pictures.alpha import straight


def open_log(run: Run, start: Start, reals: np.ndarray | None) -> RunLog:
    """Opens what the chief writes, with a new run's sheet of reals."""
    log = RunLog(run.folder, start.images_shown)
    log_environment(run.folder, start.images_shown)
    if reals is not None:
        log.write_reals(reals)
    if start.transferred:
        log.write_text("init_from.txt", start.transferred)
    return log


def open_progress(run: Run, start: Start) -> Progress:
    """Draws the progress bar, and says where the run starts."""
    quiet = not run.workers.is_chief
    progress = Progress(run.stages, run.config.network, run.total_images, start.images_shown, quiet)
    if start.images_shown:
        progress.print(f"Resuming from {start.images_shown / 1000:g} kimg")
    for words in start.changed:
        progress.print(f"Changed: {words}")
    if start.transferred:
        progress.print(start.transferred)
    return progress


def sheet_of_reals(run: Run) -> np.ndarray:
    """Returns the data's first pictures as a uint8 sheet. UserError if too many are damaged."""
    network = run.config.network
    columns, rows = sheets.sheet_shape(network.base.size(network.resolution))
    bad_records = BadRecords(run.max_bad_records)  # counted when training comes to them
    with readable_data_errors():
        dataset = make_dataset(
            run.info,
            network.resolution,
            global_batch_size=columns * rows,
            label_size=network.label_size,
            seed=run.config.seed,
            held_out=run.config.augmentation.held_out,
            bad_records=bad_records,
        )
        images, labels = next(iter(dataset))
    return _sheet(run.config, sampling.to_uint8(images.numpy()), labels.numpy())


def sheet_of_fakes(config: TrainingConfig, state: TrainingState) -> np.ndarray:
    """Returns what the average generator makes of the run's latents, as a uint8 sheet."""
    latents, labels = sheets.sheet_inputs(config.network, config.seed)
    pictures = sampling.generate(state.average_generator, latents, labels)
    return _sheet(config, pictures, labels)


def _sheet(config: TrainingConfig, pictures: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Lays pictures out, enlarged where they are small, below the names of their classes."""
    size = config.network.base.size(config.network.resolution)
    columns, rows = sheets.sheet_shape(size)
    height = size[1] * sheets.enlargement(columns, rows, size)
    names = sheets.class_names(labels, config.label_names)
    return sheets.make_sheet(straight(pictures), columns, height, names)


def save_checkpoint(
    run: Run, state: TrainingState, shown: int, bad_records: np.ndarray, tick: Tick | None = None
) -> str:
    """Writes a checkpoint, in the middle of a `tick` with its metrics, and returns its path."""
    return checkpoint.save(
        run.checkpoints,
        state.stage,
        state.variables(),
        shown,
        run.config,
        tick_metrics=tick.metrics() if tick else None,
        tick_first_image=tick.first_image if tick else None,
        bad_records=bad_records,
        num_devices=run.num_devices,
    )
