"""Exports a trained generator: `python export.py --run_dir=RUN --export_dir=DIR`."""

import tfrecords.common.tensorflow_setup  # noqa: F401, I001  (first: it sets TensorFlow up)

from absl import flags

from pgan_tf.commands import trained_flags as given
from pgan_tf.exporting.formats import FORMATS
from pgan_tf.exporting.model_card import TERMS
from pgan_tf.exporting.page_head import Head, check_url
from pgan_tf.exporting.writer import ExportOptions
from tfrecords.common.command_line import define_path, define_text, only_with
from tfrecords.common.errors import UserError

flags.adopt_module_key_flags(given)

EXPORT_DIR = define_path("export_dir", None, "Folder to write to.")
FORMAT = flags.DEFINE_enum("format", "saved_model", sorted(FORMATS), "What to write.")
QUANTIZE = flags.DEFINE_enum("quantize", "", ["", "float16"], "tfjs: weights in half precision.")
NAME = define_text("name", None, "tfjs: name of the generator on the page. Default: the run's.")
TITLE = define_text("title", None, "tfjs: the page's title. Default: its generators' names.")
DESCRIPTION = define_text("description", None, "tfjs: a sentence on the page and in links to it.")
URL = define_text(
    "url", None, "tfjs: where the page will be, for previews of links to it.", check_url
)


def main() -> None:
    """Exports the generator that the flags name."""
    given.check_source()
    if not EXPORT_DIR.value:
        raise UserError("--export_dir: expected a folder, got none: name one")
    only_with(["quantize", "name", "title", "description", "url"], FORMAT, "tfjs")
    trained = given.read_trained()
    if trained.fading_in:
        words = f"{trained.stage}: exported as it is, at alpha {trained.alpha:.3f}"
        print(f"{trained.source} is fading in, {words}")
    head = Head(TITLE.value or "", DESCRIPTION.value or "", URL.value or "")
    options = ExportOptions(EXPORT_DIR.value, QUANTIZE.value, NAME.value or "", head)
    exported = FORMATS[FORMAT.value](trained, options)
    if given.OFFICIAL_PKL.value:
        print(TERMS)
    for path in exported.kept:
        print(f"Kept {path}: it was changed since it was exported, or is not of an export")
    print(f"Wrote {exported.path} from {trained.source}. Look at it, and use it:\n")
    for line in exported.what_next:
        print(f"  {line}")
