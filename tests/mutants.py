"""Changes one line of the product at a time, and counts how many changes the tests notice.

    python -m tests.mutants --count=60 --seed=1 [--suite=PROJECT] [--output=mutants.jsonl]

The lines are drawn at random, evenly over the folders; the same seed and code give the same lines.
Each mutant runs in a copy of the project against the tests of its own folder: `tests/runs/` for
`pgan_tf/runs/`, `tests/tfrecords/` for `tfrecords/writing/`. A mutant that makes a test fail is
*killed*. `--suite` takes the tests of another checkout, to compare two suites on the same mutants.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import defaultdict

from tests.helpers.places import ROOT

PACKAGES = ("pgan_tf", "tfrecords")
SWAPS = {
    ast.Lt: "<=",
    ast.LtE: "<",
    ast.Gt: ">=",
    ast.GtE: ">",
    ast.Eq: "!=",
    ast.NotEq: "==",
    ast.In: "not in",
    ast.NotIn: "in",
    ast.Is: "is not",
    ast.IsNot: "is",
    ast.Add: "-",
    ast.Sub: "+",
    ast.Mult: "+",
    ast.Div: "*",
    ast.FloorDiv: "*",
    ast.And: "or",
    ast.Or: "and",
}


@dataclasses.dataclass(frozen=True)
class Mutant:
    path: str  # relative to the project
    line: int  # from 1
    before: str
    after: str

    @property
    def folder(self):
        return str(pathlib.PurePosixPath(self.path).parent)


def mutants_of(path):
    """Yields every mutant of a file: swapped operators, changed numbers, negated conditions."""
    source = (ROOT / path).read_text()
    lines = source.splitlines()

    def replaced(start, end, text):
        """The line with what stands between two positions replaced; None if on several lines."""
        if start[0] != end[0]:
            return None
        line = lines[start[0] - 1]
        # ast counts bytes.
        head = line.encode()[: start[1]].decode()
        tail = line.encode()[end[1] :].decode()
        return Mutant(path, start[0], line, head + text + tail)

    def starts(node):
        return node.lineno, node.col_offset

    def ends(node):
        return node.end_lineno, node.end_col_offset

    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            yield replaced(ends(node.left), starts(node.comparators[0]), f" {swap(node.ops[0])} ")
        elif isinstance(node, ast.BinOp) and type(node.op) in SWAPS:
            yield replaced(ends(node.left), starts(node.right), f" {swap(node.op)} ")
        elif isinstance(node, ast.BoolOp):
            yield replaced(ends(node.values[0]), starts(node.values[1]), f" {swap(node.op)} ")
        elif isinstance(node, ast.If | ast.IfExp | ast.While):
            text = ast.get_source_segment(source, node.test)
            yield replaced(starts(node.test), ends(node.test), f"(not ({text}))")
        elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
            yield replaced(starts(node), ends(node), repr(node.value + 1))
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            yield replaced(starts(node), ends(node), "pass")


def swap(operator):
    return SWAPS[type(operator)]


def compiles(mutant):
    lines = (ROOT / mutant.path).read_text().splitlines()
    lines[mutant.line - 1] = mutant.after
    try:
        compile("\n".join(lines), mutant.path, "exec")
    except SyntaxError:
        return False
    return mutant.after != mutant.before


def choose(count, seed):
    """Draws mutants evenly over the folders, at most one of a line."""
    by_folder = defaultdict(list)
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            path = file.relative_to(ROOT).as_posix()
            for mutant in filter(None, mutants_of(path)):
                by_folder[mutant.folder].append(mutant)
    generator = random.Random(seed)
    chosen, lines = [], set()
    while len(chosen) < count:
        for folder in sorted(by_folder):
            mutant = generator.choice(by_folder[folder])
            if len(chosen) < count and (mutant.path, mutant.line) not in lines and compiles(mutant):
                lines.add((mutant.path, mutant.line))
                chosen.append(mutant)
    return chosen


def tests_of(folder, suite):
    """The tests that mirror a folder, or the nearest folder above it."""
    package, *rest = folder.split("/")
    place = suite / "tests" / pathlib.Path(*([package] if package == "tfrecords" else []), *rest)
    while not list(place.glob("**/test_*.py")):
        place = place.parent
    return place.relative_to(suite)


def is_killed(mutant, suite, seconds):
    """Runs the tests of a mutant's folder in a copy of the project; True if one fails or hangs."""
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder) / "project"
        tracked = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True)
        for name in filter(None, tracked.split("\0")):
            if not name.startswith("tests/"):
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, copy / name)
        shutil.copytree(suite / "tests", copy / "tests")
        lines = (copy / mutant.path).read_text().splitlines(keepends=True)
        lines[mutant.line - 1] = mutant.after + "\n"
        (copy / mutant.path).write_text("".join(lines))
        command = [sys.executable, "-m", "pytest", "-xq", "-p", "no:cacheprovider"]
        command.append(str(tests_of(mutant.folder, suite)))
        environment = os.environ | {"TMPDIR": folder}
        with subprocess.Popen(
            command,
            cwd=copy,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as process:
            try:
                return process.wait(seconds) != 0
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                return True


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--suite", type=pathlib.Path, default=ROOT, help="a project with tests/")
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("mutants.jsonl"))
    parser.add_argument("--seconds", type=float, default=1200, help="a test run that hangs")
    options = parser.parse_args()
    killed = 0
    with options.output.open("w") as output:
        for number, mutant in enumerate(choose(options.count, options.seed), 1):
            dead = is_killed(mutant, options.suite.resolve(), options.seconds)
            killed += dead
            output.write(json.dumps(dataclasses.asdict(mutant) | {"killed": dead}) + "\n")
            output.flush()
            words = "killed" if dead else "SURVIVED"
            print(f"{number:3d} {words:8} {mutant.path}:{mutant.line} {mutant.after.strip()}")
    print(f"{killed} of {options.count} mutants killed")


if __name__ == "__main__":
    main()
