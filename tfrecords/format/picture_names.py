"""`pictures.txt`: the file from which each record was made, one per line, in order of records."""

from tfrecords.common import paths
from tfrecords.common.errors import UserError
from tfrecords.common.text import printable
from tfrecords.format.dataset_info import DatasetInfo

NAMES_FILE = "pictures.txt"
_MOST_BYTES = 2**31


def read_picture_names(info: DatasetInfo) -> list[str]:
    """Returns the paths of a dataset's pictures in their source, on one line each; [] if unknown.

    Paths are known for folders and archives, unless an older version made the dataset. Raises
    UserError if the file is unreadable or does not match the pictures.
    """
    path = paths.join(info.folder, NAMES_FILE)
    if not paths.exists(path):
        return []
    text = paths.read_whole(path, _MOST_BYTES).decode(errors="backslashreplace")
    names = [printable(line) for line in text.removesuffix("\n").split("\n")]
    if len(names) != info.num_images:
        expected = f"a line for each of {info.num_images} pictures"
        raise UserError(f"{path}: expected {expected}, got {len(names)}: remove it")
    return names
