"""Classes by the folders that pictures lie in."""

import posixpath
import re
from collections.abc import Sequence

from tfrecords.common.errors import UserError
from tfrecords.common.text import list_names, printable

_SPLITS = frozenset(
    ("train", "training", "val", "valid", "validation", "dev", "test", "testing", "eval")
)
_SHARD = re.compile(r"\d{4,}|(part|shard|chunk|batch|fold)s?[-_ ]?\d+", re.IGNORECASE)


def folder_classes(paths: Sequence[str], where: str, insist: bool) -> tuple[list[str], list[str]]:
    """Returns the class of each picture, its first sub-folder, and lines for the user.

    Folders that hold everything are no classes. Nor are train, val and test, or shards such as
    00000 and 00001: where each of them holds folders, those are the classes. With `insist` the
    user asked for folders, and shards without folders become classes. Raises UserError if a
    picture is in no class's folder, there is one class only, or parts of the dataset.
    """
    notes: list[str] = []
    # Archives often have one folder that holds everything.
    common = posixpath.commonpath([posixpath.dirname(path) for path in paths])
    inside = [path[len(common) + 1 :] if common else path for path in paths]
    if not all("/" in path for path in inside):
        inside = list(paths)
    while True:
        loose = next((index for index, path in enumerate(inside) if "/" not in path), None)
        if loose is not None:
            raise UserError(
                f"{where}: labels need every picture in a sub-folder named after its class, "
                f"{printable(paths[loose])} is in none: move it, or give --labels=FILE or none"
            )
        tops = sorted({path.split("/")[0] for path in inside})
        splits = [top for top in tops if top.lower() in _SPLITS]
        shards = all(_SHARD.fullmatch(top) for top in tops) and len({*map(len, tops)}) == 1
        if splits != tops and not shards:
            break
        kind = "shards" if shards else "parts of a dataset"
        flat = next((path for path in inside if path.count("/") < 2), None)
        if flat is None:
            _check_parts_alike(inside, where)
            notes.append(
                f"{where}: {list_names(tops)} are taken for {kind}, and the folders in them for "
                "classes"
            )
            inside = [path.partition("/")[2] for path in inside]
        elif shards and insist:
            notes.append(
                f"{where}: {list_names(tops)} look like shards; they are classes as "
                "--labels=folders says so"
            )
            break
        else:
            insisting = ", --labels=folders if they are classes" if shards else ""
            raise UserError(
                f"{where}: {list_names(tops)} look like {kind}, not like classes, and "
                f"{printable(flat)} is in no class's folder: give --labels=FILE of labels"
                f"{insisting} or --labels=none"
            )
    if splits and splits != tops:
        others = [top for top in tops if top not in splits]
        notes.append(
            f"{where}: {list_names(splits)} counts as a class, as it lies beside "
            f"{list_names(others)}"
        )
    if len(tops) < 2:
        raise UserError(
            f"{where}: labels need two sub-folders or more, named after the classes, "
            f"got {printable(tops[0])} only: turn labels off"
        )
    return [path.split("/")[0] for path in inside], notes


def _check_parts_alike(paths: Sequence[str], where: str) -> None:
    """Checks that the parts have a folder in common, as they have if those are classes."""
    parts: dict[str, set[str]] = {}
    for path in paths:
        part, name, _ = path.split("/", 2)
        parts.setdefault(part, set()).add(name)
    if not set.intersection(*parts.values()):
        each = (f"{printable(part)} holds {list_names(sorted(parts[part]))}" for part in parts)
        held = " and ".join(each)
        raise UserError(
            f"{where}: expected the same classes in each part of the dataset, {held}: convert one "
            "of them, or give --labels=FILE or none"
        )
