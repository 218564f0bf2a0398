"""Draws how the cost of an image grows with resolution, batch and width, from benchmarks' JSON.

    python -m pgan_tf.commands.benchmark --precision=float32,mixed_bfloat16 --json=resolution.json
    python -m pgan_tf.commands.benchmark --resolution=32 --batch_size=4 --json=batch-4.json  …
    python -m pgan_tf.commands.benchmark --resolution=32 --fmap_base=512 --json=width-512.json   …
    python benchmarks/plot_cost.py --output=cost.png --resolution=resolution.json
        --batch=batch-4.json,… --width=512:width-512.json,…

Needs matplotlib, of requirements-dev.txt.
"""

import json
from collections.abc import Sequence

import matplotlib
from absl import app, flags

matplotlib.use("Agg")
from matplotlib import pyplot

RESOLUTION = flags.DEFINE_list("resolution", None, "Files.", required=True)
BATCH = flags.DEFINE_list("batch", None, "Files.", required=True)
WIDTH = flags.DEFINE_list("width", None, "FMAP_BASE:FILE, some.", required=True)
OUTPUT = flags.DEFINE_string("output", None, "Picture to write.", required=True)


def read(paths: Sequence[str]) -> list[dict]:
    """All stages of some files."""
    costs = []
    for path in paths:
        with open(path) as file:
            costs += json.load(file)
    return costs


def milliseconds(costs: Sequence[dict]) -> list[float]:
    """Of training, for each real image."""
    return [1e3 / cost["images_per_second"] for cost in costs]


def main(_: Sequence[str]) -> None:
    """Draws three panels."""
    figure, panels = pyplot.subplots(1, 3, figsize=(12, 3.6), constrained_layout=True)
    costs = read(RESOLUTION.value)
    for precision in dict.fromkeys(cost["precision"] for cost in costs):
        some = [cost for cost in costs if cost["precision"] == precision]
        ticks = [cost["resolution"] for cost in some]
        panels[0].plot(ticks, milliseconds(some), "o-", label=precision)
        least = [1e3 * cost["gflops_per_image"] / cost["product_gflops"] for cost in some]
        label = "  its matrix product's speed"
        panels[0].plot(ticks, least, ":", color=panels[0].lines[-1].get_color(), label=label)
    panels[0].set(xlabel="resolution, pixels", ylabel="ms for each image")
    panels[0].legend(fontsize=8)

    costs = sorted(read(BATCH.value), key=lambda cost: cost["batch_size"])
    sizes = [cost["batch_size"] for cost in costs]
    panels[1].plot(sizes, milliseconds(costs), "o-")
    size = costs[0]["resolution"]
    panels[1].set(xlabel=f"batch size at {size} pixels, float32")

    pairs = sorted((int(base), path) for base, path in (pair.split(":") for pair in WIDTH.value))
    costs, bases = read([path for _, path in pairs]), [base for base, _ in pairs]
    panels[2].plot(bases, milliseconds(costs), "o-")
    panels[2].set(xlabel=f"--fmap_base at {size} pixels, float32", xticks=ticks)
    for panel in panels:
        panel.set_xscale("log", base=2)
        ticks = panel.lines[0].get_xdata()
        panel.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        panel.grid(color="#d0d4da")
    for panel in (panels[0], panels[2]):
        panel.set_yscale("log")
        panel.yaxis.set_major_formatter("{x:g}")
    panels[1].set_ylim(bottom=0)
    figure.savefig(OUTPUT.value, dpi=100)


if __name__ == "__main__":
    app.run(main)
