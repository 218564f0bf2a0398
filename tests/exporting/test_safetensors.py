"""Safetensors: the PyTorch module in an export draws what the generator draws.

Where PyTorch is not installed, NumPy computes in its place.
"""

import importlib.util
import json
import sys

import numpy as np
import pytest
import safetensors.numpy

import pgan_tf
from pgan_tf.exporting.safetensors_file import write_safetensors
from pgan_tf.exporting.writer import ExportOptions
from pgan_tf.networks.folded import fold
from pgan_tf.networks.sampling import generate
from pgan_tf.networks.torch_layout import open_network
from tests.helpers.exports import make_inputs, make_trained
from tests.helpers.numpy_torch import import_generator, make_torch
from tfrecords.common.errors import UserError
from tfrecords.pictures.alpha import clip_to_alpha, straight

HAS_TORCH = importlib.util.find_spec("torch") is not None


@pytest.fixture(params=["numpy", "torch"])
def stand_in(request):
    if request.param == "torch" and not HAS_TORCH:
        pytest.skip("needs PyTorch: pip install torch")
    return make_torch() if request.param == "numpy" else {}


def write(trained, folder):
    write_safetensors(trained, ExportOptions(str(folder)))
    return folder / "1"


@pytest.mark.parametrize(
    "options",
    [
        {"label_size": 3, "normalize_latents": False},  # in mid-fade
        {"base_width": 5, "base_height": 8},
        {"tanh": True, "num_channels": 1, "fused_scale": False},
        {"pixel_norm": False, "generator_leaky_relu": False, "generator_batch_norm": True},
        {"num_channels": 4, "label_size": 2},
        {"phase": "stabilize", "resolution": 4, "label_size": 2, "small": True},
    ],
)
def test_the_module_draws_as_the_generator(options, tmp_path, stand_in):
    trained = make_trained(**options)
    folder = write(trained, tmp_path)
    generator = import_generator(folder, stand_in).load()
    latents, labels = make_inputs(trained)
    folded = fold(trained.generator, trained.network)  # with which generate.py draws
    make = import_generator(folder, stand_in).torch.from_numpy
    images = generator(*map(make, [latents, labels] if labels.size else [latents]))
    images = (images if stand_in else images.detach()).numpy().transpose(0, 2, 3, 1)
    expected = np.clip(folded([latents, labels]).numpy(), -1, 1)
    np.testing.assert_allclose(images, expected, rtol=0, atol=1e-5)
    # Seeds, too: here and there a number is rounded the other way.
    pictures = straight(generate(folded, latents, labels))
    drawn = generator.draw(range(5))
    assert drawn.dtype == np.uint8 and drawn.shape == pictures.shape
    far = np.abs(drawn.astype(int) - pictures) > (255 if drawn.shape[-1] == 4 else 1)
    assert not far.any() and np.mean(drawn != pictures) < 0.01
    # So does this project with the folder.
    loaded = pgan_tf.load(folder)
    np.testing.assert_array_equal(loaded.generate(range(5)) != pictures, False)


def test_transparent_pictures_are_straight(tmp_path):
    module = import_generator(write(make_trained(), tmp_path), make_torch())
    color, alpha = np.mgrid[:256, :256].astype(np.uint8)
    pixels = np.stack([color, color, color, alpha], axis=-1)
    np.testing.assert_array_equal(module.straight(pixels), straight(clip_to_alpha(pixels)))


def test_what_the_files_say(tmp_path):
    folder = write(make_trained(label_size=3), tmp_path)
    config = json.loads((folder / "config.json").read_text())
    expected = {"resolution": 16, "feature_maps": [8, 8, 8], "fades": True, "label_size": 3}
    assert config.items() >= expected.items()
    weights = safetensors.numpy.load_file(folder / "model.safetensors")
    assert weights["8x8_conv0.weight"].shape == (8, 8, 4, 4)
    card = (folder / "model_card.md").read_text()
    assert "generator(latents, labels)" in card and "clipped to [-1, 1]" in card


def test_a_description_or_weights_of_another_network_are_refused(tmp_path):
    folder = write(make_trained(), tmp_path)
    config = json.loads((folder / "config.json").read_text())
    weights = safetensors.numpy.load_file(folder / "model.safetensors")
    open_network(config, weights)
    wrong = {"resolution": 12, "latent_size": -1, "label_size": 10**5, "num_channels": 2.0}
    wrong |= {"feature_maps": [8, 8], "fades": 2, "tanh": "no", "leaky_relu": None}
    for name, value in wrong.items():
        with pytest.raises(UserError):
            open_network({**config, name: value}, weights)
    half = weights["4x4_conv.bias"].astype(np.float16)
    for others in ({}, {**weights, "4x4_conv.bias": half}, {**weights, "more": half}):
        with pytest.raises(UserError, match="expected float32"):
            open_network(config, others)
    for other in (None, [], {}):
        with pytest.raises(UserError, match="expected the description"):
            open_network(other, weights)
    (folder / "config.json").write_text(json.dumps({"model_type": "bert"}))  # anybody's
    with pytest.raises(UserError, match=r"^path: expected what export.py .* \(expected the desc"):
        pgan_tf.load(folder)


def test_a_package_that_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    with pytest.raises(UserError, match=r"--format=safetensors.*pip install safetensors"):
        write(make_trained(), tmp_path)
    assert list(tmp_path.iterdir()) == []
