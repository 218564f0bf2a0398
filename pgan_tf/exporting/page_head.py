"""Title, description and preview of the page, as shown at its top and in links to it."""

import dataclasses
import html
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from pgan_tf.config.training import NetworkConfig
from pgan_tf.networks.sampling import generate, latents_from_seeds, one_hot_labels, to_uint8
from pgan_tf.runs.sheets import make_grid
from tfrecords.pictures.alpha import straight
from tfrecords.pictures.kinds import encode_picture

PREVIEW, ICON = "preview.png", "icon.png"
PREVIEW_SIZE = 600, 1200  # height and width that sites expect for link previews
_ICON_SIZE = 180
_MOST_NAMES = 3  # names of generators in a title


@dataclasses.dataclass(frozen=True)
class Head:
    """The texts that describe the page. Empty if the user did not give them."""

    title: str = ""
    description: str = ""
    url: str = ""  # address of the page, for sites that need the preview's full https:// address

    @classmethod
    def of(cls, said: Mapping[str, str]) -> "Head":
        """Returns the head stored in a manifest."""
        return cls(**{field.name: said.get(field.name, "") for field in dataclasses.fields(cls)})

    def replace(self, other: "Head") -> "Head":
        """Returns a copy with the texts of `other`, where it has any."""
        said = {name: text for name, text in dataclasses.asdict(other).items() if text}
        return dataclasses.replace(self, **said)


def default_head(names: Sequence[str], known: Mapping[str, Any]) -> Head:
    """Returns a head made from the names of generators and `describe`'s result for the newest."""
    more = len(names) - _MOST_NAMES
    title = ", ".join(names[:_MOST_NAMES]) + f" and {more} more" * (more > 0)
    drawn = "drawn in your browser by"
    if len(names) > 1:
        return Head(title, f"Pictures {drawn} {len(names)} progressive GANs.")
    size, data = f"{known['width']}x{known['height']}", known["training_data"]
    trained = f" trained on {data}" if data else ""
    return Head(title, f"Pictures of {size} pixels, {drawn} a progressive GAN{trained}.")


def with_head(page: str, head: Head) -> str:
    """Returns the page, `index.html`, with its title, description and link preview."""
    title, description = (
        html.escape(" ".join(text.split())) for text in (head.title, head.description)
    )
    base = html.escape(head.url.rstrip("/") + "/") if head.url else ""
    height, width = PREVIEW_SIZE
    lines = [
        f"<title>{title}</title>",
        f'<meta name="description" content="{description}">',
        *(f'<link rel="{kind}" href="{ICON}">' for kind in ("icon", "apple-touch-icon")),
        '<meta property="og:type" content="website">',
        f'<meta property="og:title" content="{title}">',
        f'<meta property="og:description" content="{description}">',
        f'<meta property="og:image" content="{base}{PREVIEW}">',
        f'<meta property="og:image:width" content="{width}">',
        f'<meta property="og:image:height" content="{height}">',
        '<meta property="og:image:alt" content="Generated pictures">',
        '<meta name="twitter:card" content="summary_large_image">',
    ]
    if base:
        lines += [f'<link rel="canonical" href="{base}">']
        lines += [f'<meta property="og:url" content="{base}">']
    page = _between("head", "\n".join(f"    {line}" for line in lines), page)
    heading = f'      <h1 id="title">{title}</h1>\n      <p id="description">{description}</p>'
    return _between("heading", heading, page)


def draw_preview(draw: Callable[..., tf.Tensor], config: NetworkConfig, resolution: int) -> bytes:
    """Returns a grid of the first seeds, classes in turn, as a PNG of `PREVIEW_SIZE`.

    Larger pictures are fewer, since they take longer and their details need room.
    """
    size = 150 if resolution <= 128 else 300 if resolution <= 512 else 600
    height, width = PREVIEW_SIZE
    cell = min(width, size * config.base_width // config.base_height)
    columns, rows = width // cell, height // size
    pictures = _first_pictures(draw, config, rows * columns)
    grid = make_grid(_resized(pictures, (size, cell)), columns, size)
    room = width - grid.shape[1]
    margins = ((0, 0), (room // 2, room - room // 2), (0, 0))
    empty = 0 if grid.shape[-1] == 4 else 255
    return encode_picture(straight(np.pad(grid, margins, constant_values=empty)))


def draw_icon(draw: Callable[..., tf.Tensor], config: NetworkConfig) -> bytes:
    """Returns the picture of the first seed as a PNG, for tabs, bookmarks and home screens."""
    picture = _first_pictures(draw, config, 1)
    height, width = picture.shape[1:3]
    side = min(height, width)  # its middle: icons are square
    top, left = (height - side) // 2, (width - side) // 2
    middle = picture[:, top : top + side, left : left + side]
    return encode_picture(straight(_resized(middle, (_ICON_SIZE, _ICON_SIZE))[0]))


def _first_pictures(
    draw: Callable[..., tf.Tensor], config: NetworkConfig, count: int
) -> np.ndarray:
    latents = latents_from_seeds(range(count), config.latent_size)
    return generate(draw, latents, one_hot_labels(range(count), config.label_size))


def _resized(pictures: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Resizes smoothly to `(n, *shape, channels)` uint8 pictures."""
    shrinks = shape[0] < pictures.shape[1]
    resized = tf.image.resize(pictures, shape, "bicubic", antialias=shrinks).numpy()
    return to_uint8(resized / 127.5 - 1)


def _between(name: str, text: str, page: str) -> str:
    """Puts text between the comments `<!-- name -->` and `<!-- /name -->`."""
    pattern = rf"(<!-- {name} -->\n).*?(\n *<!-- /{name} -->)"
    replaced, count = re.subn(pattern, lambda m: m[1] + text + m[2], page, flags=re.DOTALL)
    if count != 1:
        raise ValueError(f"index.html: expected one {name!r}, got {count}")
    return replaced
