"""Looking at the web page of an export in a browser, and what Python draws to compare with."""

import contextlib
import dataclasses
import io
import re

import numpy as np
import pytest
from PIL import Image

from pgan_tf.exporting.page_head import Head
from pgan_tf.exporting.tfjs import write_tfjs
from pgan_tf.exporting.writer import ExportOptions
from pgan_tf.networks import sampling
from tests.helpers.exports import make_trained
from tests.helpers.places import ROOT

CANVAS = "document.querySelector('#canvas').toDataURL()"
CDN = "https://cdn.jsdelivr.net/npm/@tensorflow/tfjs@4.22.0"
TFJS = ROOT / "demo/node_modules/@tensorflow/tfjs/dist/tf.min.js"  # what is there
WITHOUT_WASM = (
    "delete window.WebAssembly; Object.defineProperty(navigator, 'gpu', {value: undefined});"
)
# Names as in docs/demo.md, whose lines are run.
NAMES = ("circle", "star", "<b>ring</b>")
CLASSES = "shapes-32px"
GENERATORS = {  # the generator, and how it is exported
    CLASSES: ({"label_size": 3, "phase": "stabilize"}, {}),
    "plain": ({}, {}),
    "half": ({}, {"quantize": "float16"}),
    "gray": ({"num_channels": 1, "latent_size": 510}, {}),  # of three files, as large ones are
    "small": ({"small": True}, {}),
    "sticker": ({"num_channels": 4}, {}),
}
HEAD = Head('Tom & "Ann" <3', "Drawn by\nsomebody's GAN.", "https://example.org/gan")


def export_all(folder):
    """Exports the generators into a folder, and returns them by name."""
    trained = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pgan_tf.exporting.tfjs_graph._SHARD_BYTES", 100_000)
        for name, (options, how) in GENERATORS.items():
            names = NAMES if "label_size" in options else ()
            trained[name] = dataclasses.replace(make_trained(**options), label_names=names)
            head = Head() if trained.keys() - {name} else HEAD  # later ones keep it
            write_tfjs(trained[name], ExportOptions(str(folder), name=name, head=head, **how))
    return trained


@contextlib.contextmanager
def tab(browser, *addresses):
    """A tab; no script fails in it or writes to the console, and no request leaves the addresses.

    A test that breaks something says what the console is to tell of that: `page.console_may_say`.
    """
    page = browser.new_page(viewport={"width": 900, "height": 900})
    page.console_may_say = r"(?!)"
    failures, messages, requests = [], [], []
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.on("console", lambda message: messages.append(f"{message.type}: {message.text}"))
    page.on("request", lambda request: requests.append(request.url))
    yield page
    assert failures == []
    assert [one for one in messages if not re.search(page.console_may_say, one)] == []
    here = ("data:", "blob:", *addresses)
    assert requests and [url for url in requests if not url.startswith(here)] == []
    page.close()


def visit(page, address, words, model="plain"):
    """Opens a generator; pictures with the pixels that it draws, unless the words say otherwise."""
    page.goto(f"{address}#model={model}&scaling=pixelated&backend=wasm&{words}")
    page.wait_for_selector(f"body[data-ready='{model}']", timeout=60_000)


def choose(page, name):
    """Takes a generator from the gallery."""
    page.click(f"#gallery button[data-name={name}]")
    page.wait_for_selector(f"body[data-ready={name}]")


def download(page, action):
    """Returns the name of what an action downloads, and its bytes."""
    with page.expect_download() as given:
        action()
    return given.value.suggested_filename, given.value.path().read_bytes()


def read_picture(contents, mode="RGB"):
    """Returns a file's picture; of mode RGBa, premultiplied."""
    return np.asarray(Image.open(io.BytesIO(contents)).convert(mode)).astype(int)


def shown_picture(page, expression, mode):
    """Returns what a canvas shows, of which an expression is the address of a PNG."""
    script = f"fetch({expression}).then(r => r.arrayBuffer()).then(b => [...new Uint8Array(b)])"
    return read_picture(bytes(page.evaluate(script)), mode)


def inputs_of(trained, seed, label=None):
    """A seed's latents and labels, (1, latent_size) and (1, label_size)."""
    network = trained.network
    latents = sampling.latents_from_seeds([seed], network.latent_size)
    return latents, sampling.one_hot_labels([seed if label is None else label], network.label_size)


def python_picture(trained, seed, label=None):
    """What generate.py draws of a seed, (height, width, channels) uint8; RGBA premultiplied."""
    return sampling.generate(trained.generator, *inputs_of(trained, seed, label))[0]


def wait_for(page, trained, picture, expression=CANVAS):
    """Waits until a canvas shows a picture; to one step of 255, for rounding."""
    mode = {1: "L", 3: "RGB", 4: "RGBa"}[trained.network.num_channels]
    for _ in range(100):
        shown = shown_picture(page, expression, mode)
        if shown.shape[:2] == picture.shape[:2]:
            difference = np.abs(shown - picture.squeeze()).max()
            if difference <= 1:
                return
        page.wait_for_timeout(50)
    raise AssertionError(f"not shown: {shown.shape}, off by {difference}")


def wait_for_seed(page, trained, seed, label=None, expression=CANVAS):
    wait_for(page, trained, python_picture(trained, seed, label), expression)
