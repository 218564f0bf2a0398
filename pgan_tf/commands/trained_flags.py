"""The flags of commands that use a trained generator: where it comes from."""

from typing import TYPE_CHECKING

from absl import flags

from pgan_tf.runs.packaged import NETWORKS, packaged_run
from tfrecords.common.command_line import define_path, not_with
from tfrecords.common.errors import UserError

if TYPE_CHECKING:  # it loads TensorFlow, which --help does not wait for
    from pgan_tf.runs.trained import Trained

RUN_DIR = define_path(
    "run_dir",
    None,
    "Folder of a run, whose last checkpoint is taken. Default: the only one under runs/.",
)
CHECKPOINT = define_path("checkpoint", None, "In place of --run_dir, one checkpoint file.")
OFFICIAL_PKL = define_path(
    "official_pkl", None, "In place of --run_dir, a pickle of the published code."
)
MODEL = flags.DEFINE_enum(
    "model", None, list(NETWORKS), "In place of --run_dir, a network that comes with pgan-tf."
)
NETWORK = flags.DEFINE_enum(
    "network", "average_generator", ["average_generator", "generator"], "Which weights to use."
)


def check_source(*others: flags.FlagHolder) -> None:
    """Raises UserError unless these flags, and the command's own, name exactly one generator."""
    sources = [RUN_DIR, CHECKPOINT, OFFICIAL_PKL, MODEL, *others]
    given = [f"--{flag.name}" for flag in sources if flag.value]
    if len(given) != 1:
        names = " or ".join(f"--{flag.name}" for flag in sources)
        got = " and ".join(given) or "none"
        raise UserError(f"{names}: expected one of them, got {got}: name the generator to use")
    not_with(["network"], MODEL)  # it has only one


def read_trained() -> "Trained":
    """Reads the generator that the flags name. Raises UserError if it cannot be read."""
    from pgan_tf.runs import trained

    weights: trained.Weights = "generator" if NETWORK.value == "generator" else "average_generator"
    if RUN_DIR.value:
        return trained.from_run(RUN_DIR.value, weights)
    if MODEL.value:
        return trained.from_run(packaged_run(MODEL.value), weights)
    if OFFICIAL_PKL.value:
        return trained.from_official(OFFICIAL_PKL.value, weights)
    return trained.from_checkpoint(CHECKPOINT.value, weights)
