"""A SavedModel is a program: that is said before one is opened that is not known to be ours."""

import json

import pytest
import tensorflow as tf

from pgan_tf.generating import sampler
from tfrecords.common.errors import UserError

FORGED = {"made_by": "pgan-tf"}


@pytest.mark.parametrize(
    ("description", "warned"),
    [(None, True), (FORGED, False), ({}, True), ([], True), ("[" * 10**5, True), ("\xff", True)],
)
def test_a_line_comes_before_a_model_that_does_not_say_it_is_ours(
    tmp_path, capsys, monkeypatch, description, warned
):
    said = []

    def load(folder):
        said.append(capsys.readouterr().err)
        raise OSError("not opened in this test")

    monkeypatch.setattr(tf.saved_model, "load", load)
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "saved_model.pb").write_bytes(b"")
    if description is not None:
        text = description if isinstance(description, str) else json.dumps(description)
        (tmp_path / "1" / "pgan.json").write_text(text, encoding="latin-1")
    with pytest.raises(UserError, match="--saved_model: expected"):
        sampler.open_saved_model(str(tmp_path))
    [before] = said
    assert ("a SavedModel is a program" in before) == warned
    assert before.count("\n") == warned
