"""What create.py and train.py say of classes, as a person calls them."""

import json
import subprocess
import sys

import pytest

from tests.helpers.command_calls import run_calls
from tests.helpers.places import ROOT
from tests.helpers.source_helpers import save


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Pictures of animals in folders, and of numbers by a dataset.json, and of nothing."""
    folder = tmp_path_factory.mktemp("labels")
    for part in ("train", "test"):
        for animal in ("cat", "dog"):
            save(folder / "animals" / part / animal / "1.png")
    names = [f"00000/{i}.png" for i in range(6)]
    for name in names:
        save(folder / "numbers" / name)
        save(folder / "plain" / name.split("/")[1])
    labels = [[name, i % 3] for i, name in enumerate(names)]
    (folder / "numbers/dataset.json").write_text(json.dumps({"labels": labels}))
    return folder


def test_train_prints_the_classes_or_refuses_in_a_line(folder):
    small = ("--data_cache=cache", "--init_from=nowhere")  # which ends it before it converts
    calls = [
        ("--data=numbers", "--conditional", "--labels=none", "--run_dir=a", "--data_cache=none"),
        ("--data=plain", "--conditional", "--run_dir=b", "--data_cache=none"),
        ("--data=numbers", "--conditional", *small),
        ("--data=animals", "--conditional", *small),
        ("--data=animals", "--labels=folders", *small),
        ("--data=plain", *small),
    ]
    refused, no_classes, numbers, animals, unused, plain = run_calls("train.py", calls, folder)
    for status, _, error in (refused, no_classes):
        assert status == 2
        assert error.count("\n") == 1
        assert "--labels" in error
    assert "--conditional: expected labels, got --labels=none" in refused[2]
    assert not any((folder / name).exists() for name in ("a", "b", "none", "runs"))
    assert numbers[0] == 2 and "--init_from" in numbers[2]
    assert "Classes: 3, 0 (2 pictures), 1 (2), 2 (2)\n" in numbers[1]
    assert not (folder / "cache").exists()  # all is said and refused before pictures are converted
    assert "test, train are taken for parts of a dataset" in animals[1]
    assert "Classes: 2, cat (2 pictures), dog (2)\n" in animals[1]
    assert "Classes: 2, cat (2 pictures), dog (2) (not used: train with --conditional)" in unused[1]
    assert "lasses" not in plain[1]


def test_create_prints_the_classes_before_it_converts(folder):
    command = [sys.executable, "-m", "tfrecords.create", folder / "animals", folder / "out"]
    done = subprocess.run(
        [*map(str, command), "--labels=folders", "--resolution=16", "--processes=1"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    _, note, classes, _ = done.stdout.splitlines()
    assert "test, train are taken for parts of a dataset, and the folders in them" in note
    assert classes == "Classes: 2, cat (2 pictures), dog (2)"
