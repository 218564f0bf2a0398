"""export.py as a person calls it: runs of a few images and published pickles, in every format."""

import json

import numpy as np
import onnxruntime
import pytest
import tensorflow as tf

from pgan_tf.config.schedule import make_stages
from pgan_tf.config.training import TrainingConfig
from pgan_tf.exporting.formats import FORMATS
from pgan_tf.networks import official
from pgan_tf.networks.sampling import latents_from_seeds, one_hot_labels
from pgan_tf.runs import trained
from pgan_tf.training.state import build_state
from tests.exporting.test_runtimes import draw as draw_in_runtime
from tests.exporting.test_tfjs import read
from tests.helpers.command_calls import assert_mistake, run_calls
from tests.helpers.golden_cases import GOLDEN
from tests.helpers.small_run import make_small_run, save_state

RUN = "--run_dir=run"
CALLS = {
    "a": (RUN,),
    "b": (RUN, "--network=generator"),
    "c": ("--run_dir=fading",),
    "f": ("--run_dir=fading", "--format=onnx"),
    "g": (RUN, "--format=tfjs", "--quantize=float16"),
    "h": ("--run_dir=fading", "--format=tfjs"),
    # Published: in the middle of a fade, and through, with classes.
    "p": (f"--official_pkl={GOLDEN}/base.pkl", "--format=onnx"),
    "q": (f"--official_pkl={GOLDEN}/conditional.pkl", "--format=litert"),
}
FADING = set("cfh")
MISTAKES = {
    (RUN,): ["--export_dir", "none"],
    (RUN, "--export_dir=x", "--format=pt"): ["--format", "pt"],
    (RUN, "--export_dir=x", "--quantize=float16"): ["--quantize", "tfjs", "saved_model"],
    (RUN, "--export_dir=x", "--format=onnx", "--name=y"): ["--name", "tfjs", "onnx"],
    (RUN, "--export_dir=x", "--title=y"): ["--title", "tfjs", "saved_model"],
    (RUN, "--export_dir=x", "--url=example.org"): ["--url", "https://", "example.org"],
    (RUN, "--export_dir=x", "--checkpoint=y"): ["--run_dir", "--checkpoint"],
    ("--export_dir=x",): ["--run_dir", "--official_pkl", "none"],
    ("--run_dir=nowhere", "--export_dir=x"): ["--run_dir", "nowhere"],
    (RUN, "--export_dir=run/config.json"): ["--export_dir", "run/config.json"],
    (RUN, "--export_dir=run/config.json", "--format=onnx"): ["--export_dir"],
    (RUN, "--export_dir=run/config.json", "--format=litert"): ["--export_dir"],
    ("--official_pkl=broken.pkl", "--export_dir=x"): ["broken.pkl", "refused"],
}


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A folder with exports, what was printed of each by name, and the results of mistakes."""
    folder = tmp_path_factory.mktemp("export")
    make_small_run(str(folder / "run"))
    config = TrainingConfig.from_json((folder / "run/config.json").read_text())
    state = build_state(make_stages(config.schedule)[1], config, tf.distribute.get_strategy())
    save_state(str(folder / "fading/checkpoints"), state, 12, config)
    (folder / "broken.pkl").write_bytes(b"cos\nsystem\n(S'touch ran'\ntR.")
    calls = [(*flags, f"--export_dir={name}") for name, flags in CALLS.items()]
    results = run_calls("export.py", [*calls, *MISTAKES], folder)
    return folder, dict(zip(CALLS, results, strict=False)), results[len(CALLS) :]


def version(folder, name):
    (path,) = folder.glob(f"{name}/**/pgan.json")
    return path.parent


def test_every_format_is_written_with_a_card_and_a_fade_in_is_said(exported):
    folder, results, _ = exported
    known = {}
    for name, (status, out, err) in results.items():
        assert (status, err) == (0, ""), (name, err)
        path = version(folder, name)
        assert f"Wrote {path.relative_to(folder)}" in out
        # A folder beside it is made anew, or would be a version to a server.
        assert not [path for path in (folder / name).rglob("*") if "partial" in path.name]
        known[name] = json.loads((path / "pgan.json").read_text())
        card = (path / "model_card.md").read_text()
        published = name in "pq"
        assert ("CC BY-NC 4.0" in out) == ("CC BY-NC 4.0" in card) == published
        if not published:
            assert ("at alpha 0.500" in out) == known[name]["is_blend"] == (name in FADING), out
            assert ("fading in 4→8 px" in card) == (name in FADING)
            kimg = 0.012 if name in FADING else 0.032
            assert (known[name]["kimg"], known[name]["resolution"]) == (kimg, 8)
            assert known[name]["training_data"] == "made up & <b>small</b>"
            # The run's last tick; the fading one has none.
            assert bool(known[name]["metrics"]) == (name not in FADING)
    formats = [one["format"] for one in known.values()]
    assert formats == ["saved_model"] * 3 + ["onnx", "tfjs", "tfjs", "onnx", "litert"]
    assert set(formats) == set(FORMATS)
    assert known["a"]["weights"] == "average_generator" and known["b"]["weights"] == "generator"
    assert known["p"]["trained_by"] == "the published implementation"
    assert "16→32 px: exported as it is, at alpha 0.600" in results["p"][1]
    assert "(weights in float16)" in (version(folder, "g") / "model_card.md").read_text()


@pytest.mark.parametrize(
    ("name", "run", "weights"),
    [
        ("a", "run", "average_generator"),  # unless asked otherwise
        ("b", "run", "generator"),
        ("c", "fading", "average_generator"),
        ("f", "fading", "average_generator"),
        ("h", "fading", "average_generator"),
        ("p", "base", "average_generator"),
        ("q", "conditional", "average_generator"),
    ],
)
def test_an_export_draws_as_its_generator(exported, name, run, weights):
    folder = exported[0]
    path = version(folder, name)
    if name in "pq":
        network = getattr(official.read(f"{GOLDEN}/{run}.pkl"), weights)
        generator, config = official.build(network), network.config
    else:
        found = trained.from_run(str(folder / run), weights)
        generator, config = found.generator, found.network
    inputs = {"latents": latents_from_seeds(range(4), config.latent_size)}
    labels = one_hot_labels(range(4), config.label_size)
    expected = np.clip(generator([inputs["latents"], labels]).numpy(), -1, 1)
    if config.label_size:
        inputs["labels"] = labels
    if name in "abc":
        model = tf.saved_model.load(str(path)).signatures["serving_default"]
        images = model(**{key: tf.constant(one) for key, one in inputs.items()})["images"]
    elif name == "h":
        draw, _, model = read(path)
        images = draw(**inputs)
        assert model["userDefinedMetadata"]["is_blend"]
    elif name == "q":
        images = draw_in_runtime(path / "model.tflite", inputs)
    else:
        session = onnxruntime.InferenceSession(str(path / "model.onnx"))
        (images,) = session.run(["images"], inputs)
    bound = 1e-4 if name in "fpq" else 1e-5
    np.testing.assert_allclose(images, expected, rtol=0, atol=bound)


def test_every_mistake_is_one_line_and_leaves_nothing(exported):
    folder, _, mistakes = exported
    for words, result in zip(MISTAKES.values(), mistakes, strict=True):
        assert_mistake(result, *words)
    left = {path.name for path in folder.iterdir()}
    assert left == {*CALLS, "run", "fading", "broken.pkl"}
