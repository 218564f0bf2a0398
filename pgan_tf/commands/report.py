"""Makes one HTML page about a run: curves, samples and settings, to open in a browser."""

import posixpath

from pgan_tf.commands.only_run import with_only_run
from pgan_tf.commands.pgan import sibling
from tfrecords.common.bounds import Bounds
from tfrecords.common.command_help import Help
from tfrecords.common.command_line import define_number, define_path, run
from tfrecords.common.errors import UserError
from tfrecords.common.text import size_in_words

RUN_DIR = define_path("run_dir", None, "Folder of a run. Default: the only one under runs/.")
OUTPUT = define_path("output", None, "HTML file. Default: report.html in the run folder.")
CLIP_SECONDS = define_number(
    "clip_seconds", 5.0, "Length of the interpolation clip; 0 leaves it out.", Bounds(0, 120)
)
HELP = Help(
    groups={"report": ("run_dir", "output", "clip_seconds")},
    examples=(
        ("--run_dir=RUN", "RUN/report.html"),
        ("--run_dir=RUN --output=mine.html", "another file"),
        ("--run_dir=RUN --clip_seconds=0", "without the clip, which takes most of the time"),
    ),
)


def main() -> None:
    """Writes the page."""
    run_dir = RUN_DIR.value
    if not run_dir:
        raise UserError("--run_dir: expected the folder of a run of train.py, got none: name one")
    path = OUTPUT.value or posixpath.join(run_dir, "report.html")
    if not path.lower().endswith((".html", ".htm")):
        raise UserError(f"--output: expected NAME.html, got {path!r}: a page is written")
    # Imported here so that --help and mistaken flags answer at once: they load TensorFlow.
    import tfrecords.common.tensorflow_setup  # noqa: F401  (first: it sets TensorFlow up)
    from pgan_tf.generating.report import write_report

    size = write_report(run_dir, path, CLIP_SECONDS.value, sibling)
    print(f"Wrote {path}: {size_in_words(size)}; open it in a browser")


def start() -> None:
    """Starts the command."""
    run(main, complete=with_only_run, help=HELP)
