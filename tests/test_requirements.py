"""Whatever the code imports, a requirements file brings."""

import ast
import re
import sys
from importlib.metadata import packages_distributions

from tests.helpers.places import ROOT


def imported_packages():
    """The top-level names that any Python file here imports, wherever in it."""
    for path in ROOT.rglob("*.py"):
        folders = path.relative_to(ROOT).parts
        # tests/golden was measured with Python 2.
        if {"node_modules", "golden"} & set(folders) or folders[0].startswith("."):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from ((alias.name.split(".")[0], path) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield node.module.split(".")[0], path


def distribution_key(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def required():
    for file in ROOT.glob("requirements*.txt"):
        for line in file.read_text().splitlines():
            if match := re.match(r"[A-Za-z][\w.-]*", line):
                yield distribution_key(match[0])


def test_every_imported_package_is_in_a_requirements_file():
    ours = {path.stem for path in [*ROOT.iterdir(), *(ROOT / "tests").iterdir()]}
    known = set(required())
    distributions = packages_distributions()
    for package, path in imported_packages():
        if package in ours or package in sys.stdlib_module_names:
            continue
        names = {distribution_key(name) for name in distributions.get(package, [package])}
        assert names & known, f"{path.relative_to(ROOT)} imports {package}: name it"
