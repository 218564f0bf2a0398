"""What train.py refuses, each in one line that names what is wrong, and that it leaves nothing."""

import os
import re
import shutil

import pytest
import tensorflow as tf

from pgan_tf.planning import dry_run
from pgan_tf.runs.log import METRICS
from pgan_tf.training import loop as training_loop
from tests.helpers.command_calls import assert_mistake, call
from tests.helpers.source_helpers import save
from tfrecords.cache import prepare
from tfrecords.common.files import locked
from tfrecords.pictures.source import PictureOptions

SMALL = (
    *("--fmap_base=16", "--fmap_max=4", "--latent_size=4", "--batch_size=4", "--total_kimg=0.004"),
    *("--stabilize_kimg=1", "--strategy=one_device", "--minibatch_repeats=1", "--nopreflight"),
)


@pytest.fixture(scope="module")
def train(tmp_path_factory):
    """Calls train.py in a folder of pictures and a run on them; steps learn nothing."""
    cwd = tmp_path_factory.mktemp("cwd")
    for number in range(4):
        save(cwd / f"photos/{number}.png", (8, 8), number)
        save(cwd / f"others/photos/{number}.png", (8, 8), 50 + number)
    shutil.copytree(cwd / "photos", cwd / "moved/renamed")
    for path in (cwd / "moved/renamed").iterdir():
        os.utime(path, (1, 1))
    info = prepare(str(cwd / "photos"), str(cwd / "datasets"), PictureOptions(8))
    (cwd / "largest").mkdir()
    for path in info.files[8]:
        shutil.copy(path, cwd / "largest")
    (cwd / "lost/checkpoints").mkdir(parents=True)
    (cwd / "lost/checkpoints/images-0000000004-stage-01-of-01.npz").touch()
    (cwd / "broken").mkdir()
    (cwd / "broken/picture.png").write_bytes(b"\x89PNG\r\n\x1a\n cut short")
    (cwd / "broken.pkl").write_bytes(b"cos\nsystem\n(S'touch ran'\ntR.")

    def train(flags, resolution="--resolution=8"):
        return call("train.py", *SMALL, *resolution.split(), *flags.split(), cwd=cwd)

    def make_idle_step(state, config, *_):
        return lambda *_: tf.zeros((config.minibatch_repeats, len(METRICS)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training_loop, "make_train_step", make_idle_step)
        patch.setattr(dry_run, "matrix_product_gflops", lambda *_: 100.0)
        assert train("--data=photos --run_dir=runs/a")[0] == 0
        train.cwd = cwd
        yield train


def left_in(cwd):
    """The files in a folder, but for the cache of pictures."""
    files = {str(path.relative_to(cwd)): path.stat().st_size for path in cwd.rglob("*")}
    return {name: size for name, size in files.items() if not name.startswith("datasets/")}


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ("--preset=laptop", ["--data"]),
        ("--every=5 --data=photos", ["--every", "--eval_metrics"]),
        ("--conditional --labels=none --data=photos", ["--conditional", "--labels=none"]),
        (
            "--freeze_discriminator=1 --data=photos",
            ["--freeze_discriminator: expected --init_from with it"],
        ),
        ("--latent_size=1048576 --fmap_max=65536 --fmap_base=1000000", ["--latent_size"]),
        ("--data=broken", ["picture.png"]),
        ("--data=shapes --init_from=broken.pkl", ["broken.pkl", "refused"]),
        # Data that are not the run's, and how to go on.
        (
            "--data=others/photos --run_dir=runs/a",
            ["photos, 4 pictures (SHA-256 ", "--data=", "--run_dir=ANOTHER --init_from=runs/a"],
        ),
        ("--data=largest --run_dir=new", ["give --initial_resolution=8"]),
        ("--data=photos --run_dir=lost", ["expected config.json with the checkpoints"]),
        ("--data=photos --run_dir=runs/a --fmap_base=32", ["network.fmap_base", "16", "32"]),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing_also_in_a_dry_run(train, flags, words):
    before = left_in(train.cwd)
    data = "" if "--data" in flags or "preset" in flags else " --data=photos"
    result = train(flags + data)
    assert_mistake(result, *words)
    status, _, err = train(f"{flags}{data} --dry_run")
    needs_data = flags != "--preset=laptop"  # which a plan does not
    assert (status, err) == ((2, result[2]) if needs_data else (0, ""))
    assert left_in(train.cwd) == before


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--resolution=8 --run_dir=photos", "--run_dir: expected a new folder"),
        ("--eval_metrics=fid --inception=photos/0.png", "--inception: .* got photos/0.png"),
        ("--init_from=photos", "--init_from: expected a run folder with checkpoints"),
        ("--init_from=runs/a --tanh", "--init_from: expected networks with tanh=True"),
        (
            "--init_from=runs/a --freeze_discriminator=2",
            "freeze_discriminator: expected at most 0, the blocks above 4 px that a run from 4 px",
        ),
        ("--eval_metrics=swd", "swd: expected pictures of at least 16 px"),
        ("--eval_metrics=memorization", "memorization: expected pictures "),
        ("--eval_metrics=ms_ssim --num_images=5", "--num_images: expected 2 to 4, the pictures of"),
        ("--held_out=0.5", r"--held_out: expected 8 pictures or more, got 2 \(0.5 of 4\)"),
        ("--run_dir=runs/a --seed=5", r"--run_dir: .* \(seed was 1000 and is 5\)"),
    ],
)
def test_no_picture_is_converted_where_a_look_at_them_tells_enough(train, flags, message):
    before = left_in(train.cwd)
    given = f"--data=others/photos --data_cache=unused {flags}"
    result = train(given, resolution="")
    assert_mistake(result)
    assert re.search(f"error: {message}", result[2])
    status, _, err = train(f"{given} --dry_run", resolution="")
    assert (status, err) == (2, result[2])
    assert left_in(train.cwd) == before


def test_copied_pictures_resume_the_same_run(train):
    status, out, _ = train("--data=moved/renamed --run_dir=runs/a --total_kimg=0.008")
    assert status == 0
    assert "from 0.004 kimg" in out
    assert f"--data={train.cwd}/moved/renamed\n" in (train.cwd / "runs/a/flags.txt").read_text()


def test_the_advice_works(train):
    assert train("--data=others/photos --run_dir=runs/b --init_from=runs/a")[0] == 0
    assert train("--data=largest --run_dir=runs/c --initial_resolution=8")[0] == 0


def test_a_dry_run_looks_at_pictures_and_writes_nothing(train):
    before = left_in(train.cwd)
    for resolution in ("", "--resolution=8"):
        flags = "--data=others/photos --data_cache=unused --dry_run"
        status, out, err = train(flags, resolution)
        assert status == 0, err
        assert "Data: others/photos, a folder: 4 pictures, the smallest with 8 px\n" in out
        assert re.search("Conversion: once, .* to 8 px in unused, about .* are free", out)
        assert "No labels" in out
        assert "Training 0.004 thousand images takes" in out
        assert "Disk: " in out
    assert left_in(train.cwd) == before


def test_a_dry_run_knows_what_was_converted_and_the_data_of_a_run(train):
    status, out, err = train("--data=photos --run_dir=runs/a --total_kimg=0.008 --dry_run")
    assert (status, err) == (0, "")
    assert "Conversion: was done before, in datasets/photos-8px-" in out
    # The mistakes above have converted these: here they are not.
    elsewhere = "--data=others/photos --data_cache=unused --run_dir=runs/a --dry_run"
    status, out, _ = train(elsewhere)
    assert status == 0
    assert "runs/a holds a run: whether these are its pictures shows when they are conv" in out


def test_a_dry_run_needs_no_data(train):
    status, out, _ = train("--preset=laptop --dry_run")
    assert status == 0
    assert "Data:" not in out
    assert "Training 60 thousand images takes" in out


def test_a_dry_run_says_that_a_run_is_in_use_and_what_would_be_downloaded(train):
    given = "--data=photos --run_dir=runs/a --eval_metrics=fid --dry_run"
    with locked(str(train.cwd / "runs/a"), "busy"):
        status, out, err = train(given)
    assert (status, err) == (0, "")
    assert "another process is training runs/a" in out
    assert "Inception: the run first downloads it to datasets, 96 MB" in out
    assert "another process" not in train(given)[1]
