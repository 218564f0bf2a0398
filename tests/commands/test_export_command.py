"""export.py as a person calls it, on runs of a few images."""

import json

import numpy as np
import onnxruntime
import pytest
import tensorflow as tf

from pgan_tf.config.schedule import make_stages
from pgan_tf.config.training import TrainingConfig
from pgan_tf.exporting.formats import FORMATS
from pgan_tf.networks.sampling import latents_from_seeds, one_hot_labels
from pgan_tf.runs import trained
from pgan_tf.training.state import build_state
from tests.exporting.test_tfjs import read
from tests.helpers.command_calls import run_calls
from tests.helpers.small_run import make_small_run, save_state

RUN = "--run_dir=run"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a run that is through, and one in the middle of fading in 8 px."""
    folder = tmp_path_factory.mktemp("export")
    make_small_run(str(folder / "run"))
    config = TrainingConfig.from_json((folder / "run/config.json").read_text())
    state = build_state(make_stages(config.schedule)[1], config, tf.distribute.get_strategy())
    save_state(str(folder / "fading/checkpoints"), state, 12, config)
    return folder


def test_every_format_is_written_and_a_fade_in_is_said(folder):
    calls = {
        "a": (RUN,),
        "b": (RUN, "--network=generator"),
        "c": ("--run_dir=fading",),
        "d": (RUN, "--format=onnx"),
        "e": (RUN, "--format=litert"),
        "f": ("--run_dir=fading", "--format=onnx"),
        "g": (RUN, "--format=tfjs", "--quantize=float16"),
        "h": ("--run_dir=fading", "--format=tfjs"),
        "i": ("--run_dir=fading", "--format=litert"),
    }
    written = {name: f"{name}/1" for name in calls}
    written |= {"g": "g/models/run/1", "h": "h/models/fading/1"}
    full = [(*flags, f"--export_dir={name}") for name, flags in calls.items()]
    results = dict(zip(calls, run_calls("export.py", full, folder), strict=True))
    for name, (status, out, err) in results.items():
        assert (status, err) == (0, ""), (name, err)
        assert f"Wrote {written[name]}" in out
        assert ("at alpha 0.500" in out) == (name in "cfhi"), out
        # A folder beside it is made anew, or would be a version to a server.
        assert not [path for path in (folder / name).rglob("*") if "partial" in path.name]

    known = {
        name: json.loads((folder / path / "pgan.json").read_text())
        for name, path in written.items()
    }
    formats = [known[name]["format"] for name in calls]
    assert formats == ["saved_model"] * 3 + ["onnx", "litert", "onnx", "tfjs", "tfjs", "litert"]
    assert set(formats) == set(FORMATS)
    assert {name for name in calls if known[name]["is_blend"]} == set("cfhi")
    for name, path in written.items():
        card = (folder / path / "model_card.md").read_text()
        assert ("fading in 4→8 px" in card) == (name in "cfhi")
        assert (known[name]["kimg"], known[name]["resolution"]) == (
            0.012 if name in "cfhi" else 0.032,
            8,
        )
        assert (known[name]["latent_size"], known[name]["label_size"]) == (6, 2)
        assert known[name]["training_data"] == "made up & <b>small</b>"
        # The run's last tick; the fading one has none.
        assert bool(known[name]["metrics"]) == (name not in "cfhi")
    assert known["a"]["weights"] == "average_generator" and known["b"]["weights"] == "generator"

    latents, labels = latents_from_seeds(range(4), 6), one_hot_labels(range(4), 2)
    # What is exported is the average generator, unless asked otherwise.
    for name, run, weights in (
        ("a", "run", "average_generator"),
        ("b", "run", "generator"),
        ("c", "fading", "average_generator"),
    ):
        generator = trained.from_run(str(folder / run), weights).generator
        expected = np.clip(generator([latents, labels]).numpy(), -1, 1)
        model = tf.saved_model.load(str(folder / name / "1"))
        images = model.signatures["serving_default"](
            latents=tf.constant(latents), labels=tf.constant(labels)
        )["images"]
        np.testing.assert_allclose(images, expected, rtol=0, atol=1e-6)
    session = onnxruntime.InferenceSession(str(folder / "f/1/model.onnx"))
    (images,) = session.run(["images"], {"latents": latents, "labels": labels})
    np.testing.assert_allclose(images, expected, rtol=0, atol=1e-4)
    draw, _, model = read(folder / written["h"])
    np.testing.assert_allclose(draw(latents=latents, labels=labels), expected, rtol=0, atol=1e-5)
    assert model["userDefinedMetadata"]["is_blend"]
    assert "(weights in float16)" in (folder / written["g"] / "model_card.md").read_text()


def test_every_mistake_is_one_line_and_leaves_nothing(folder):
    mistakes = {
        (RUN,): ["--export_dir", "none"],
        (RUN, "--export_dir=x", "--format=pt"): ["--format", "pt"],
        (RUN, "--export_dir=x", "--quantize=float16"): ["--quantize", "tfjs", "saved_model"],
        (RUN, "--export_dir=x", "--format=onnx", "--name=y"): ["--name", "tfjs", "onnx"],
        ("--run_dir=nowhere", "--export_dir=x"): ["--run_dir", "nowhere"],
        (RUN, "--export_dir=run/config.json"): ["--export_dir", "run/config.json"],
        (RUN, "--export_dir=run/config.json", "--format=onnx"): ["--export_dir"],
        (RUN, "--export_dir=run/config.json", "--format=litert"): ["--export_dir"],
    }
    before = sorted(folder.iterdir())
    results = run_calls("export.py", mistakes, folder)
    for (call, words), (status, _, err) in zip(mistakes.items(), results, strict=True):
        assert status == 2, (call, err)
        assert len(err.strip().splitlines()) == 1, (call, err)
        for word in words:
            assert word in err, (call, err)
    assert sorted(folder.iterdir()) == before
