"""Exports a trained generator: `python export.py --run_dir=RUN --export_dir=DIR`."""

import tfrecords.tensorflow_setup  # noqa: F401, I001  (first: it sets TensorFlow up)

import os
import shlex

from absl import flags

from pgan_tf.checkpoint import load_generator, read_run
from pgan_tf.exporting.saved_model import export_saved_model
from tfrecords.command_line import run
from tfrecords.errors import UserError

RUN_DIR = flags.DEFINE_string("run_dir", None, "Folder of a run of train.py.")
EXPORT_DIR = flags.DEFINE_string("export_dir", None, "Folder for the export's versions.")
FORMAT = flags.DEFINE_enum("format", "saved_model", ["saved_model"], "What to write.")


def main() -> None:
    """Exports the average generator of a run's last checkpoint."""
    for flag in (RUN_DIR, EXPORT_DIR):
        if not flag.value:
            raise UserError(f"--{flag.name}: expected a folder, got none: name one")
    checkpoint = read_run(RUN_DIR.value)
    if checkpoint.stage.fades_in and checkpoint.alpha < 1:
        print(
            f"The run is fading in {checkpoint.stage}: exported as it is, at alpha "
            f"{checkpoint.alpha:.3f}"
        )
    path = export_saved_model(load_generator(checkpoint), EXPORT_DIR.value)
    print(f"Wrote {path} from {checkpoint.path}. Look at it, and serve it:\n")
    print(f"  saved_model_cli show --all --dir {shlex.quote(path)}")
    base_path = EXPORT_DIR.value
    if "://" not in base_path:
        base_path = os.path.abspath(base_path)
    print(
        f"  tensorflow_model_server --rest_api_port=8501 --model_name=pgan "
        f"--model_base_path={shlex.quote(base_path)}"
    )


if __name__ == "__main__":
    run(main)
