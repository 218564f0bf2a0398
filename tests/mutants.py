"""Changes one line of the product at a time, and counts how many changes the tests notice.

    python -m tests.mutants --count=60 --seed=1 [--project=. --project=OTHER] [--output=FILE]

Lines are drawn at random, evenly over the folders that have tests; the same seed and code give the
same lines. Each mutant runs in a copy of the project against the tests of its folder, `tests/runs/`
for `pgan_tf/runs/`, those that name its module first: it is *killed* if one fails or hangs. Slow
tests are skipped. To compare the suites of several projects, only lines are drawn that stand once
in the folder of each. Results go to a file line by line; the same command resumes there.
"""

import argparse
import ast
import contextlib
import functools
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict

_SWAPS = (
    "Lt <=,LtE <,Gt >=,GtE >,Eq !=,NotEq ==,In not in,NotIn in,Is is not,IsNot is,And or,Or and"
)
SWAPS = dict(pair.split(" ", 1) for pair in f"{_SWAPS},Add -,Sub +,Mult +,Div *".split(","))
TEST_SECONDS, RUN_SECONDS = 120, 1800  # a test, and all tests of a folder, that take longer hang


def mutants_of(source):
    """Yields (line before, line after): operators swapped, conditions negated, lines removed…"""
    lines = source.splitlines()

    def replaced(start, end, text):
        if start[0] == end[0]:
            line = lines[start[0] - 1].encode()  # ast counts bytes
            after = line[: start[1]] + text.encode() + line[end[1] :]
            yield line.decode().strip(), after.decode().strip()

    def starts(node):
        return node.lineno, node.col_offset

    def ends(node):
        return node.end_lineno, node.end_col_offset

    tree = ast.parse(source)
    texts = (node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr))
    wording = {node for text in texts for node in ast.walk(text)}
    for node in ast.walk(tree):
        if node in wording:
            continue
        sign = SWAPS.get(type(getattr(node, "op", getattr(node, "ops", [None])[0])).__name__)
        is_removable = isinstance(node, ast.AugAssign | ast.Raise)
        is_removable |= isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            yield from replaced(ends(node.left), starts(node.comparators[0]), f" {sign} ")
        elif isinstance(node, ast.BinOp) and sign:
            yield from replaced(ends(node.left), starts(node.right), f" {sign} ")
        elif isinstance(node, ast.BoolOp):
            yield from replaced(ends(node.values[0]), starts(node.values[1]), f" {sign} ")
        elif isinstance(node, ast.If | ast.IfExp | ast.While):
            text = ast.get_source_segment(source, node.test)
            yield from replaced(starts(node.test), ends(node.test), f"(not ({text}))")
        elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
            yield from replaced(starts(node), ends(node), repr(node.value + 1))
        elif is_removable:
            yield from replaced(starts(node), ends(node), "pass")


@functools.cache
def sources_of(project, folder):
    """Returns the files of `pgan_tf/runs` and below it, or of `tfrecords` alone."""
    return sorted((project / folder).glob("*.py" if folder == "tfrecords" else "**/*.py"))


@functools.cache
def places_in(project, folder):
    """Returns where each line stands in a folder: a list of (file, index)."""
    places = defaultdict(list)
    for path in sources_of(project, folder):
        for index, line in enumerate(path.read_text().splitlines()):
            places[line.strip()].append((path, index))
    return places


def mutate(project, folder, before, after):
    """Returns the file that a mutant changes, and its new source."""
    ((path, index),) = places_in(project, folder)[before]
    lines = path.read_text().splitlines(keepends=True)
    lines[index] = lines[index].replace(before, after)
    return path, "".join(lines)


def compiles(path, source):
    with contextlib.suppress(SyntaxError):
        return compile(source, path, "exec")


def tests_of(project, folder, mutated=None):
    """Returns the test files of a folder, those that name the mutated module first."""
    package, _, name = folder.partition("/")
    own = project / "tests" / (name if package == "pgan_tf" else folder)
    texts = {path: path.read_text() for path in own.rglob("test_*.py")}
    if package == "tfrecords":
        names = name or "|".join(path.stem for path in sources_of(project, folder))
        touches = re.compile(rf"tfrecords(\.| import )({names})\b(?!\.errors)")
        every = {path: path.read_text() for path in project.glob("tests/tfrecords/**/test_*.py")}
        touching = {path: text for path, text in every.items() if touches.search(text)}
        texts = touching | (texts if name else {})
    module = ".".join(mutated.relative_to(project).with_suffix("").parts) if mutated else ""
    return sorted(texts, key=lambda path: (module not in texts[path], path))


def choose(projects, count, seed):
    """Draws mutants, (folder, line before, line after), in turn from each folder with tests."""
    folders = [
        path for package in ("pgan_tf", "tfrecords") for path in projects[0].glob(f"{package}/*/")
    ]
    folders += [projects[0] / "tfrecords", projects[0] / "paper"]
    by_folder = {}
    for folder in sorted(path.relative_to(projects[0]).as_posix() for path in folders):
        drawn = {
            one for file in sources_of(projects[0], folder) for one in mutants_of(file.read_text())
        }
        shared = [
            (folder, *one)
            for one in sorted(drawn)
            if all(len(places_in(each, folder)[one[0]]) == 1 for each in projects)
        ]
        if shared and all(tests_of(each, folder) for each in projects):
            by_folder[folder] = shared
    generator, chosen, lines = random.Random(seed), [], set()
    while len(chosen) < count and any(by_folder.values()):
        for mutants in filter(None, by_folder.values()):
            mutant = mutants.pop(generator.randrange(len(mutants)))
            if mutant[:2] not in lines and compiles(*mutate(projects[0], *mutant)):
                lines.add(mutant[:2])
                chosen.append(mutant)
    return chosen[:count]


def first_failure(copy, tests, skipped=()):
    """Runs tests; returns the first one that failed, `hung`, or None."""
    command = [sys.executable, "-m", "pytest", "-xq", "-n", "0", "-p", "no:cacheprovider"]
    for option in (f"timeout={TEST_SECONDS}", "exit_on_timeout=true"):
        command += ["-o", f"faulthandler_{option}"]
    command += [*map(str, tests), *(f"--deselect={test}" for test in skipped)]
    environment, output = os.environ | {"TMPDIR": str(copy.parent)}, copy.parent / "output"
    with output.open("w") as file:
        process = subprocess.Popen(
            command, cwd=copy, env=environment, stdout=file, stderr=file, start_new_session=True
        )
        try:
            status = process.wait(RUN_SECONDS)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    failed = re.search(r"^(?:FAILED|ERROR) (\S+)", output.read_text(errors="replace"), re.MULTILINE)
    return None if status == 0 else failed[1] if failed else "hung"


# A test that fails without any mutant kills none. Asked only of those that seem to.
fails_anyway = functools.cache(lambda copy, test: first_failure(copy, [test]) is not None)


def killer_of(copy, mutant):
    """Returns the first test of a mutant's folder that fails, `hung`, or None."""
    path, mutated = mutate(copy, *mutant)
    source, broken = path.read_text(), []
    while True:
        path.write_text(mutated)
        try:
            failed = first_failure(copy, tests_of(copy, mutant[0], path), broken)
        finally:
            path.write_text(source)
        if failed in (None, "hung") or not fails_anyway(copy, failed):
            return failed
        broken.append(failed)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--project", type=pathlib.Path, action="append", help="default: this one")
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("mutants.jsonl"))
    options = parser.parse_args()
    projects = [path.resolve() for path in options.project or [pathlib.Path()]]
    lines = options.output.read_text().splitlines() if options.output.exists() else []
    done = {(project, *mutant): killer for project, mutant, killer, _ in map(json.loads, lines)}
    killers = defaultdict(list)
    with tempfile.TemporaryDirectory() as temporary, options.output.open("a") as output:
        copies = {}
        for number, mutant in enumerate(choose(projects, options.count, options.seed), 1):
            for project in projects:
                if (str(project), *mutant) not in done:
                    if project not in copies:
                        copies[project] = pathlib.Path(temporary, str(len(copies)), "project")
                        ignored = shutil.ignore_patterns(".git", "node_modules")
                        shutil.copytree(project, copies[project], ignore=ignored)
                    started = time.monotonic()
                    killer = killer_of(copies[project], mutant)
                    seconds = round(time.monotonic() - started, 1)
                    output.write(json.dumps([str(project), mutant, killer, seconds]) + "\n")
                    output.flush()
                    done[str(project), *mutant] = killer
                killer = done[str(project), *mutant]
                killers[project].append(killer)
                words = f"killed by {killer}" if killer else "SURVIVED"
                print(f"{number:3d} {project.name} {mutant[0]}: {mutant[2]}: {words}", flush=True)
    for project, found in killers.items():
        killed = sum(map(bool, found))
        print(f"{project}: {killed} of {len(found)} mutants killed, {len(found) - killed} survived")


if __name__ == "__main__":
    main()
