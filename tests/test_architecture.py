"""The house: folders in the order of their imports, small enough to see at once."""

import ast
import subprocess
import sys

import pytest

from tests.helpers.places import ROOT

# A folder imports only those before it.
ORDER = {
    "tfrecords": ["common", "pickles", "pictures", "format", "sources", "writing", "inspecting"],
    "pgan_tf": [
        *("config", "data", "networks", "devices", "runs", "training", "planning", "metrics"),
        *("exporting", "generating", "commands"),
    ],
}
PACKAGES = (*ORDER, "paper")
MAY_IMPORT = {"tfrecords": ("tfrecords",), "pgan_tf": ("tfrecords", "pgan_tf"), "paper": PACKAGES}
SOURCES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
}
CLAIMS = ("No TensorFlow", "Pure Python")


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in SOURCES else node.module


def place(module):
    """Returns the package, and the place of the folder in its order; files at the top come last."""
    package, *rest = module.split(".")
    order = ORDER.get(package, [])
    folder = rest[0] if rest else ""
    return package, order.index(folder) if folder in order else len(order)


@pytest.mark.parametrize("importer", SOURCES)
def test_a_folder_imports_only_those_before_it(importer):
    package, here = place(importer)
    for imported in imports_of(SOURCES[importer]):
        other, there = place(imported)
        if other in PACKAGES:
            assert other in MAY_IMPORT[package], f"{importer} imports {imported}"
        if other == package:
            assert there <= here, f"{importer} imports {imported}"


def test_what_claims_to_need_no_tensorflow_needs_none():
    pure = [name for name, path in SOURCES.items() if claims_purity(path)]
    assert len(pure) > 10
    script = "import importlib, sys\n" + "\n".join(
        f"importlib.import_module({name!r}); assert 'tensorflow' not in sys.modules, {name!r}"
        for name in pure
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)


def test_flags_are_read_by_commands_only():
    """And by what defines them for several."""
    shared = {"tfrecords.create", "tfrecords.inspect", "tfrecords.pictures.flags"}
    shared |= {"pgan_tf.config.flags", "tfrecords.common.checked_flags"}
    shared |= {"tfrecords.common.command_line"}
    for name, path in SOURCES.items():
        if not name.startswith(("pgan_tf.commands.", "paper.")) and name not in shared:
            assert not any(one.split(".")[0] == "absl" for one in imports_of(path)), name


def test_a_folder_is_seen_at_once():
    folders = [path for package in PACKAGES for path in (ROOT / package).rglob("*/")]
    folders += [ROOT / package for package in PACKAGES]
    for folder in folders:
        if not {"page", "__pycache__"} & {*folder.parts}:  # what npm built, and Python
            assert len([path for path in folder.iterdir() if path.is_file()]) <= 20, folder
    assert len(entries(ROOT / "pgan_tf")) <= 13


def test_a_file_is_read_in_one_sitting():
    for path in SOURCES.values():
        assert len(path.read_text().splitlines()) <= 300, path


def test_the_commands_in_the_root_only_start_those_of_the_package():
    for path in ROOT.glob("*.py"):
        assert len(path.read_text().splitlines()) <= 10, path


def claims_purity(path):
    return any(claim in ast.get_docstring(ast.parse(path.read_text())) for claim in CLAIMS)


def entries(folder):
    """Returns what a reader has to look at: no marker for type checkers, nothing left by Python."""
    sources = (path.relative_to(folder) for path in folder.rglob("*") if path.suffix != ".pyc")
    beside = ("__pycache__", "__init__.py", "py.typed")
    return {path.parts[0] for path in sources if (folder / path).is_file()} - {*beside}


def test_no_ten_lines_stand_in_two_files():
    seen = {}
    for name, path in SOURCES.items():
        lines = [line.strip() for line in path.read_text().splitlines()]
        lines = [line for line in lines if line and not line.startswith(("import ", "from ", "#"))]
        for ten in zip(*(lines[start:] for start in range(10)), strict=False):
            assert seen.setdefault(ten, name) == name, f"{name} repeats {seen[ten]}: {ten[0]}"
