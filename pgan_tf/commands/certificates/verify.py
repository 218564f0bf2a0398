"""Replays a tick of a certified run and compares: bit-equal, or what differs.

It trains from a kept checkpoint to the next one, with --deterministic, in a temporary folder: the
run's own is only read. The exit status is 0 if all is bit-equal, 1 if not.
"""

from tfrecords.common.command_help import Help
from tfrecords.common.command_line import define_path, run

RUN_DIR = define_path(
    "run_dir", None, "Folder of the run. Default: where the certificate is, or the one it names."
)
CHECKPOINT = define_path(
    "checkpoint", None, "Where the tick begins. Default: the last one kept before the result."
)
DATA = define_path("data", None, "The run's pictures, if they are elsewhere now.")
DATA_CACHE = define_path("data_cache", None, "Where their TFRecords are. Default: the run's.")
_ARGUMENTS = ("CERTIFICATE",)
HELP = Help(
    groups={"replay": ("run_dir", "checkpoint", "data", "data_cache")},
    examples=(
        ("CERTIFICATE", "the tick that led to the result"),
        ("CERTIFICATE --checkpoint=images-0000088000-stage-07-of-09.npz", "another tick"),
        ("CERTIFICATE --run_dir=RUN --data=photos", "a run and data that have moved"),
    ),
)


def main(certificate: str) -> None:
    """Verifies a certificate."""
    # Imported here so that --help and mistaken flags answer at once: it loads TensorFlow.
    from pgan_tf.commands.certificates.replay_run import verify

    verify(certificate)


def start() -> None:
    """Starts the command."""
    run(main, positional=_ARGUMENTS, help=HELP)


if __name__ == "__main__":
    start()
