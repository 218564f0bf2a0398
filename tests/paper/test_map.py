"""docs/paper.md: each place that it names is there."""

import ast
import re

from tests.helpers.places import ROOT

PAGE = (ROOT / "docs" / "paper.md").read_text()


def names_in(path):
    """Functions, classes, their methods and constants of a file."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            methods = (inner for inner in node.body if isinstance(inner, ast.FunctionDef))
            found |= {node.name, *(f"{node.name}.{inner.name}" for inner in methods)}
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return found


def test_every_named_place_exists():
    places = re.findall(r"`((?:pgan_tf|tfrecords|paper)/[\w./-]+)(?::([\w.]+))?`", PAGE)
    assert len(places) > 50
    for path, name in places:
        assert (ROOT / path).is_file(), path
        assert not name or name in names_in(ROOT / path), f"{path}:{name}"


def test_every_section_appendix_table_and_figure_has_a_place():
    named = " ".join(re.findall(r"^\| ((?:§|[A-G])[^|]*?) \|", PAGE, re.MULTILINE))
    sections = ("§2", "§3", "§4.1", "§4.2", "§5", "§6.1", "§6.2", "§6.3", "§6.4", "§6.5")
    appendices = ("A.1", "A.2", "B", "C", "D", "E", "F, G")
    tables = (f"table {number}" for number in range(1, 5))
    figures = (f"figure {number}" for number in range(1, 6))
    for place in (*sections, *appendices, *tables, *figures):
        assert re.search(rf"{re.escape(place)}\b", named), place
