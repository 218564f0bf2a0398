"""What a run writes while it trains, to files and for TensorBoard."""

import posixpath
from typing import Any

import numpy as np
import tensorflow as tf

from pgan_tf.runs import sheets
from pgan_tf.runs.files import readable_errors, write_file
from pgan_tf.runs.metrics_file import append_rows, drop_rows_after, read_ticks


class RunLog:
    """Writes the metrics and sample sheets of ticks.

    Attributes:
        seconds: of training, until the last tick that was there when the log was opened.
    """

    def __init__(self, run_dir: str, images_shown: int) -> None:
        """Opens the log where a run begins or goes on; later ticks and scores are dropped."""
        self._run_dir = run_dir
        self._events = posixpath.join(run_dir, "events.out.tfevents…")
        drop_rows_after(run_dir, images_shown)
        ticks = read_ticks(run_dir)
        self.seconds = ticks[-1].get("seconds", 0.0) if ticks else 0.0
        with readable_errors(self._events):
            self._writer = tf.summary.create_file_writer(run_dir)

    def write_text(self, name: str, text: str) -> None:
        """Writes a file of the run folder."""
        path = posixpath.join(self._run_dir, name)
        with readable_errors(path):
            write_file(path, text.encode())

    def write_metrics(self, metrics: dict[str, Any]) -> None:
        """Appends a tick's metrics, `images_shown` among them."""
        append_rows(self._run_dir, [metrics])
        with readable_errors(self._events), self._writer.as_default(step=metrics["images_shown"]):
            for name, value in metrics.items():
                if isinstance(value, int | float):
                    # People see the stage's number there; the file has its index.
                    tf.summary.scalar(name, value + (name == "stage"))
            self._writer.flush()

    def write_fakes(self, images_shown: int, sheet: np.ndarray) -> str:
        """Writes `samples/fakes-<kimg>.png` and returns its path."""
        # Sorts by time, also when ticks are shorter than a thousand images.
        name = f"fakes-{images_shown / 1000:09.3f}.png"
        return self._write_sheet(name, "fakes", images_shown, sheet)

    def write_reals(self, sheet: np.ndarray) -> str:
        """Writes `samples/reals.png` and returns its path."""
        return self._write_sheet("reals.png", "reals", 0, sheet)

    def _write_sheet(self, name: str, tag: str, images_shown: int, sheet: np.ndarray) -> str:
        path = posixpath.join(self._run_dir, "samples", name)
        with readable_errors(path):
            sheets.write_png(path, sheet)
        with readable_errors(self._events), self._writer.as_default(step=images_shown):
            tf.summary.image(tag, sheet[None])
            self._writer.flush()
        return path
