"""Looks into finished datasets of TFRecords.

summary FOLDER       What the dataset holds. --json for machines.
verify FOLDER        Reads all of it and reports everything that is damaged,
                     missing or not what the largest pictures give; exits
                     with 2 if something is.
extract FOLDER OUT   Pictures as PNG files in the new folder OUT; for example
                     --indices=0-99,150 --resolution=64 --by_class.
show FOLDER OUT.png  A sheet of pictures, one row for each class; .jpg and
                     .webp are written too. --resolution, --count.
compare A B          Whether two datasets hold the same pictures in the same
                     order with the same labels, however they are stored;
                     exits with 0 if they do, 1 if they differ, 2 after an
                     error.
"""

import json
import sys
from collections.abc import Callable

from absl import flags

from tfrecords.common import command_line
from tfrecords.common.bounds import RESOLUTIONS, Bounds
from tfrecords.common.command_help import Help
from tfrecords.common.command_line import define_number, define_text
from tfrecords.common.errors import UserError
from tfrecords.common.text import counted

_JSON = flags.DEFINE_bool("json", False, "summary: print JSON.")
_RESOLUTION = define_number(
    "resolution",
    None,
    "extract, show: resolution in pixels. Default: the largest, or what fits a sheet.",
    RESOLUTIONS,
)
_INDICES = define_text("indices", None, "extract: which pictures, such as 0-99,150. Default: all.")
_BY_CLASS = flags.DEFINE_bool("by_class", False, "extract: a subfolder per class.")
_COUNT = define_number(
    "count",
    None,
    "show: how many pictures. Default: 64, or 10 per class.",
    Bounds(1, 10000, whole=True),
)

_COMMANDS_OF_FLAG = {"json": ("summary",), "resolution": ("extract", "show"), "count": ("show",)}
_COMMANDS_OF_FLAG |= {"indices": ("extract",), "by_class": ("extract",)}
_SHOWN_PROBLEMS = 20

HELP = Help(
    groups={"flags of one command": ("json", "resolution", "count", "indices", "by_class")},
    examples=(
        ("summary datasets/photos", "what it holds"),
        ("verify datasets/photos", "whether all of it is intact"),
        ("show datasets/photos sheet.png", "a sheet of pictures"),
    ),
)


def main(command: str, *arguments: str) -> None:
    """Runs one command."""
    for flag, commands in _COMMANDS_OF_FLAG.items():
        if flags.FLAGS[flag].present and command not in commands:
            raise UserError(f"--{flag}: {command} has no such flag, {' and '.join(commands)} has")
    # Imported here, like all that needs TensorFlow, so that --help and errors appear at once.
    import tfrecords.common.tensorflow_setup  # noqa: F401  (first: it sets TensorFlow up)

    _COMMANDS[command][0](*arguments)


def _summary(folder: str) -> None:
    from tfrecords.inspecting.inspection import format_summary, summarize

    summary = summarize(folder)
    in_json = _JSON.value
    print(json.dumps(summary, indent=2, ensure_ascii=False) if in_json else format_summary(summary))


def _verify(folder: str) -> None:
    from tqdm import tqdm

    from tfrecords.format.dataset_info import read_dataset_info
    from tfrecords.inspecting.verification import find_problems

    count = 0
    for count, problem in enumerate(find_problems(folder), start=1):
        if count <= _SHOWN_PROBLEMS:
            tqdm.write(problem)  # prints above the progress bar
    if count > _SHOWN_PROBLEMS:
        print(f"… and {count - _SHOWN_PROBLEMS:,} more")
    if count:
        found = f"{counted(count, 'problem')}: copy it or make it again"
        raise UserError(f"{folder}: expected a whole dataset, found {found}")
    info = read_dataset_info(folder)
    shape = f"{info.resolution} px{info.base.beside(info.resolution)}"
    pictures = f"{counted(info.num_images, 'picture')} at {shape}"
    smaller = counted(len(info.files) - 1, "smaller resolution")
    classes = f", {counted(info.label_size, 'class')}" if info.label_size else ""
    print(f"{folder} is whole: {pictures} and {smaller}{classes}")


def _extract(folder: str, out_dir: str) -> None:
    from tfrecords.inspecting.extraction import extract

    count = extract(folder, out_dir, _RESOLUTION.value, _INDICES.value, _BY_CLASS.value)
    print(f"{out_dir}: {counted(count, 'picture')}")


def _show(folder: str, path: str) -> None:
    from tfrecords.inspecting.contact_sheet import show

    print(f"{path}: {show(folder, path, _RESOLUTION.value, _COUNT.value)}")


def _compare(folder_a: str, folder_b: str) -> None:
    from tfrecords.inspecting.comparison import compare_datasets

    found = compare_datasets(folder_a, folder_b)
    if found.differences:
        print(f"{folder_a} and {folder_b} differ:", *found.differences, sep="\n")
        if found.equal_pictures:
            print(f"the {found.num_images:,} pictures that both have are the same")
        sys.exit(1)
    pictures = counted(found.num_images, "picture")
    files = "the files hold the same bytes" if found.equal_files else "stored differently"
    print(f"{folder_a} and {folder_b} hold the same {pictures}; {files}")


_COMMANDS: dict[str, tuple[Callable[..., None], tuple[str, ...]]] = {
    "summary": (_summary, ("FOLDER",)),
    "verify": (_verify, ("FOLDER",)),
    "extract": (_extract, ("FOLDER", "OUT")),
    "show": (_show, ("FOLDER", "OUT.png")),
    "compare": (_compare, ("A", "B")),
}
_ARGUMENTS = {name: arguments for name, (_, arguments) in _COMMANDS.items()}


def start() -> None:
    """Starts the command."""
    command_line.run(main, positional=_ARGUMENTS, help=HELP)


if __name__ == "__main__":
    start()
