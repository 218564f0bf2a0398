"""Exports a trained generator: for TensorFlow Serving, Keras, PyTorch, a web page and others."""

import re

from absl import flags

from pgan_tf.commands import trained_flags as given
from pgan_tf.commands.only_run import with_only_run
from pgan_tf.exporting.hub import check_repository
from pgan_tf.generating.formats.by_name import FORMATS, find_writer
from tfrecords.common.command_help import Help
from tfrecords.common.command_line import define_path, define_text, not_with, only_with, run
from tfrecords.common.errors import UserError

flags.adopt_module_key_flags(given)


def _check_url(url: str) -> None:
    if not re.fullmatch(r"https?://[^\s\"<>]+", url):
        raise ValueError(f"expected https://…, got {url!r}")


def _check_license(name: str) -> None:
    if not re.fullmatch(r"[a-z0-9][a-z0-9.+-]*", name):
        raise ValueError(f"expected the Hub's name of one, such as cc0-1.0, got {name!r}")


EXPORT_DIR = define_path("export_dir", None, "Folder to write to.")
FORMAT = flags.DEFINE_enum("format", "saved_model", FORMATS, "What to write.")
NETWORKS = flags.DEFINE_enum(
    "networks", "one", ["one", "all"], "all: also what train.py --init_from takes, unfolded."
)
QUANTIZE = flags.DEFINE_enum("quantize", "", ["", "float16"], "tfjs: weights in half precision.")
NAME = define_text("name", None, "tfjs: name of the generator on the page. Default: the run's.")
TITLE = define_text("title", None, "tfjs: the page's title. Default: its generators' names.")
DESCRIPTION = define_text("description", None, "tfjs: a sentence on the page and in links to it.")
LICENSE = define_text(
    "license", None, "huggingface: license of the generator, such as cc0-1.0.", _check_license
)
PUSH_TO = define_text(
    "push_to", None, "huggingface: USER/NAME of a repository to upload to.", check_repository
)
URL = define_text(
    "url", None, "tfjs: where the page will be, for previews of links to it.", _check_url
)
ENGINES = define_path(
    "engines", None, "tfjs: npm's node_modules, whose ONNX Runtime Web and LiteRT.js can draw, too."
)
HELP = Help(
    groups={
        "generator": ("run_dir", "checkpoint", "official_pkl", "model", "network"),
        "output": ("export_dir", "format", "networks"),
        "upload (--format=huggingface)": ("license", "push_to"),
        "web page (--format=tfjs)": ("name", "title", "description", "url", "quantize", "engines"),
    },
    first=(
        *("run_dir", "official_pkl", "model", "export_dir", "format", "networks", "license"),
        *("push_to", "name", "title", "description", "quantize"),
    ),
    examples=(
        ("--run_dir=RUN --export_dir=exports/mine", "a SavedModel for TensorFlow Serving"),
        ("--run_dir=RUN --export_dir=exports/web --format=tfjs", "a web page that draws"),
        ("--official_pkl=FILE --export_dir=exports/theirs", "one of the authors' networks"),
    ),
)


def main() -> None:
    """Exports the generator that the flags name."""
    given.check_source()
    not_with(["networks"], given.MODEL)  # it comes with the one that draws
    if not EXPORT_DIR.value:
        raise UserError("--export_dir: expected a folder, got none: name one")
    only_with(["license", "push_to"], FORMAT, "huggingface")
    web = ["quantize", "name", "title", "description", "url", "engines"]
    only_with(web, FORMAT, "tfjs")
    # Imported here so that --help and mistaken flags answer at once: they load TensorFlow.
    import tfrecords.common.tensorflow_setup  # noqa: F401  (first: it sets TensorFlow up)
    from pgan_tf.exporting.model_card import TERMS
    from pgan_tf.exporting.page_head import Head
    from pgan_tf.exporting.writer import ExportOptions

    trained = given.read_trained()
    if trained.fading_in:
        words = f"{trained.stage}: exported as it is, at alpha {trained.alpha:.3f}"
        print(f"{trained.source} is fading in, {words}")
    head = Head(TITLE.value or "", DESCRIPTION.value or "", URL.value or "")
    all_networks = NETWORKS.value == "all"
    options = ExportOptions(
        EXPORT_DIR.value,
        QUANTIZE.value,
        NAME.value or "",
        head,
        engines=ENGINES.value or "",
        all_networks=all_networks,
        license=LICENSE.value or "",
        push_to=PUSH_TO.value or "",
    )
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
