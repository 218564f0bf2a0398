"""Exports a trained generator: for TensorFlow Serving, a web page, ONNX or LiteRT."""

from absl import flags

from pgan_tf.commands import trained_flags as given
from pgan_tf.commands.only_run import with_only_run
from pgan_tf.exporting.formats import FORMATS, find_writer
from tfrecords.common.command_help import Help
from tfrecords.common.command_line import define_path, define_text, run
from tfrecords.common.errors import UserError

flags.adopt_module_key_flags(given)

EXPORT_DIR = define_path("export_dir", None, "Folder to write to.")
FORMAT = flags.DEFINE_enum("format", "saved_model", FORMATS, "What to write.")
QUANTIZE = flags.DEFINE_enum("quantize", "", ["", "float16"], "tfjs: weights in half precision.")
NAME = define_text("name", None, "tfjs: name of the generator on the page. Default: the run's.")
HELP = Help(
    groups={
        "generator": ("run_dir", "checkpoint", "official_pkl", "network"),
        "output": ("export_dir", "format", "quantize", "name"),
    },
    examples=(
        ("--run_dir=RUN --export_dir=exports/mine", "a SavedModel for TensorFlow Serving"),
        ("--run_dir=RUN --export_dir=exports/web --format=tfjs", "a web page that draws"),
        ("--official_pkl=FILE --export_dir=exports/theirs", "one of the authors' networks"),
    ),
)


def main() -> None:
    """Exports the generator that the flags name."""
    given.check_source()
    if not EXPORT_DIR.value:
        raise UserError("--export_dir: expected a folder, got none: name one")
    if FORMAT.value != "tfjs" and (QUANTIZE.value or NAME.value):
        raise UserError(f"--quantize, --name: expected --format=tfjs, got {FORMAT.value}")
    # Imported here so that --help and mistaken flags answer at once: they load TensorFlow.
    import tfrecords.common.tensorflow_setup  # noqa: F401  (first: it sets TensorFlow up)
    from pgan_tf.exporting.model_card import TERMS
    from pgan_tf.exporting.writer import ExportOptions

    trained = given.read_trained()
    if trained.fading_in:
        words = f"{trained.stage}: exported as it is, at alpha {trained.alpha:.3f}"
        print(f"{trained.source} is fading in, {words}")
    options = ExportOptions(EXPORT_DIR.value, QUANTIZE.value, NAME.value or "")
    exported = find_writer(FORMAT.value)(trained, options)
    if given.OFFICIAL_PKL.value:
        print(TERMS)
    for path in exported.kept:
        print(f"Kept {path}: it was changed since it was exported, or is not of an export")
    print(f"Wrote {exported.path} from {trained.source}. Look at it, and use it:\n")
    for line in exported.what_next:
        print(f"  {line}")


def start() -> None:
    """Starts the command."""
    run(main, complete=with_only_run, help=HELP)
