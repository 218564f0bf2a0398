"""The generators that come with the package: small, unchanged, and drawing what they drew."""

import shutil

import numpy as np
import pytest
from PIL import Image

import pgan_tf
from pgan_tf import UserError
from pgan_tf.runs import packaged
from tests.helpers.golden_cases import GOLDEN

NAMES = sorted(packaged.NETWORKS)


@pytest.mark.parametrize("name", NAMES)
def test_it_draws_the_stored_pictures(name):
    generator = pgan_tf.load(name)
    side = generator.resolution
    stored = np.asarray(Image.open(GOLDEN / f"packaged/{name}.png")).reshape(2, side, 4, side, 3)
    stored = stored.swapaxes(1, 2).reshape(8, side, side, 3).astype(int)
    # Of 255. Processors round differently, and 64 px have ten layers.
    assert np.abs(generator.generate(range(8)) - stored).max() <= 2


def test_it_is_small_and_its_card_has_what_a_card_must_have():
    for folder in packaged.FOLDER.iterdir():
        assert folder.name in packaged.NETWORKS
        assert packaged.find_checkpoint(folder).stat().st_size <= 5e6
        card = (folder / "README.md").read_text()
        for needed in ("Apache-2.0", "pgan train", "swd", "emoji-datasource-google"):
            assert needed in card


def test_half_precision_weights_are_read_as_single_precision():
    weights = pgan_tf.load("emoji").model.get_weights()
    assert {one.dtype for one in weights} == {np.dtype(np.float32)}
    assert all((one == one.astype(np.float16)).all() for one in weights)


def test_a_path_comes_before_a_name_and_a_near_name_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"'emojy', which is not there: did you mean emoji\?"):
        pgan_tf.load("emojy")
    with pytest.raises(UserError, match="network: expected average_generator of emoji"):
        pgan_tf.load("emoji", "generator")
    (tmp_path / "emoji").mkdir()
    with pytest.raises(UserError, match="'emoji', a folder without any of them"):
        pgan_tf.load("emoji")


def test_another_file_than_this_version_s_is_refused(tmp_path, monkeypatch):
    shutil.copytree(packaged.FOLDER, tmp_path, dirs_exist_ok=True)
    monkeypatch.setattr(packaged, "FOLDER", tmp_path)
    checkpoint = packaged.find_checkpoint(tmp_path / "emoji")
    contents = bytearray(checkpoint.read_bytes())
    contents[5000] ^= 1
    checkpoint.write_bytes(contents)
    with pytest.raises(UserError, match=r"expected sha256 .* install pgan-tf again"):
        packaged.packaged_run("emoji")
    checkpoint.unlink()
    with pytest.raises(UserError, match=r"expected one checkpoint in .* got 0"):
        packaged.packaged_run("emoji")
