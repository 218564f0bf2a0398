"""Sets TensorFlow up once for all tests: two logical CPUs stand for two devices."""

import tfrecords.common.tensorflow_setup  # noqa: F401, I001  (first: it sets TensorFlow up)
import functools
import os

import pytest
import tensorflow as tf
from PIL import ImageDraw

from pgan_tf.devices.strategy import make_strategy
from tests.helpers.places import ROOT
from tests.helpers.built_dataset import prepare_shapes
from tests.helpers.pages import chromium


def pytest_configure(config):
    # The processes that tests start find the project, and what is in tests/.
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)


# One for the whole process: TensorFlow numbers the collective operations of each
# MirroredStrategy from the start again, and two in one process get into each other's way.
mirrored = functools.cache(functools.partial(make_strategy, "mirrored"))


@pytest.fixture
def two_devices():
    """Two logical CPUs, mirrored."""
    assert mirrored().num_replicas_in_sync == 2
    return mirrored()


@pytest.fixture
def one_device():
    """The first of the two."""
    return make_strategy("one_device")


@pytest.fixture(scope="session")
def shapes_at(tmp_path_factory):
    """The built-in shapes as TFRecords of a resolution, made once for all tests: only read them."""
    return functools.cache(lambda side: prepare_shapes(tmp_path_factory.mktemp("shapes"), side))


@pytest.fixture(scope="session")
def browser():
    """Chromium, without a graphics card. One for all: Playwright allows no second in a process."""
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def eager():
    """Steps are not compiled, which takes longer than a few of them."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(autouse=True)
def all_letters_in_the_font(monkeypatch):
    """Text drawn into pictures, by any test, has no letter in place of which a box is drawn."""
    draw = ImageDraw.ImageDraw.text

    def text(self, xy, words, fill=None, font=None, *rest, **options):
        masks = {letter: font.getmask(letter) for letter in {*words, "\uffff"}}
        shapes = {letter: (mask.size, bytes(mask)) for letter, mask in masks.items()}
        box = shapes.pop("\uffff")  # no character: what the font has for those that it lacks
        assert box not in shapes.values(), f"{words!r}: the font lacks a letter"
        return draw(self, xy, words, fill, font, *rest, **options)

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", text)
