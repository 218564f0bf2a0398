"""Keras files: Keras alone opens them and draws what the generator draws; so does this project."""

import dataclasses
import json
import pathlib
import re
import subprocess
import sys
import zipfile

import h5py
import keras
import numpy as np
import pytest

import pgan_tf
from pgan_tf.exporting.keras_file import KERAS_FILE, write_keras
from pgan_tf.exporting.writer import ExportOptions
from pgan_tf.generating.sampler import open_export, read_exported
from pgan_tf.runs.trained import from_official, from_run
from tests.helpers.exports import make_inputs, make_trained
from tests.helpers.golden_cases import GOLDEN
from tests.helpers.places import ROOT
from tests.helpers.small_run import make_small_run
from tfrecords.common.errors import UserError

GENERATORS = {
    "fading": lambda: make_trained(),
    "classes": lambda: make_trained(label_size=3, tanh=True, phase="stabilize", alpha=1.0),
    "gray": lambda: make_trained(num_channels=1, fused_scale=False, generator_leaky_relu=False),
    "plain": lambda: make_trained(
        num_channels=4, pixel_norm=False, normalize_latents=False, equalized=False
    ),
    "batch_norm": lambda: make_trained(generator_batch_norm=True, label_size=2),
    "small": lambda: make_trained(small=True),
    "wide": lambda: make_trained(base_width=3, base_height=2, label_size=2),
    "4px": lambda: make_trained(resolution=4, phase="stabilize", alpha=1.0),
    **{
        name: lambda name=name: from_official(f"{GOLDEN}/{name}.pkl")
        for name in ("base", "conditional", "separate_scale", "theano", "theano_plain")
    },
}
LARGE = {"1024px": lambda: make_trained(resolution=1024, fmap_base=4096)}
# Opens each file in a folder, in an environment without this project.
OPEN = """
import pathlib, sys
sys.modules["pgan_tf"] = sys.modules["tfrecords"] = None  # cannot be imported
import keras, numpy
assert keras.backend.backend() == sys.argv[1]
for path in pathlib.Path(sys.argv[2]).glob("*/1/generator.keras"):
    given = numpy.load(path.parents[1] / "given.npz")
    model = keras.saving.load_model(path)
    assert {type(layer).__module__.split(".")[0] for layer in model.layers} == {"keras"}
    inputs = [given[name] for name in ("latents", "labels") if given[name].size]
    images = keras.ops.convert_to_numpy(model(inputs if len(inputs) > 1 else inputs[0]))
    difference = numpy.abs(images - given["images"]).max()
    print(path.parents[1].name, difference)
"""


def export(generators, folder):
    """Exports each generator, beside what it draws."""
    for name, make in generators.items():
        trained = make()
        latents, labels = make_inputs(trained, 2)
        images = np.clip(trained.generator([latents, labels]), -1, 1)
        write_keras(trained, ExportOptions(str(folder / name)))
        np.savez(folder / name / "given.npz", latents=latents, labels=labels, images=images)
    return folder


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return export(GENERATORS, tmp_path_factory.mktemp("keras"))


def assert_keras_draws_the_same(folder, names, backend):
    environment = {"KERAS_BACKEND": backend, "PATH": "", "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-I", "-c", OPEN, backend, str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = dict(line.split() for line in done.stdout.splitlines())
    assert found.keys() == names.keys()
    too_far = {name: one for name, one in found.items() if not float(one) <= 1e-5}
    assert not too_far, too_far


@pytest.mark.parametrize("backend", ["tensorflow", pytest.param("jax", marks=pytest.mark.slow)])
def test_keras_draws_the_same_without_this_project(files, backend):
    assert_keras_draws_the_same(files, GENERATORS, backend)


@pytest.mark.slow
def test_so_it_does_at_1024_px(tmp_path):
    export(LARGE, tmp_path)
    for backend in ("tensorflow", "jax"):
        assert_keras_draws_the_same(tmp_path, LARGE, backend)


@pytest.mark.parametrize("name", ["fading", "classes", "gray", "wide", "4px"])
def test_this_project_draws_the_same(files, name):
    given, sampler = np.load(files / name / "given.npz"), open_export(str(files / name))
    images = sampler.images(given["latents"], given["labels"])
    np.testing.assert_allclose(images, given["images"], rtol=0, atol=1e-5)


def test_it_is_loaded_by_folder_and_by_file(files, tmp_path):
    make_small_run(str(tmp_path / "run"), ("cat", "dog"))
    run = pgan_tf.load(tmp_path / "run")
    write_keras(from_run(str(tmp_path / "run")), ExportOptions(str(tmp_path / "exports")))
    for path in ("exports", "exports/1", f"exports/1/{KERAS_FILE}"):
        generator = pgan_tf.load(tmp_path / path)
        assert (generator.resolution, generator.label_names) == (8, ("cat", "dog"))
        assert np.abs(generator.generate(5, "dog").astype(int) - run.generate(5, "dog")).max() <= 1
    with pytest.raises(UserError, match=r"network: .*which has one network"):
        pgan_tf.load(tmp_path / "exports", "generator")
    _, generated = read_exported(str(tmp_path / "exports"))
    assert (generated.images_shown, len(generated.weights_sha256)) == (32, 64)
    model = pgan_tf.load(files / "fading").model  # takes labels of width 0, as all do
    given = np.load(files / "fading/given.npz")
    drawn = model([given["latents"], np.zeros((2, 0), np.float32)])
    np.testing.assert_allclose(drawn, given["images"], rtol=0, atol=1e-5)


def test_older_versions_of_keras_know_all_settings_in_it(files):
    """Keras 3.15 would write one that 3.10 refuses."""
    with zipfile.ZipFile(files / "classes/1" / KERAS_FILE) as archive:
        assert b"quantization_config" not in archive.read("config.json")


def change(source, target, edit=lambda layers: None, weights=lambda file: None):
    """Copies a Keras file with other layers or weights."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            contents = old.read(name)
            if name == "config.json":
                config = json.loads(contents)
                edit(config["config"]["layers"])
                contents = json.dumps(config).encode()
            if name.endswith(".h5"):
                (copy := pathlib.Path(f"{target}.h5")).write_bytes(contents)
                with h5py.File(copy, "r+") as file:
                    weights(file["layers"])
                contents = copy.read_bytes()
            new.writestr(name, contents)
    return str(target)


def put(index, **fields):
    return lambda layers: layers[index].update(fields)


def replace_with_link(layers):
    del layers["dense/vars/0"]
    layers["dense/vars/0"] = h5py.ExternalLink("/etc/passwd", "x")


@pytest.mark.parametrize(
    ("edit", "weights", "words"),
    [
        (put(3, class_name="Lambda"), None, "a layer Lambda '4x4_maps', which no export has there"),
        (put(3, module="os"), None, "which no export has there"),
        (put(3, registered_name="os>system"), None, "which no export has there"),
        (lambda layers: layers[2]["config"].update(activation="relu"), None, "a layer Dense"),
        (lambda layers: layers[2]["config"].update(units=2**40), None, "a layer Dense"),
        (
            lambda layers: layers[0]["config"].update(batch_shape=[None, 2**19]),
            None,
            "fewer weights",
        ),
        (lambda layers: layers.pop(0), None, "latents"),
        (lambda layers: layers.append(layers[-1]), None, "layers in place of"),
        (None, replace_with_link, "0 is a link"),
        (None, lambda layers: layers["dense/vars"].pop("1"), "more or fewer weights"),
        (None, lambda layers: layers.move("dense", "other"), "no matching group"),
    ],
)
def test_a_file_with_anything_else_in_it_is_refused(files, tmp_path, edit, weights, words):
    nothing = lambda _: None  # noqa: E731
    source = files / "fading/1" / KERAS_FILE
    path = change(source, tmp_path / "x.keras", edit or nothing, weights or nothing)
    with pytest.raises(UserError, match=r"path: expected a Keras file of export\.py") as error:
        pgan_tf.load(path)
    assert words in str(error.value) and "\n" not in str(error.value)


def test_files_of_others_are_one_line(tmp_path):
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(tmp_path / "other.keras")
    (tmp_path / "text.keras").write_text("nothing")
    for name in ("other.keras", "text.keras"):
        with pytest.raises(UserError, match=r"^--saved_model: .*open others with keras") as error:
            open_export(str(tmp_path / name))
        assert "\n" not in str(error.value)
    with pytest.raises(UserError, match="which is not there"):
        pgan_tf.load(tmp_path / "missing.keras")


def test_what_it_clips_is_said(tmp_path):
    trained = dataclasses.replace(make_trained(label_size=3), label_names=("a", "b", "c"))
    write_keras(trained, ExportOptions(str(tmp_path)))
    card = (tmp_path / "1/model_card.md").read_text()
    assert "clipped to [-1, 1]" in card and "inputs = latents, labels\n" in card


def test_the_lines_in_the_docs_draw(files, tmp_path, monkeypatch):
    page = (ROOT / "docs/exports.md").read_text()
    block = re.search(r"^## Keras\n.*?^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)[1]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "exports").mkdir()
    for name, shape in (("classes", (4, 16, 16, 3)), ("gray", (4, 16, 16, 1))):
        (tmp_path / "exports/mine").unlink(missing_ok=True)
        (tmp_path / "exports/mine").symlink_to(files / name)
        exec(compile(block, "docs/exports.md", "exec"), scope := {})
        assert scope["images"].shape == shape
