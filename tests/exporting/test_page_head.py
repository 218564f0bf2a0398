"""What the exported page says of itself to those who link to it."""

import html.parser
import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from pgan_tf.config.training import NetworkConfig
from pgan_tf.exporting import page_head
from pgan_tf.exporting.page_head import Head
from pgan_tf.exporting.tfjs import write_tfjs
from pgan_tf.exporting.writer import ExportOptions
from tests.helpers.exports import make_trained


class _Head(html.parser.HTMLParser):
    """Reads a page's title, headings and links, and what <meta> says."""

    def __init__(self, text):
        super().__init__()
        self.said, self._tag = {}, ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        known = dict(attributes)
        self._tag = tag
        if tag == "meta":
            self.said[known.get("property") or known.get("name")] = known.get("content")
        if tag == "link":
            self.said[known["rel"]] = known["href"]

    def handle_data(self, data):
        self.said.setdefault(self._tag, data)


def read(folder):
    return _Head((folder / "index.html").read_text()).said


def test_the_title_and_description_are_the_users_or_the_generators(tmp_path):
    def export(name, **head):
        write_tfjs(make_trained(), ExportOptions(str(tmp_path), name=name, head=Head(**head)))
        return read(tmp_path)

    said = export("first")
    assert said["title"] == said["h1"] == said["og:title"] == "first"
    made = (
        "Pictures of 16x16 pixels, drawn in your browser by a progressive GAN trained on made up."
    )
    assert said["description"] == said["og:description"] == made
    assert said["og:image"] == "preview.png" and said["icon"] == "icon.png"
    assert "canonical" not in said
    said = export("second")
    assert said["title"] == "first, second" and "2 progressive GANs" in said["description"]

    title, description = """<b>Tom</b> & "Ann's" cats""", "One\n line."
    export("first", title=title, url="https://me.org/cats")
    said = export("third", description=description)  # the title and the address stay
    assert said["title"] == said["h1"] == said["og:title"] == title
    assert said["og:description"] == "One line."
    assert said["og:url"] == said["canonical"] == "https://me.org/cats/"
    assert said["og:image"] == "https://me.org/cats/preview.png"
    sizes = [Image.open(tmp_path / name).size for name in ("preview.png", "icon.png")]
    assert sizes == [(1200, 600), (180, 180)]


@pytest.mark.parametrize(
    ("resolution", "channels", "columns"), [(4, 3, 8), (128, 1, 8), (256, 3, 4), (1024, 3, 2)]
)
def test_the_preview_shows_the_first_seeds_classes_in_turn(resolution, channels, columns):
    def draw(inputs):
        """Pictures whose brightness is the number of their class."""
        number = tf.reshape(tf.argmax(inputs[1], axis=1), (-1, 1, 1, 1))
        shape = (1, resolution, resolution, channels)
        return tf.ones(shape) * (tf.cast(number, tf.float32) / 100 - 1)

    config = NetworkConfig(resolution=1024, latent_size=8, label_size=20)
    preview = Image.open(io.BytesIO(page_head.draw_preview(draw, config, resolution)))
    assert preview.size == (1200, 600)
    pixels = np.asarray(preview.convert("L")).astype(int)
    size = 1200 // columns
    middles = pixels[size // 2 :: size, size // 2 :: size].ravel()
    classes = np.arange(columns * columns // 2) % 20
    np.testing.assert_allclose(middles, classes * 1.275, atol=1)
