"""Writes what a result of a run rests on: a certificate, which `pgan verify` compares with.

It names flags, checksums of data, code and checkpoints, versions of packages, and the machine.
"""

import posixpath

from pgan_tf.commands.only_run import with_only_run
from tfrecords.common.command_help import Help
from tfrecords.common.command_line import define_path, run
from tfrecords.common.errors import UserError

RUN_DIR = define_path("run_dir", None, "Folder of a run. Default: the only one under runs/.")
CHECKPOINT = define_path("checkpoint", None, "The result, one of the run's. Default: its last.")
OUTPUT = define_path("output", None, "JSON file. Default: certificate.json in the run folder.")
HELP = Help(
    groups={"certificate": ("run_dir", "checkpoint", "output")},
    examples=(
        ("--run_dir=RUN", "RUN/certificate.json, of its last checkpoint"),
        ("--run_dir=RUN --output=mine.json", "another file"),
        ("--run_dir=RUN --checkpoint=images-0000122048-stage-09-of-09.npz", "an earlier result"),
    ),
)


def main() -> None:
    """Writes the certificate."""
    run_dir = RUN_DIR.value
    if not run_dir:
        raise UserError("--run_dir: expected the folder of a run of train.py, got none: name one")
    # Imported here so that --help and mistaken flags answer at once: they load TensorFlow.
    import tfrecords.common.tensorflow_setup  # noqa: F401  (first: it sets TensorFlow up)
    from pgan_tf.metrics.evaluation import weights_sha256
    from pgan_tf.runs import certificate, checkpoint
    from pgan_tf.runs.folder import checkpoint_folder
    from pgan_tf.runs.trained import load_generator
    from tfrecords.common.files import check_file_place, write_file
    from tfrecords.common.paths import writing

    paths = checkpoint.list_checkpoints(checkpoint_folder(run_dir))
    if not paths:
        raise UserError(f"--run_dir: expected a run with checkpoints, got {run_dir!r}: train it")
    chosen = posixpath.basename(CHECKPOINT.value or paths[-1])
    by_name = {posixpath.basename(path): path for path in paths}
    if chosen not in by_name:
        expected = f"expected a file of {checkpoint_folder(run_dir)}"
        raise UserError(f"--checkpoint: {expected}, got {CHECKPOINT.value!r}")
    path = OUTPUT.value or posixpath.join(run_dir, certificate.FILE)
    check_file_place(path, "--output")
    result = checkpoint.read(by_name[chosen], ["average_generator"])
    made = certificate.make_certificate(run_dir, result, weights_sha256(load_generator(result)))
    with writing(f"--output={path}"):
        write_file(path, made.to_json().encode())
    print(certificate.describe(made))
    print(f"Wrote {path}; pgan verify {path} replays a tick and compares")


def start() -> None:
    """Starts the command."""
    run(main, complete=with_only_run, help=HELP)


if __name__ == "__main__":
    start()
