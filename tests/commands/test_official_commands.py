"""The commands with published pickles: what they draw, export and train is the library's."""

import json
import re

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from pgan_tf.exporting.formats import FORMATS
from pgan_tf.networks import official, sampling
from tests.commands.test_commands import assert_one_line_error, run
from tests.exporting.test_runtimes import draw
from tests.exporting.test_tfjs import read
from tests.helpers.command_calls import run_calls
from tests.helpers.golden_cases import GOLDEN


def images_of(network, seeds, label_size=0):
    """What a network draws of seeds at the level of detail that it was saved at."""
    latents = sampling.latents_from_seeds(seeds, network.config.latent_size)
    labels = sampling.one_hot_labels(range(len(seeds)), label_size)
    return official.build(network)([latents, labels]).numpy()


def assert_rounded(pixels, images):
    """As far as float32 goes: folding changes the sixth digit, and what lies at one half."""
    levels = np.clip((images + 1) * 127.5, 0, 255)
    assert np.abs(pixels - levels).max() < 0.501


@pytest.mark.parametrize(
    ("name", "flags", "network"),
    [
        ("separate_scale", [], "average_generator"),
        ("conditional", ["--labels=0,1,2,3", "--network=generator"], "generator"),
        ("theano", [], "average_generator"),  # in the middle of a fade
    ],
)
def test_generate_draws_a_published_network(name, flags, network, tmp_path):
    path = GOLDEN / f"{name}.pkl"
    result = run(
        "generate.py", f"--official_pkl={path}", "--seeds=3-6", "--output=out", *flags, cwd=tmp_path
    )
    assert result.returncode == 0, result.stderr
    chosen = getattr(official.read(str(path)), network)
    images = images_of(chosen, range(3, 7), chosen.config.label_size)
    assert images.std() > 0.05
    for seed, image in zip(range(3, 7), images, strict=True):
        pixels = np.asarray(Image.open(tmp_path / f"out/seed-{seed:06d}.png"), np.float32)
        assert_rounded(pixels.reshape(image.shape), image)


def test_export_writes_a_published_network_in_every_format(tmp_path):
    """In the middle of a fade, and one that is through, with classes."""
    drawing = {
        "saved_model": lambda folder, inputs: tf.saved_model.load(str(folder / "1")).signatures[
            "serving_default"
        ](**{k: tf.constant(v) for k, v in inputs.items()})["images"],
        "onnx": lambda folder, inputs: draw(folder / "1/model.onnx", inputs),
        "litert": lambda folder, inputs: draw(folder / "1/model.tflite", inputs),
        "tfjs": lambda folder, inputs: read(next(folder.glob("models/*/1")))[0](**inputs),
    }
    assert set(drawing) == set(FORMATS)
    cases = [(name, kind) for name in ("base", "conditional") for kind in FORMATS]
    calls = [
        (f"--official_pkl={GOLDEN / name}.pkl", f"--format={kind}", f"--export_dir={name}-{kind}")
        for name, kind in cases
    ]
    for (name, kind), (status, out, err) in zip(
        cases, run_calls("export.py", calls, tmp_path, timeout=280), strict=True
    ):
        assert status == 0, err
        assert ("16→32 px: exported as it is, at alpha 0.600" in out) == (name == "base")
        assert "CC BY-NC 4.0" in out
        network = official.read(str(GOLDEN / f"{name}.pkl")).average_generator
        config = network.config
        inputs = {"latents": sampling.latents_from_seeds(range(4), config.latent_size)}
        if config.label_size:
            inputs["labels"] = sampling.one_hot_labels(range(4), config.label_size)
        folder = tmp_path / f"{name}-{kind}"
        images = drawing[kind](folder, inputs)
        expected = np.clip(images_of(network, range(4), config.label_size), -1, 1)
        bound = 1e-5 if kind in ("saved_model", "tfjs") else 1e-4
        np.testing.assert_allclose(images, expected, rtol=0, atol=bound)
        (card,) = folder.rglob("model_card.md")
        assert "CC BY-NC 4.0" in card.read_text()
        (known,) = folder.rglob("pgan.json")
        assert json.loads(known.read_text())["trained_by"] == "the published implementation"


def test_a_run_begins_with_a_published_network(tmp_path):
    """With a learning rate of next to nothing its weights stay what they were."""
    path = GOLDEN / "separate_scale.pkl"
    flags = ["--data=shapes", "--resolution=16", "--fmap_base=64", "--fmap_max=16"]
    flags += [
        "--nofused_scale",
        "--noconditional",
        "--batch_size=4",
        "--minibatch_repeats=1",
        "--total_kimg=0.004",
    ]
    flags += [f"--init_from={path}", "--learning_rate=1e-9", "--total_kimg=0.004", "--run_dir=run"]
    result = run("train.py", *flags, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    table = (tmp_path / "run/init_from.txt").read_text()
    assert table in result.stdout
    assert "separate_scale.pkl (16 px), into networks of 16 px" in table
    assert re.search(r"16x16_conv0 +carried +carried +carried\n", table)
    assert re.search(r"8x8_to_rgb +left +- +left\n", table)
    metrics = json.loads((tmp_path / "run/metrics.jsonl").read_text().splitlines()[-1])
    assert metrics["resolution"] == 16
    (checkpoint,) = (tmp_path / "run/checkpoints").iterdir()
    with np.load(checkpoint) as arrays:
        for name, array in official.read(str(path)).generator.arrays.items():
            if not name.startswith(("4x4_to_rgb", "8x8_to_rgb")):
                np.testing.assert_allclose(arrays[f"generator/{name}"], array, atol=1e-6)


def test_mistakes_are_one_line(tmp_path):
    (tmp_path / "broken.pkl").write_bytes(b"cos\nsystem\n(S'touch ran'\ntR.")
    flags = ["--data=shapes", "--resolution=16", "--run_dir=run", "--init_from=broken.pkl"]
    for command in (
        ("export.py", "--official_pkl=broken.pkl", "--export_dir=out"),
        ("train.py", *flags),
    ):
        assert_one_line_error(run(*command, cwd=tmp_path), "broken.pkl", "refused")
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "run").exists()
    assert not (tmp_path / "out").exists()
