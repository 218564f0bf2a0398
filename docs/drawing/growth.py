"""Draws docs/images/growth.svg from the layer table: `python -m docs.drawing.growth`.

Three stages side by side, as in the paper's figure 2: 4 px, the fade-in to 8 px, and 8 px. Names
and shapes of layers come from `pgan_tf.config.networks`, with the paper's settings.
"""

import pathlib
from typing import NamedTuple

from docs.drawing.svg import arrow, box, document, text
from pgan_tf.config.networks import NetworkConfig, discriminator_layers, generator_layers
from pgan_tf.config.schedule import ScheduleConfig, Stage, make_stages

ROOT = pathlib.Path(__file__).parents[2]
PICTURE = ROOT / "docs" / "images" / "growth.svg"

CONFIG = NetworkConfig(resolution=8)
STAGES = make_stages(ScheduleConfig(resolution=8))
TITLES = ("Stabilize 4x4", "Fade in 8x8", "Stabilize 8x8")
PANEL, TOP, ROW, HEIGHT = 330, 50, 46, 34
WIDE, NARROW = 200, 150  # boxes: alone, and two beside each other
GENERATOR, DISCRIMINATOR = 210, 30  # hues


class Box(NamedTuple):
    """A layer, or an operation without variables."""

    name: str
    shape: tuple[int, ...] = ()


class Network(NamedTuple):
    """The boxes of one network at one stage."""

    trunk: list[Box]  # the layers at 4 px
    added: list[Box]  # those of the newest level, with their RGB layer
    old_rgb: list[Box]  # what the newest level is blended with; empty where nothing fades


def generator(stage: Stage) -> Network:
    """Returns the generator's boxes, from the latent to the picture."""
    layers = [Box(layer.name, layer.shape) for layer in generator_layers(stage, CONFIG)]
    *old, new = [layer for layer in layers if layer.name.endswith("to_rgb")]
    trunk = [layer for layer in layers if layer.name in ("4x4_dense", "4x4_conv")]
    added = [layer for layer in layers if layer not in (*trunk, *old, new)]
    return Network(trunk, [*added, new], [*old, Box("upsample 2x")] if old else [])


def discriminator(stage: Stage) -> Network:
    """Returns the discriminator's boxes, from the picture to the score."""
    layers = [Box(layer.name, layer.shape) for layer in discriminator_layers(stage, CONFIG)]
    *old, new = [layer for layer in layers if layer.name.endswith("from_rgb")]
    trunk = [layer for layer in layers if layer.name in ("4x4_conv", "4x4_dense0", "4x4_dense1")]
    added = [layer for layer in layers if layer not in (*trunk, *old, new)]
    stddev = Box("minibatch stddev")
    return Network([stddev, *trunk], [new, *added], [Box("average 2x2"), *old] if old else [])


def draw() -> str:
    """Returns the picture as SVG."""
    parts, bottom = [], 0.0
    for index, (stage, title) in enumerate(zip(STAGES, TITLES, strict=True)):
        middle = PANEL * (index + 0.5)
        parts.append(text(middle, 26, title, "title middle"))
        makes, judges, side = generator(stage), discriminator(stage), stage.resolution
        y = note(parts, middle, TOP, f"latent: {CONFIG.latent_size} numbers")
        y = column(parts, middle, y, makes.trunk, GENERATOR, WIDE)
        y = newest(parts, middle, y, makes, GENERATOR)
        y = note(parts, middle, y, f"fakes or reals: {side}x{side}x3")
        y = newest(parts, middle, y, judges, DISCRIMINATOR)
        y = column(parts, middle, y, judges.trunk, DISCRIMINATOR, WIDE)
        bottom = max(bottom, note(parts, middle, y, "score", last=True))
    return document(parts, PANEL * len(STAGES), bottom)


def newest(parts: list[str], middle: float, y: float, network: Network, hue: int) -> float:
    """Draws the newest level; beside it, while it fades in, what it is blended with."""
    if not network.old_rgb:
        return column(parts, middle, y, network.added, hue, WIDE)
    left, right = middle - NARROW / 2 - 4, middle + NARROW / 2 + 4
    height = ROW * len(network.added)
    column(parts, left, y, network.old_rgb, hue, NARROW, height)
    column(parts, right, y, network.added, hue, NARROW, height)
    y += height
    parts.append(text(left, y + 13, "weight 1 - alpha", "name middle"))
    parts.append(text(right, y + 13, "weight alpha", "name middle"))
    return column(parts, middle, y + 26, [Box("WeightedSum")], hue, WIDE)


def column(
    parts: list[str],
    middle: float,
    y: float,
    boxes: list[Box],
    hue: int,
    width: int,
    height: float = 0,
) -> float:
    """Draws boxes below each other, with an arrow after each; returns where the next may begin."""
    end = y + max(height, ROW * len(boxes))
    for index, (name, shape) in enumerate(boxes):
        parts.append(box(middle - width / 2, y, width, HEIGHT, hue))
        parts.append(text(middle, y + (14 if shape else 20), name, "name middle"))
        if shape:
            parts.append(text(middle, y + 28, "x".join(map(str, shape)), "quiet middle"))
        tip = end - 2 if index == len(boxes) - 1 else y + ROW - 2
        parts.append(arrow(middle, y + HEIGHT, tip))
        y += ROW
    return end


def note(parts: list[str], middle: float, y: float, words: str, last: bool = False) -> float:
    """Writes what flows between two layers; returns where the next may begin."""
    parts.append(text(middle, y + 12, words, "quiet middle"))
    if not last:
        parts.append(arrow(middle, y + 18, y + 28))
    return y + 30


if __name__ == "__main__":
    PICTURE.write_text(draw())
    print(f"Wrote {PICTURE.relative_to(ROOT)}")
