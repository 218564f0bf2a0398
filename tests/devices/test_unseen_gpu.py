"""A run on the CPU of a machine that has a GPU says so in its first line, and what to do."""

import re
import tomllib

import pytest
import tensorflow as tf

from pgan_tf.devices import strategy
from tests.helpers.places import ROOT


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch, tmp_path):
    """A machine without a GPU, its drivers or any word of one."""
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    monkeypatch.setattr(strategy, "_NVIDIA_FILES", (str(tmp_path / "nvidiactl"),))
    monkeypatch.setattr(strategy, "_AMD_FILE", str(tmp_path / "kfd"))
    monkeypatch.setenv("PATH", str(tmp_path))
    for names in strategy._HIDING.values():
        for name in names:
            monkeypatch.delenv(name, raising=False)


def said(capsys):
    strategy.warn_of_unseen_gpu()
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nvidiactl", "an NVIDIA GPU, .* pip install -r requirements-gpu.txt"),
        ("nvidia-smi", "an NVIDIA GPU, .* pip install -r requirements-gpu.txt"),
        ("kfd", "an AMD GPU, .* tensorflow-rocm"),
    ],
)
def test_a_gpu_that_tensorflow_does_not_see_is_one_line(name, words, tmp_path, capsys):
    (tmp_path / name).write_text("")
    (tmp_path / name).chmod(0o755)
    line = said(capsys)
    assert line.count("\n") == 1
    assert re.search(words, line)


def test_no_gpu_is_no_line(capsys):
    assert said(capsys) == ""


def test_a_gpu_that_is_seen_is_no_line(tmp_path, monkeypatch, capsys):
    (tmp_path / "nvidiactl").write_text("")
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind])
    assert said(capsys) == ""


@pytest.mark.parametrize(("value", "lines"), [("", 0), ("-1", 0), ("0", 1)])
def test_a_gpu_that_was_hidden_is_no_line(value, lines, tmp_path, monkeypatch, capsys):
    (tmp_path / "nvidiactl").write_text("")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    assert said(capsys).count("\n") == lines


def test_the_extra_and_the_file_bring_the_same_tensorflow():
    lines = (ROOT / "requirements-gpu.txt").read_text().splitlines()
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert extras["optional-dependencies"]["gpu"] == [lines[-1]]
    assert "-r requirements.txt" in lines
    plain = lines[-1].replace("[and-cuda]", "")
    assert plain in (ROOT / "requirements.txt").read_text().splitlines()


def test_training_says_it_first(monkeypatch, capsys):
    from pgan_tf.commands import train

    monkeypatch.setattr(train, "warn_of_unseen_gpu", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        train.main()
    assert capsys.readouterr().out == ""
