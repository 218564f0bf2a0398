"""docs/paper.md: each place that it names is there; its table is docs/paper.json's."""

import ast
import re

from paper.experiments import EXPERIMENTS
from paper.results import read_results, replace_table, to_markdown
from tests.helpers.places import ROOT

PAGE = (ROOT / "docs" / "paper.md").read_text()


def names_in(path):
    """Functions, classes, their methods and constants of a file."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
            for inner in getattr(node, "body", []):
                if isinstance(inner, ast.FunctionDef):
                    found.add(f"{node.name}.{inner.name}")
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return found


def test_every_named_place_exists():
    places = re.findall(r"`((?:pgan_tf|tfrecords|paper)/[\w./-]+)(?::([\w.]+))?`", PAGE)
    assert len(places) > 50
    for path, name in places:
        assert (ROOT / path).is_file(), path
        assert not name or name in names_in(ROOT / path), f"{path}:{name}"


def test_every_section_and_appendix_has_a_place():
    sections = re.findall(r"^\| (§[^|]*|[A-G][^|]*?) \|", PAGE, re.MULTILINE)
    named = " ".join(sections)
    for section in ("§2", "§3", "§4.1", "§4.2", "§5", "§6.1", "§6.2", "§6.3", "§6.4", "§6.5"):
        assert section in named, section
    for appendix in ("A.1", "A.2", "B", "C", "D", "E", "F, G"):
        assert appendix in sections or any(one.startswith(appendix) for one in sections), appendix
    for table in ("table 1", "table 2", "table 3", "table 4"):
        assert table in named, table
    for figure in range(1, 6):
        assert f"figure {figure}" in named, figure


def test_the_table_is_what_was_measured():
    measured = read_results(str(ROOT / "docs" / "paper.json"))
    assert replace_table(PAGE, to_markdown(EXPERIMENTS, measured)) == PAGE
