"""A folder for the Hugging Face Hub: what is in it, its upload, and what reads it from there."""

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import pgan_tf
from pgan_tf.exporting import hub
from pgan_tf.exporting.writer import ExportOptions
from pgan_tf.generating.formats.huggingface import write_huggingface
from pgan_tf.runs.trained import from_run
from tests.helpers.command_calls import assert_mistake, run, run_calls
from tests.helpers.exports import make_trained
from tests.helpers.hub_server import hub_environment, hub_server
from tests.helpers.places import ROOT
from tests.helpers.small_run import make_small_run
from tfrecords.common.errors import UserError

NAME = "USER/NAME"  # as the card calls a repository that it does not know
FILES = {
    *("README.md", "config.json", "generator.keras", "generator.py", "model.safetensors"),
    *("directions.npz", "pgan.json", "pgan-export.json", "samples.png", "walk.webp"),
}
READ = {"config.json", "directions.npz", "generator.keras", "model.safetensors", "pgan.json"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a run and its export."""
    folder = tmp_path_factory.mktemp("hub")
    make_small_run(str(folder / "run"))
    options = ExportOptions(str(folder / "out"), license="cc0-1.0")
    write_huggingface(from_run(str(folder / "run")), options)
    return folder


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A Hub for the processes that a test starts: the package reads its environment once."""
    with hub_server() as server:
        for name, value in hub_environment(server.address, tmp_path / "home").items():
            monkeypatch.setenv(name, value)
        yield server


def python(code, folder):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code]
    options = {"capture_output": True, "text": True, "check": False}
    return subprocess.run(command, cwd=folder, env=environment, **options)


def push(folder, name=NAME):
    code = "from pgan_tf.exporting import hub\n"
    code += f"hub.check_can_push({name!r}); print(hub.push('out/1', {name!r}))"
    return python(code, folder)


def test_the_card_and_its_pictures(folder):
    assert {path.name for path in (folder / "out/1").iterdir()} == FILES
    card = (folder / "out/1/README.md").read_text()
    head, _, text = card.removeprefix("---\n").partition("---\n")
    lines = {"license: cc0-1.0", "library_name: keras", "- progressive-gan"}
    assert lines | {"pipeline_tag: unconditional-image-generation"} <= {*head.splitlines()}
    for name in ("samples.png", "walk.webp"):
        assert f"]({name})" in text
        with Image.open(folder / "out/1" / name) as picture:
            assert getattr(picture, "n_frames", 1) == (72 if name == "walk.webp" else 1)


def test_what_is_uploaded_and_what_is_downloaded(folder, server):
    done = push(folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"{server.address}/{NAME}"
    written = {path.name: path.read_bytes() for path in (folder / "out/1").iterdir()}
    del written["pgan-export.json"]
    (commit,) = server.commits[NAME]
    assert commit == written
    code = "import os, json\nfrom pgan_tf.exporting import hub\n"
    code += f"folder = hub.download('hf://{NAME}@main', 'path')\n"
    code += "print(json.dumps(os.listdir(folder)))\n"
    assert {*json.loads(python(code, folder).stdout)} == READ  # none of its code


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"HF_TOKEN": ""}, "expected a token"),
        ({"HF_TOKEN": "hf_wrong"}, "the token is not valid"),
        ({"HF_ENDPOINT": "http://127.0.0.1:9"}, "onnection refused"),
    ],
)
def test_a_push_that_fails_says_why(folder, server, monkeypatch, change, words):
    for name, value in change.items():
        monkeypatch.setenv(name, value)
    error = push(folder).stderr.splitlines()[-1]
    assert f"UserError: --push_to={NAME}: " in error and words in error
    assert not server.commits.get(NAME)


@pytest.mark.parametrize("address", ["hf://x", "hf://a/b@", "hf://a/b@c@d", "hf://../b", "hf://"])
def test_other_addresses_are_refused(address):
    with pytest.raises(UserError, match="path: expected hf://USER/NAME"):
        hub.download(address, "path")


def test_what_is_missing_or_wrong_is_said_before_anything_is_written(tmp_path, monkeypatch):
    trained = make_trained()
    theirs = dataclasses.replace(trained, published=True)
    pushed = ExportOptions(str(tmp_path), push_to=NAME)
    with pytest.raises(UserError, match=r"--license: expected cc-by-nc-4\.0"):
        write_huggingface(theirs, ExportOptions(str(tmp_path), license="mit"))
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    with pytest.raises(UserError, match="expected a token of the Hugging Face Hub, got none"):
        write_huggingface(trained, pushed)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(UserError, match=r"--push_to.*pip install huggingface_hub"):
        write_huggingface(trained, pushed)
    with pytest.raises(UserError, match=r"path.*pip install huggingface_hub"):
        hub.download(f"hf://{NAME}", "path")
    assert list(tmp_path.iterdir()) == []


def test_weights_are_read_where_there_is_no_keras_file(folder, tmp_path, monkeypatch):
    for name in READ - {"generator.keras"}:
        shutil.copy(folder / "out/1" / name, tmp_path)
    monkeypatch.setattr(hub, "download", lambda address, argument: str(tmp_path))
    ours, theirs = pgan_tf.load(folder / "run"), pgan_tf.load(f"hf://{NAME}")
    assert theirs.label_names == ours.label_names
    assert np.abs(theirs.generate(range(4)).astype(int) - ours.generate(range(4))).max() <= 1
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(UserError, match=r"expected a repository with generator\.keras or model"):
        pgan_tf.load(f"hf://{NAME}")


@pytest.mark.slow
def test_the_commands_the_package_and_the_lines_on_the_card(folder, server):
    arguments = ("--run_dir=run", "--export_dir=new", "--format=huggingface")
    done = run("export.py", *arguments, f"--push_to={NAME}", cwd=folder)
    assert done.returncode == 0 and f"{server.address}/{NAME}" in done.stdout, done.stderr

    code = f"import pgan_tf\nfor source in ('run', 'hf://{NAME}'):\n"
    code += "    print(pgan_tf.load(source).generate(seeds=range(4)).ravel().tolist())"
    ours, theirs = map(json.loads, python(code, folder).stdout.splitlines())
    assert max(abs(a - b) for a, b in zip(ours, theirs, strict=True)) <= 1

    card = (folder / "new/1/README.md").read_text()
    lines = re.search(r"```python\n(import keras\n.*?)```", card, re.DOTALL)[1]
    assert len(lines.splitlines()) <= 10
    done = python(f"{lines}\nprint(images.shape)", folder)
    assert done.stdout == "(4, 8, 8, 3)\n", done.stderr
    assert Image.open(folder / "picture.png").size == (8, 8)

    calls = [(f"--saved_model=hf://{name}", "--output=p") for name in (NAME, "me/none")]
    found, missing = run_calls("generate.py", calls, folder)
    assert found[0] == 0, found
    assert_mistake(missing, "--saved_model", "hf://me/none", "no such repository")
