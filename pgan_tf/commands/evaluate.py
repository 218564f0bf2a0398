"""Scores generators: SWD, MS-SSIM, modes, memorization, FID, KID, IS, precision and recall.

The real pictures are those that the run was trained on: its flags.txt says where they are.
With --saved_model=EXPORT --data=… in place of --run_dir it scores what export.py wrote.
Other flags of train.py that are given here hold instead, such as --data and --data_cache.
"""

from absl import flags

from pgan_tf.commands import run_flags as given
from pgan_tf.commands.only_run import with_only_run
from pgan_tf.metrics.by_name import NAMES, parse_names
from tfrecords.common.command_help import Help
from tfrecords.common.command_line import (
    define_path,
    define_text,
    flag_values,
    not_with,
    read_path,
    run,
)
from tfrecords.common.errors import UserError

METRICS = define_text(
    "metrics",
    None,
    f"Some of {', '.join(NAMES)}; docs/metrics.md. Default: the run's --eval_metrics, or swd.",
    lambda text: parse_names(text, "--metrics"),
)
CHECKPOINT = define_path("checkpoint", "last", "last, all, or the name of a checkpoint file.")
NETWORK = flags.DEFINE_enum(
    "network", "average_generator", ["average_generator", "generator"], "Which weights to score."
)
SAVED_MODEL = define_path(
    "saved_model", None, "An export instead of --run_dir. It can run code: docs/security.md."
)
for name in ("run_dir", "data", "data_cache", "num_images", "eval_seed", "inception"):
    flags.declare_key_flag(name)
for name in ("held_out_data", "max_bad_records"):
    flags.declare_key_flag(name)
HELP = Help(
    groups={
        "generator": ("run_dir", "checkpoint", "saved_model", "network"),
        "scores": ("metrics", "num_images", "eval_seed", "inception"),
        "data": ("data", "held_out_data", "data_cache", "max_bad_records"),
    },
    examples=(
        ("--run_dir=RUN", "sliced Wasserstein distance of the last checkpoint"),
        ("--run_dir=RUN --metrics=fid,kid --checkpoint=all", "other scores, of all checkpoints"),
        ("--saved_model=EXPORT --data=photos", "an export, by pictures that it should be like"),
    ),
)


def main() -> None:
    """Scores, and writes the scores to the run folder or the export."""
    run_dir = given.RUN_DIR.value
    if bool(run_dir) == bool(SAVED_MODEL.value):
        got = f"got {'both' if run_dir else 'none'}"
        raise UserError(f"--run_dir or --saved_model: expected one, {got}: name what to score")
    not_with(["checkpoint", "network"], SAVED_MODEL)
    names = parse_names(METRICS.value or given.EVAL_METRICS.value or "swd", "--metrics")
    # Imported here so that --help and mistaken flags answer at once: it loads TensorFlow.
    from pgan_tf.commands import score

    if SAVED_MODEL.value:
        score.score_saved_model(names)
    else:
        score.score_run(run_dir, names)


def with_flags_of_run(arguments: list[str]) -> list[str]:
    """Puts the lines of the run's flags.txt before the arguments, which take precedence."""
    arguments = with_only_run(arguments)
    try:
        run_dir = read_path(["", *flag_values(arguments, "run_dir")][-1])
    except ValueError:  # parsing the flag reports it
        return arguments
    if not run_dir:
        return arguments
    # It loads TensorFlow, which opens gs://… too.
    import tfrecords.common.tensorflow_setup  # noqa: F401
    from pgan_tf.runs.flags_file import located_flags

    return [*located_flags(run_dir), *arguments]


def start() -> None:
    """Starts the command."""
    run(main, complete=with_flags_of_run, help=HELP)
