"""docs/paper.md: each place that it names is there, and each part of the paper has a place."""

import ast
import re

from tests.helpers.places import ROOT

PAGE = (ROOT / "docs" / "paper.md").read_text()
PLACES = set(re.findall(r"`((?:pgan_tf|tfrecords|paper)/[\w./-]+)(?::([\w.]+))?`", PAGE))


def names_in(path):
    """Functions, classes, their methods and constants of a file."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
            yield from (f"{node.name}.{one.name}" for one in node.body if hasattr(one, "name"))
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def test_every_named_place_exists():
    assert PLACES
    for path, name in PLACES:
        assert (ROOT / path).is_file(), path
        assert not name or name in names_in(ROOT / path), (path, name)


def test_every_part_of_the_paper_has_a_place():
    named = " ".join(re.findall(r"^\| ((?:§|[A-G])[^|]*?) \|", PAGE, re.MULTILINE))
    parts = ["§2", "§3", "§4.1", "§4.2", "§5", "A.1", "A.2", *"BCDEFG"]
    numbers = {"§6.": 5, "table ": 4, "figure ": 5}
    parts += [f"{kind}{one + 1}" for kind, count in numbers.items() for one in range(count)]
    for part in parts:
        assert re.search(rf"{re.escape(part)}\b", named), part
