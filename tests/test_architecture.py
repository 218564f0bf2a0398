"""The house: folders in the order of their imports, small enough to see at once."""

import ast
import subprocess
import sys

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
            whole = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in SOURCES else node.module for name in whole)


def place(module):
    """Returns the package, and the place of the folder in its order; files at the top come last."""
    package, *rest = module.split(".")
    order = ORDER.get(package, [])
    folder = rest[0] if rest else ""
    return package, order.index(folder) if folder in order else len(order)


def test_a_folder_imports_only_those_before_it():
    for importer, path in SOURCES.items():
        package, here = place(importer)
        for imported in imports_of(path):
            if (importer, imported) == ("pgan_tf.commands.pgan", "pgan_tf"):
                continue  # for the version
            other, there = place(imported)
            allowed = other in MAY_IMPORT[package] or other not in PACKAGES
            assert allowed and (other != package or there <= here), f"{importer} imports {imported}"


def test_what_claims_to_need_no_tensorflow_needs_none():
    docstrings = {
        name: ast.get_docstring(ast.parse(file.read_text())) for name, file in SOURCES.items()
    }
    pure = [name for name, words in docstrings.items() if any(claim in words for claim in CLAIMS)]
    assert len(pure) > 10
    script = "import importlib, sys\n" + "\n".join(
        f"importlib.import_module({name!r}); assert 'tensorflow' not in sys.modules, {name!r}"
        for name in pure
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)


def test_flags_are_read_by_commands_only():
    """And by what defines them for several."""
    shared = {"tfrecords.create", "tfrecords.inspect", "tfrecords.pictures.flags"}
    shared |= {"tfrecords.common.command_line", "tfrecords.common.command_help"}
    for name, path in SOURCES.items():
        if not name.startswith(("pgan_tf.commands.", "paper.")):
            absl = [one for one in imports_of(path) if one.split(".")[0] == "absl"]
            assert not absl or name in shared | {"pgan_tf.config.flags"}, name


def test_folders_and_files_are_small_enough_to_be_seen_at_once():
    folders = [folder for package in PACKAGES for folder in (ROOT / package).glob("**/")]
    for folder in folders:
        if not {"page", "__pycache__"} & {*folder.parts}:  # what npm built, and Python
            assert len([path for path in folder.iterdir() if path.is_file()]) <= 20, folder
    # Folders that hold nothing but what Python left of them are not looked at.
    files = (path for path in (ROOT / "pgan_tf").rglob("*") if path.is_file())
    entries = {
        path.relative_to(ROOT / "pgan_tf").parts[0] for path in files if path.suffix != ".pyc"
    }
    assert len(entries - {"__init__.py", "py.typed"}) <= 13
    for path in SOURCES.values():
        assert len(path.read_text().splitlines()) <= 300, path
    for path in ROOT.glob("*.py"):  # they only start the package's commands
        assert len(path.read_text().splitlines()) <= 10, path


def test_no_ten_lines_stand_in_two_files():
    seen = {}
    for name, path in SOURCES.items():
        lines = [line.strip() for line in path.read_text().splitlines()]
        lines = [line for line in lines if line and not line.startswith(("import ", "from ", "#"))]
        for ten in zip(*(lines[start:] for start in range(10)), strict=False):
            assert seen.setdefault(ten, name) == name, f"{name} repeats {seen[ten]}: {ten[0]}"
