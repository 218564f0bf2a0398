"""Trains a progressive GAN on your pictures, or on built-in shapes.

Without --data it trains the built-in shapes with --preset=shapes. Ctrl-C (SIGINT) and SIGTERM let
the step finish and save: the exit status is then 130 or 143, and the same command resumes. Where
TF_CONFIG names several workers, the same command on each trains with all of them.
"""

from absl import flags

from pgan_tf.commands import run_flags as given
from pgan_tf.config.flags import expand_presets, find_preset
from tfrecords.common.command_help import Help
from tfrecords.common.command_line import define_read, flag_values, run
from tfrecords.common.errors import UserError

flags.adopt_module_key_flags(given)

PRESET = define_read(
    "preset",
    None,
    "Settings by name, such as laptop; --preset=list prints all.",
    find_preset,
    "a name",
)
HELP = Help(
    groups=given.GROUPS,
    first=(
        *("data", "preset", "run_dir", "conditional", "resolution", "total_kimg"),
        *("batch_size", "learning_rate", "mirror_augment", "seed", "dry_run", "precision"),
    ),
    examples=(
        ("", "the built-in shapes at 32 px, in minutes on a CPU"),
        ("--data=photos --preset=laptop", "your own pictures at 64 px, in half an hour on a CPU"),
        ("--data=photos --preset=laptop --dry_run", "what that would take, without training"),
    ),
)


def main() -> None:
    """Trains, or says what it would do."""
    if PRESET.value:  # `with_default_preset` has put others' flags in their place
        raise UserError("--preset: expected on the command line, got it in a flag file")
    # Imported here so that --help and mistaken flags answer at once: it loads TensorFlow.
    from pgan_tf.commands.start_run import start_run

    start_run()


def with_default_preset(arguments: list[str]) -> list[str]:
    """Puts the shapes preset before the arguments, unless they choose data or a preset."""
    data, *others = (flag_values(arguments, name) for name in ("data", "flagfile", "preset"))
    if any(others) or set(data) - {"shapes"}:
        return expand_presets(arguments)
    return expand_presets(["--preset=shapes", *arguments])


def start() -> None:
    """Starts the command."""
    run(main, complete=with_default_preset, help=HELP)
