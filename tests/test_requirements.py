"""A requirements file brings whatever the code imports."""

import ast
import re
import sys
from importlib.metadata import packages_distributions

from tests.helpers.places import ROOT


def imported_packages():
    """The top-level names that any Python file here imports, wherever in it."""
    for path in ROOT.rglob("*.py"):
        folders = path.relative_to(ROOT).parts
        # tests/golden was measured with Python 2; torch_generator.py goes into exports.
        others = {"node_modules", "golden", "torch_generator.py"}
        if others & {*folders, path.name} or folders[0].startswith("."):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            yield from ((name.split(".")[0], path) for name in names)


def key(distribution):
    return re.sub(r"[-_.]+", "-", distribution).lower()


def test_every_imported_package_is_in_a_requirements_file():
    ours = {path.stem for path in [*ROOT.iterdir(), *(ROOT / "tests").iterdir()]}
    lines = [line for file in ROOT.glob("requirements*.txt") for line in file.open()]
    required = {key(match[0]) for line in lines if (match := re.match(r"[A-Za-z][\w.-]*", line))}
    distributions = packages_distributions()
    for package, path in imported_packages():
        if package not in ours and package not in sys.stdlib_module_names:
            names = {key(name) for name in distributions.get(package, [package])}
            assert names & required, f"{path.relative_to(ROOT)} imports {package}: name it"
