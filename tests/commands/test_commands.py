"""The commands as a person runs them: from pictures to a served model, and every mistake."""

import concurrent.futures
import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.helpers.places import ROOT
from tfrecords.common.files import locked

SMALL = (
    "--resolution=8",
    "--fmap_base=16",
    "--fmap_max=4",
    "--batch_size=4",
    "--stabilize_kimg=0.032",
    "--fade_in_kimg=0.032",
    "--total_kimg=0.096",
    "--minibatch_repeats=1",
)


def run(command, *arguments, cwd):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, str(ROOT / command), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=cwd,
        env=environment,
        check=False,
    )


def assert_one_line_error(result, *words):
    assert result.returncode == 2, result.stderr
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in lines[0], lines[0]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A folder of PNG and JPEG pictures of several sizes and modes."""
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "more").mkdir()
    generator = np.random.default_rng(0)
    for i in range(12):
        pixels = generator.integers(0, 256, (16 + i, 16, 4), np.uint8)
        if i % 2:
            Image.fromarray(pixels).save(folder / f"{i}.png")
        else:
            Image.fromarray(pixels[..., :3]).save(folder / "more" / f"{i}.jpg")
    return folder


@pytest.fixture(scope="module")
def trained(pictures, tmp_path_factory):
    """A run on the pictures, and what train.py printed."""
    cwd = tmp_path_factory.mktemp("cwd")
    result = run("train.py", f"--data={pictures}", "--run_dir=runs/a", *SMALL, cwd=cwd)
    assert result.returncode == 0, result.stderr
    return cwd, result


def test_training_on_a_folder_leaves_pictures_and_says_what_to_do_next(trained):
    cwd, result = trained
    for command in ("train.py", "generate.py", "export.py"):
        assert f"python {command}" in result.stdout
    assert "Traceback" not in result.stderr
    sheet = np.asarray(Image.open(max((cwd / "runs/a/samples").glob("fakes-*.png"))))
    assert sheet.shape == (64, 128, 3)
    assert sheet.std() > 1


def test_every_printed_command_works(trained):
    cwd, result = trained
    printed = re.findall(r"python (\w+\.py) (.*)", result.stdout)
    assert [command for command, _ in printed] == ["train.py", "generate.py", "export.py"]
    for command, arguments in printed:
        arguments = arguments.replace("MORE", "0.128").split()
        result = run(command, *arguments, cwd=cwd)
        assert result.returncode == 0, result.stderr
        # Nothing but the progress bar: TensorFlow's chatter would bury what matters.
        assert command == "train.py" or result.stderr == ""
    last = (cwd / "runs/a/metrics.jsonl").read_text().splitlines()[-1]
    assert json.loads(last)["images_shown"] == 128
    grid = np.asarray(Image.open(cwd / "grid.png"))
    assert grid.shape == (4 * 8, 8 * 8, 3)
    assert (cwd / "exports/a/1/saved_model.pb").is_file()
    signatures = tf.saved_model.load(str(cwd / "exports/a/1")).signatures
    images = signatures["serving_default"](latents=tf.zeros((2, 4)))["images"]
    assert images.shape == (2, 8, 8, 3)


def test_one_picture_per_seed(trained):
    cwd, _ = trained
    result = run("generate.py", "--run_dir=runs/a", "--seeds=3,7-9", "--output=out", cwd=cwd)
    assert result.returncode == 0, result.stderr
    names = sorted(path.name for path in (cwd / "out").iterdir())
    assert names == [f"seed-{seed:06d}.png" for seed in (3, 7, 8, 9)]


def test_another_run_begins_with_a_runs_weights(trained, pictures):
    """Without --initial_resolution it begins where the other one had come to."""
    cwd, _ = trained
    larger = ["--resolution=16", "--total_kimg=0.004", "--run_dir=runs/b", "--init_from=runs/a"]
    command = [f"--data={pictures}", *SMALL, *larger]
    result = run("train.py", *command, cwd=cwd)
    assert result.returncode == 0, result.stderr
    table = (cwd / "runs/b/init_from.txt").read_text()
    assert table in result.stdout
    assert re.search(r"8x8_conv0 +carried +carried +carried\n", table)
    assert "runs/a/checkpoints/images-" in table.splitlines()[0]
    assert '"resolution": 8' in (cwd / "runs/b/metrics.jsonl").read_text()
    # It is a run of its own from then on.
    assert f"--init_from={cwd}/runs/a\n" in (cwd / "runs/b/flags.txt").read_text()
    (cwd / "runs/a").rename(cwd / "runs/elsewhere")
    try:
        again = run("train.py", *command, "--total_kimg=0.008", cwd=cwd)
    finally:
        (cwd / "runs/elsewhere").rename(cwd / "runs/a")
    assert again.returncode == 0, again.stderr
    assert "Resuming from 0.004 kimg" in again.stdout


def test_dry_run_prints_the_stages_and_touches_nothing(tmp_path):
    result = run("train.py", "--dry_run", *SMALL, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "4→8 px" in result.stdout
    assert "memory per device" in result.stdout
    assert "Disk: " in result.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_preflight_is_said_and_the_run_follows(trained, pictures):
    cwd, _ = trained
    command = [f"--data={pictures}", "--run_dir=runs/tried", *SMALL, "--total_kimg=0.04"]
    result = run("train.py", *command, "--preflight", cwd=cwd)
    assert result.returncode == 0, result.stderr
    assert "Preflight: one iteration of stage 2 (4→8 px) fits" in result.stdout
    assert "--preflight\n" in (cwd / "runs/tried/flags.txt").read_text()


@pytest.mark.slow
def test_every_mistake_is_one_line(trained, pictures, tmp_path_factory):
    """Each in a process of its own, as users meet them; two at a time."""
    cwd, _ = trained
    scratch = tmp_path_factory.mktemp("mistakes")
    (scratch / "empty").mkdir()
    (scratch / "file").write_text("not a folder")
    (scratch / "broken").mkdir()
    (scratch / "broken" / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n cut short")
    (scratch / "other").mkdir()
    (scratch / "other" / "notes.txt").write_text("keep me")
    data = f"--data={pictures}"
    cache = f"--data_cache={cwd}/datasets"
    mistakes = {
        ("train.py", "--no_such_flag=1"): ["no_such_flag"],
        ("train.py", "--total_kimg=soon"): ["total_kimg", "soon"],
        ("train.py", "stray"): ["stray"],
        ("train.py", "--data=/no/such/folder"): ["/no/such/folder"],
        ("train.py", f"--data={scratch}/empty"): ["empty"],
        ("train.py", f"--data={scratch}/broken", "--resolution=8"): ["picture.png"],
        ("train.py", data, "--resolution=48"): ["--resolution", "48"],
        ("train.py", data, cache, *SMALL, "--batch_size=6"): ["--batch_size", "4", "6"],
        ("train.py", data, cache, *SMALL, "--batch_size=4:x"): ["--batch_size", "4:x"],
        ("train.py", data, cache, *SMALL, f"--run_dir={scratch}/file/run"): ["--run_dir"],
        ("train.py", data, cache, *SMALL, f"--run_dir={scratch}/other"): ["--run_dir", "other"],
        ("train.py", data, cache, *SMALL, "--run_dir=runs/a", "--fmap_base=32"): [
            "network.fmap_base",
            "16",
            "32",
        ],
        ("train.py", data, cache, *SMALL, "--conditional"): ["labels"],
        ("train.py", data, cache, *SMALL, "--init_from=nowhere"): ["--init_from", "nowhere"],
        ("train.py", "--data=shapes", *SMALL, "--run_dir=runs/a"): ["--run_dir", "label_size"],
        ("train.py", "--preset=laptop"): ["--data"],
        ("train.py", *SMALL, "--gradient_penalty_weight=inf"): ["gradient_penalty_weight", "inf"],
        ("train.py", *SMALL, "--fmap_decay=1000"): ["fmap_decay", "1000"],
        ("train.py", *SMALL, "--fmap_max=0"): ["fmap_max", "0"],
        ("train.py", *SMALL, "--seed=-1"): ["seed", "-1"],
        ("generate.py", "--run_dir=runs/a", "--seeds=10-5"): ["--seeds", "10-5"],
        ("generate.py", "--run_dir=runs/a", "--labels=1"): ["--labels"],
        ("export.py", "--export_dir=x"): ["--run_dir"],
        ("export.py", "--run_dir=nowhere", "--export_dir=x"): ["--run_dir", "nowhere"],
        ("generate.py", "--run_dir=runs/a", "--grid=8by4"): ["--grid", "8by4"],
        ("generate.py", "--run_dir=runs/a", "--seeds=one"): ["--seeds", "one"],
    }
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        results = pool.map(lambda call: run(*call, cwd=cwd), mistakes)
        for (call, words), result in zip(mistakes.items(), results, strict=True):
            try:
                assert_one_line_error(result, *words)
            except AssertionError as error:
                raise AssertionError(f"{' '.join(call)}: {error}") from error
    assert (scratch / "other" / "notes.txt").read_text() == "keep me"
    assert [path.name for path in (scratch / "other").iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_saves_and_the_same_command_goes_on(trained, pictures, number, status):
    cwd, _ = trained
    name = f"runs/{number.name}"
    long = [*SMALL, "--tick_kimg=0.008", "--total_kimg=100"]
    command = [f"--data={pictures}", f"--run_dir={name}", *long]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    # Shells leave SIGINT ignored in what they start in the background; a terminal's is not.
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "train.py"), *command],
        cwd=cwd,
        env=environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    metrics = cwd / name / "metrics.jsonl"
    until = time.monotonic() + 120
    while not (metrics.exists() and metrics.read_text().count("\n") >= 2):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < until
        time.sleep(0.1)
    process.send_signal(number)
    sent = time.monotonic()
    _, stderr = process.communicate(timeout=60)
    assert time.monotonic() - sent < 30
    assert process.returncode == status, stderr
    assert "Traceback" not in stderr
    assert f"stopped by {number.name}" in stderr.splitlines()[-1]
    shown = int(re.search(r"after (\d+) images", stderr.splitlines()[-1])[1])
    assert max((cwd / name / "checkpoints").iterdir()).name.startswith(f"images-{shown:010d}")
    total = f"--total_kimg={(shown + 8) / 1000}"
    again = run("train.py", *command, total, cwd=cwd)
    assert again.returncode == 0, again.stderr
    rows = [json.loads(line) for line in metrics.read_text().splitlines()]
    assert rows[-1]["images_shown"] >= shown + 8
    assert [row["images_shown"] for row in rows] == sorted({row["images_shown"] for row in rows})


def test_a_run_that_another_process_trains_is_refused_and_left_alone(trained, pictures):
    cwd, _ = trained
    before = {path: path.read_bytes() for path in (cwd / "runs/a").rglob("*") if path.is_file()}
    command = [f"--data={pictures}", "--run_dir=runs/a", *SMALL, "--total_kimg=9"]
    with locked(str(cwd / "runs/a"), "busy"):
        result = run("train.py", *command, cwd=cwd)
    assert_one_line_error(result, "--run_dir", "another process is training runs/a")
    assert before == {path: path.read_bytes() for path in before}


def test_damaged_checkpoint_is_refused_and_kept(trained):
    cwd, _ = trained
    newest = max((cwd / "runs/a/checkpoints").glob("*.npz"))
    whole = newest.read_bytes()
    newest.write_bytes(whole[: len(whole) // 2])
    try:
        result = run("generate.py", "--run_dir=runs/a", cwd=cwd)
        assert_one_line_error(result, newest.name)
        assert newest.read_bytes() == whole[: len(whole) // 2]
    finally:
        newest.write_bytes(whole)
