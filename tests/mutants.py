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

SWAPS = "Lt <=,LtE <,Gt >=,GtE >,Eq !=,NotEq ==,In not in,NotIn in,Is is not,IsNot is,And or,Or and"
SWAPS = dict(pair.split(" ", 1) for pair in f"{SWAPS},Add -,Sub +,Mult +,Div *".split(","))
TEST_SECONDS, RUN_SECONDS = 120, 1800  # a test, and all tests of a folder, that take longer hang


def begin_of(node):
    return node.lineno, node.col_offset


def end_of(node):
    return node.end_lineno, node.end_col_offset


def mutants_of(source):
    """Yields (line before, line after): operators swapped, conditions negated, lines removed…"""
    lines, tree = source.splitlines(), ast.parse(source)
    texts = (node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr))
    wording = {node for text in texts for node in ast.walk(text)}
    for node in ast.walk(tree):
        sign = SWAPS.get(type(getattr(node, "op", getattr(node, "ops", [None])[0])).__name__)
        first, last, text = node, None, None
        match node:
            case ast.Compare(left=first, comparators=[last]):
                text = f" {sign} "
            case ast.BinOp(left=first, right=last) if sign:
                text = f" {sign} "
            case ast.BoolOp(values=[first, last, *_]):
                text = f" {sign} "
            case ast.If(test=first) | ast.IfExp(test=first) | ast.While(test=first):
                text = f"(not ({ast.get_source_segment(source, first)}))"
            case ast.Constant(value=value) if type(value) in (int, float):
                text = repr(value + 1)
            case ast.Expr(value=ast.Call()) | ast.AugAssign() | ast.Raise():
                text = "pass"
        if text and node not in wording:
            # What stands between two nodes is replaced, or a node.
            start = end_of(first) if last else begin_of(first)
            end = begin_of(last) if last else end_of(first)
            if start[0] == end[0]:
                line = lines[start[0] - 1].encode()  # ast counts bytes
                after = line[: start[1]] + text.encode() + line[end[1] :]
                yield line.decode().strip(), after.decode().strip()


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
    """Returns the file that a mutant changes, and its new source; None if it has a wrong syntax."""
    ((path, index),) = places_in(project, folder)[before]
    lines = path.read_text().splitlines(keepends=True)
    lines[index] = lines[index].replace(before, after)
    with contextlib.suppress(SyntaxError):
        compile("".join(lines), path, "exec")
        return path, "".join(lines)


def tests_of(project, folder, mutated=None):
    """Returns the test files of a folder, those that name the mutated module first."""
    package, _, name = folder.partition("/")
    own = project / "tests" / (name if package == "pgan_tf" else package)
    texts = {path: path.read_text() for path in own.rglob("test_*.py")}
    if package == "tfrecords":
        names = name or "|".join(path.stem for path in sources_of(project, folder))
        touches = re.compile(rf"tfrecords(\.| import )({names})\b(?!\.errors)")
        inside = own / (name or "nowhere")
        texts = {
            p: text for p, text in texts.items() if inside in p.parents or touches.search(text)
        }
    module = ".".join(mutated.relative_to(project).with_suffix("").parts) if mutated else ""
    return sorted(texts, key=lambda path: (module not in texts[path], path))


def choose(projects, count, seed, only=()):
    """Draws mutants, (folder, line before, line after), in turn from each folder with tests."""
    folders = ["paper", "tfrecords"]
    for package in ("pgan_tf", "tfrecords"):
        folders += [f"{package}/{path.name}" for path in (projects[0] / package).glob("*/")]
    by_folder = {}
    for folder in sorted(only or folders):
        files = sources_of(projects[0], folder)
        pairs = sorted({pair for file in files for pair in mutants_of(file.read_text())})
        places = [places_in(project, folder) for project in projects]
        pairs = [pair for pair in pairs if all(len(each[pair[0]]) == 1 for each in places)]
        if all(tests_of(project, folder) for project in projects):
            by_folder[folder] = [(folder, *pair) for pair in pairs]
    generator, chosen, lines = random.Random(seed), [], set()
    while len(chosen) < count and any(by_folder.values()):
        for mutants in filter(None, by_folder.values()):
            mutant = mutants.pop(generator.randrange(len(mutants)))
            if mutant[:2] not in lines and mutate(projects[0], *mutant):
                lines.add(mutant[:2])
                chosen.append(mutant)
    return chosen[:count]


def first_failure(copy, tests, skipped=()):
    """Runs tests; returns the first one that failed, `hung`, or None."""
    command = [sys.executable, "-m", "pytest", "-xq", "-n", "0", "-p", "no:cacheprovider"]
    command += ["-o", f"faulthandler_timeout={TEST_SECONDS}"]
    command += ["-o", "faulthandler_exit_on_timeout=true"]
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
    # A test's parameters may have spaces; the error comes after " - ".
    pattern = re.compile(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", re.MULTILINE)
    failed = pattern.search(output.read_text(errors="replace"))
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
        if failed in (None, "hung", *broken) or not fails_anyway(copy, failed):
            return failed
        broken.append(failed)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--project", type=pathlib.Path, action="append", help="default: this one")
    parser.add_argument("--folder", action="append", help="such as pgan_tf/runs; default: all")
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("mutants.jsonl"))
    options = parser.parse_args()
    projects = [path.resolve() for path in options.project or [pathlib.Path()]]
    lines = options.output.read_text().splitlines() if options.output.exists() else []
    done = {(project, *mutant): killer for project, mutant, killer, _ in map(json.loads, lines)}
    killers = defaultdict(list)
    with tempfile.TemporaryDirectory() as temporary, options.output.open("a") as output:
        copies = {}
        chosen = choose(projects, options.count, options.seed, options.folder)
        for number, mutant in enumerate(chosen, 1):
            for project in projects:
                key = (str(project), *mutant)
                if key not in done:
                    if project not in copies:
                        copies[project] = pathlib.Path(temporary, str(len(copies)), "project")
                        ignored = shutil.ignore_patterns(".git", "node_modules")
                        shutil.copytree(project, copies[project], ignore=ignored)
                    started = time.monotonic()
                    done[key] = killer_of(copies[project], mutant)
                    seconds = round(time.monotonic() - started, 1)
                    output.write(json.dumps([str(project), mutant, done[key], seconds]) + "\n")
                    output.flush()
                killers[project].append(done[key])
                words = f"killed by {done[key]}" if done[key] else "SURVIVED"
                change = " -> ".join(mutant[1:])
                print(f"{number:3d} {project.name} {mutant[0]}: {change}: {words}", flush=True)
    for project, found in killers.items():
        killed = sum(map(bool, found))
        print(f"{project}: {killed} of {len(found)} mutants killed, {len(found) - killed} survived")


if __name__ == "__main__":
    main()
