"""Draws docs/images/architecture.svg from the code: `python -m docs.drawing.architecture`.

The folders, their order and what they hold come from the test of the architecture and from the
docstrings of the packages. Each function on the way of a batch must exist, or nothing is drawn.
"""

import ast
import pathlib
import textwrap
from collections.abc import Iterator

from docs.drawing.svg import arrow, box, document, text
from tests.test_architecture import ORDER

ROOT = pathlib.Path(__file__).parents[2]
PICTURE = ROOT / "docs" / "images" / "architecture.svg"

# The way of a batch, from pictures on disk to an exported generator: when, where, what.
STEPS = (
    ("once", "tfrecords/writing/writer.py", "write_dataset", "pictures → a file per resolution"),
    ("each step", "pgan_tf/config/schedule.py", "position_at", "images shown → stage, alpha"),
    (
        "each step",
        "pgan_tf/data/dataset.py",
        "make_dataset",
        "reals (batch, side, side, 3) in [-1, 1]",
    ),
    ("each step", "pgan_tf/data/reals.py", "fade_reals", "reals fade in like the networks"),
    ("each step", "pgan_tf/networks/generator.py", "build_generator", "latents → fakes"),
    ("each step", "pgan_tf/networks/discriminator.py", "build_discriminator", "images → scores"),
    ("each step", "pgan_tf/training/losses.py", "discriminator_loss", "WGAN-GP; Adam updates D"),
    ("each step", "pgan_tf/training/averaging.py", "average_step", "moving average of G's weights"),
    ("each step", "pgan_tf/training/losses.py", "generator_loss", "Adam updates G"),
    ("each tick", "pgan_tf/training/tick.py", "Tick", "averages over many steps"),
    ("each tick", "pgan_tf/runs/checkpoint.py", "save", "weights, optimizers, images shown"),
    ("once", "pgan_tf/exporting/saved_model.py", "write_saved_model", "the average generator"),
)

# One hue per folder; the same ones on both sides.
ROW, LEFT, MIDDLE, WIDTH = 34, 16, 540, 1060


def folders() -> Iterator[tuple[str, str, str]]:
    """Yields package, folder, and the first line of the folder's docstring, in order of imports."""
    for package, names in ORDER.items():
        for name in names:
            place = ROOT / package / name
            first_line = ast.get_docstring(ast.parse((place / "__init__.py").read_text()))
            yield package, name, first_line.splitlines()[0]


def check_steps() -> None:
    """Raises SystemExit if a function on the way of a batch is gone."""
    for _, file, name, _ in STEPS:
        tree = ast.parse((ROOT / file).read_text())
        if name not in {getattr(node, "name", None) for node in tree.body}:
            raise SystemExit(f"{file} has no {name}: mend STEPS in docs/drawing/architecture.py")


def draw() -> str:
    """Returns the picture as SVG."""
    check_steps()
    rows = list(folders())
    hues = {f"{row[0]}/{row[1]}": 360 * index // len(rows) for index, row in enumerate(rows)}
    parts = [
        text(LEFT, 24, "Folders: each imports only those above it", "title"),
        text(MIDDLE, 24, "One batch", "title"),
    ]
    y, last = 44, None
    for package, name, words in rows:
        if package != last:
            parts.append(text(LEFT, y + 14, f"{package}/", "name"))
            y, last = y + 24, package
        parts.append(box(LEFT, y, 108, ROW - 8, hues[f"{package}/{name}"]))
        parts.append(text(LEFT + 10, y + 17, name, "name"))
        parts.append(text(LEFT + 120, y + 17, textwrap.shorten(words.rstrip("."), 66), "quiet"))
        y += ROW
    bottom = y
    gap = (bottom - 44) / len(STEPS)
    for index, (when, file, name, words) in enumerate(STEPS):
        top = 44 + index * gap
        package, folder, *rest = file.split("/")
        parts.append(box(MIDDLE, top, 108, 26, hues[f"{package}/{folder}"]))
        parts.append(text(MIDDLE + 10, top + 17, folder, "name"))
        parts.append(text(MIDDLE + 120, top + 11, f"{'/'.join(rest)}: {name}", "name"))
        parts.append(text(MIDDLE + 120, top + 28, words, "quiet"))
        if index:
            parts.append(arrow(MIDDLE + 54, top - gap + 28, top - 3))
        if not index or STEPS[index - 1][0] != when:
            steps = [step[0] for step in STEPS[index:]]
            length = next((n for n, other in enumerate(steps) if other != when), len(steps))
            parts.append(
                f'<path class="way" d="M{WIDTH - 86} {top:.0f} h4 v{length * gap - 14:.0f} h-4"/>'
            )
            parts.append(text(WIDTH - 74, top + (length * gap - 14) / 2 + 5, when, "quiet"))
    return document(parts, WIDTH, bottom + 8)


if __name__ == "__main__":
    PICTURE.write_text(draw())
    print(f"Wrote {PICTURE.relative_to(ROOT)}")
