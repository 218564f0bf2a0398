"""export.py as a person calls it: runs of a few images and published pickles, in every format."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from pgan_tf.config.schedule import make_stages
from pgan_tf.config.training import TrainingConfig
from pgan_tf.exporting.formats import FORMATS
from pgan_tf.runs.trained import from_official, from_run
from pgan_tf.training.state import build_state
from tests.exporting.test_runtimes import draw as draw_in_runtime
from tests.exporting.test_tfjs import read
from tests.helpers.command_calls import assert_mistake, run_calls
from tests.helpers.exports import make_inputs
from tests.helpers.golden_cases import GOLDEN
from tests.helpers.numpy_torch import import_generator, make_torch
from tests.helpers.small_run import make_small_run, save_state

RUN = "--run_dir=run"
CALLS = {
    "saved_model": (RUN, "--network=generator"),
    "keras": (RUN, "--networks=all"),
    "tfjs": ("--run_dir=fading",),
    # Published: in the middle of a fade, and through, with classes.
    "onnx": (f"--official_pkl={GOLDEN}/base.pkl",),
    "litert": (f"--official_pkl={GOLDEN}/conditional.pkl",),
    "safetensors": (RUN,),
}
MISTAKES = {
    (RUN,): ["--export_dir", "none"],
    (RUN, "--export_dir=x", "--format=pt"): ["--format", "pt"],
    (RUN, "--export_dir=x", "--quantize=float16"): ["--quantize", "tfjs", "saved_model"],
    (RUN, "--export_dir=x", "--title=y"): ["--title", "tfjs", "saved_model"],
    (RUN, "--export_dir=x", "--url=example.org"): ["--url", "https://", "example.org"],
    (RUN, "--export_dir=x", "--checkpoint=y"): ["--run_dir", "--checkpoint"],
    ("--export_dir=x",): ["--run_dir", "--official_pkl", "none"],
    ("--run_dir=nowhere", "--export_dir=x"): ["--run_dir", "nowhere"],
    (RUN, "--export_dir=run/config.json"): ["--export_dir", "run/config.json"],
    ("--official_pkl=broken.pkl", "--export_dir=x"): ["broken.pkl", "refused"],
}


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A folder with an export in each format, what was printed of each, and of the mistakes."""
    folder = tmp_path_factory.mktemp("export")
    make_small_run(str(folder / "run"))
    config = TrainingConfig.from_json((folder / "run/config.json").read_text())
    state = build_state(make_stages(config.schedule)[1], config, tf.distribute.get_strategy())
    save_state(str(folder / "fading/checkpoints"), state, 12, config)
    (folder / "broken.pkl").write_bytes(b"cos\nsystem\n(S'touch ran'\ntR.")
    calls = [(*flags, f"--export_dir={kind}", f"--format={kind}") for kind, flags in CALLS.items()]
    results = run_calls("export.py", [*calls, *MISTAKES], folder)
    return folder, dict(zip(CALLS, results, strict=False)), results[len(CALLS) :]


@pytest.mark.parametrize(
    ("kind", "file", "read_trained", "source", "bound"),
    [
        ("saved_model", "saved_model.pb", lambda run: from_run(run, "generator"), "run", 1e-5),
        ("keras", "generator.keras", from_run, "run", 1e-5),
        ("tfjs", "model.json", from_run, "fading", 1e-5),
        ("onnx", "model.onnx", from_official, GOLDEN / "base.pkl", 1e-5),
        ("litert", "model.tflite", from_official, GOLDEN / "conditional.pkl", 1e-5),
        ("safetensors", "model.safetensors", from_run, "run", 1e-5),
    ],
)
def test_an_export_draws_as_its_generator(exported, kind, file, read_trained, source, bound):
    folder, results, _ = exported
    status, out, err = results[kind]
    assert (status, err) == (0, "")
    (path,) = folder.glob(f"{kind}/**/{file}")
    assert f"Wrote {path.parent.relative_to(folder)}" in out
    trained = read_trained(str(folder / source))
    latents, labels = make_inputs(trained, 4)
    expected = np.clip(trained.generator([latents, labels]).numpy(), -1, 1)
    inputs = {"latents": latents} | ({"labels": labels} if labels.size else {})
    if kind == "saved_model":
        model = tf.saved_model.load(str(path.parent)).signatures["serving_default"]
        images = model(**{name: tf.constant(value) for name, value in inputs.items()})["images"]
    elif kind == "keras":
        assert (path.parent / "networks.npz").is_file()
        images = keras.saving.load_model(path)(list(inputs.values()))
    elif kind == "tfjs":
        images = read(path.parent)[0](**inputs)
    elif kind == "safetensors":
        generator = import_generator(path.parent, make_torch()).load()
        images = generator(*inputs.values()).transpose(0, 2, 3, 1)
    else:
        images = draw_in_runtime(path, inputs)
    np.testing.assert_allclose(images, expected, rtol=0, atol=bound)


def test_a_fade_in_and_the_authors_terms_are_said(exported):
    results = exported[1]
    assert "4→8 px: exported as it is, at alpha 0.500" in results["tfjs"][1]
    assert "16→32 px: exported as it is, at alpha 0.600" in results["onnx"][1]
    for kind, (_, out, _) in results.items():
        assert ("CC BY-NC 4.0" in out) == (kind in ("onnx", "litert"))


def test_every_mistake_is_one_line_and_leaves_nothing(exported):
    folder, _, mistakes = exported
    for words, result in zip(MISTAKES.values(), mistakes, strict=True):
        assert_mistake(result, *words)
    left = {path.name for path in folder.iterdir()}
    assert left == {*FORMATS, "run", "fading", "broken.pkl"}
