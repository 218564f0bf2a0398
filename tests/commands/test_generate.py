"""generate.py as a person calls it: runs of a few images, an export and published pickles."""

import json
import re

import numpy as np
import pytest
from PIL import Image

import pgan_tf
from pgan_tf.exporting.saved_model import write_saved_model
from pgan_tf.exporting.writer import ExportOptions
from pgan_tf.generating.interpolation import slerp, truncate
from pgan_tf.runs import trained
from tests.helpers.command_calls import assert_mistake, run_calls
from tests.helpers.golden_cases import GOLDEN
from tests.helpers.small_inception import make_graph
from tests.helpers.small_run import make_small_run
from tests.helpers.source_helpers import save

RUN, EXPORT = "--run_dir=run", "--saved_model=export"
BARE = ("--scale=1", "--nocaptions")
FIRST = "--checkpoint=run/checkpoints/images-0000000008-stage-01-of-03.npz"
FACES = ("--data=faces", "--data_cache=cache")
CALLS = {
    "a": (RUN, "--grid=3x2", "--output=a.png", *BARE),
    "b": (EXPORT, "--grid=3x2", "--output=b.webp", *BARE),
    "c": (RUN, "--grid=3x2", "--output=c.png", "--network=generator", *BARE),
    "d": (FIRST, "--seeds=0", "--output=d.jpeg", "--scale=2"),
    "e": (RUN, "--seeds=5,1-2", "--labels=1", "--output=e"),
    "f": (EXPORT, "--seeds=5,1-2", "--labels=dog", "--output=f"),
    "g": (RUN, "--grid=3x2", "--output=g.png", "--truncation=0", "--labels=0", *BARE),
    "sheet": (RUN, "--grid=4x2", "--output=sheet.png"),
    "h": (EXPORT, "--seeds=0-19", "--output=h", "--truncation=0.7", "--truncation_seed=3"),
    "theano": (f"--official_pkl={GOLDEN}/theano.pkl", "--seeds=3-6", "--output=theano"),
    "latents": (EXPORT, "--latents=two.json", "--output=latents", "--labels=dog"),
    "saved": (RUN, "--seeds=3,5", "--truncation=0.5", "--output=saved", "--save_latents=saved.npy"),
    "again": (RUN, "--latents=saved.npy", "--grid=2x1", "--output=again.png", *BARE),
    "ring": (
        *(RUN, "--video=slerp", "--latents=saved.npy", "--fps=2", "--output=ring.gif"),
        "--save_latents=ring.npy",
    ),
    "among": (RUN, "--video=walk", "--latents=ring.npy", "--seconds=1", "--output=among.webp"),
    "directions": (RUN, "--directions", "--labels=cat", "--output=ways"),
    "of the export": (EXPORT, "--directions", "--grid=3x1", "--seeds=5"),
    "along": (RUN, "--seeds=3,5", "--direction=components:1", "--strength=-3", "--output=along"),
    "again from the mark": (RUN, "--redraw=along/seed-000005.png", "--output=redrawn.webp"),
    "unmarked": (RUN, "--seeds=1", "--nomark", "--output=unmarked.png"),
    "project": (
        *(RUN, "--project=along/seed-000005.png,along/seed-000003.png", "--output=projected"),
        *("--labels=cat", "--video=projection", "--seconds=1", "--fps=2"),
    ),
    "project a folder": (EXPORT, "--project=along", "--output=projected/export"),
    "walk": (RUN, "--video=walk", "--seconds=1", "--grid=2x1", "--output=walk.webp"),
    "training": (RUN, "--video=training", "--seconds=1", "--output=training.gif"),
    "slerp": (EXPORT, "--video=slerp", "--seeds=1,2", "--fps=5"),
    # A picture of the generator's own goes among the training pictures.
    "own": (RUN, "--seeds=7", "--labels=1", "--output=faces/b"),
    "near": (RUN, "--neighbors=3", "--grid=1x2", "--seeds=7", "--labels=1"),
    "near in both": (
        *(EXPORT, "--neighbors=2", "--output=n/b.png", *FACES, "--labels=1", "--seeds=7"),
        *("--inception=graph.pb", *BARE),
    ),
}
MISTAKES = {
    (RUN, EXPORT): ["--run_dir and --saved_model"],
    ("--checkpoint=run/config.json",): ["run/config.json", "checkpoint"],
    ("--run_dir=damaged",): ["images-0000000032-stage-03-of-03.npz", "damaged"],
    (EXPORT, "--network=generator"): ["--network"],
    (RUN, "--output=x.jpg"): ["--output", "folder", "--grid", "x.jpg"],
    (RUN, "--output=x.txt", "--grid=2x2"): ["--output", ".png or", ".jpg or", "x.txt"],
    (RUN, "--video=slerp", "--seeds=4"): ["--seeds", "two"],
    (EXPORT, "--video=training"): ["--video", "--run_dir"],
    (EXPORT, "--neighbors=3"): ["--data", "none"],
    # Flags that would do nothing, and pictures that no memory holds.
    (RUN, "--neighbors=3", "--video=walk"): ["--neighbors", "--video"],
    (RUN, "--fps=20"): ["--fps", "--video"],
    (RUN, "--video=slerp", "--smoothing=2"): ["--smoothing", "--video=walk"],
    (RUN, "--data=faces"): ["--data", "--neighbors"],
    (RUN, "--truncation_seed=3"): ["--truncation_seed", "--truncation"],
    (RUN, "--video=training", "--labels=1"): ["--labels", "--video"],
    (RUN, "--video=walk", "--seeds=1,2"): ["--seeds", "several"],
    (RUN, "--latents=two.json", "--seeds=1"): ["--seeds", "--latents"],
    (RUN, "--latents=two.json", "--output=x.png"): ["--output", "folder", "x.png"],
    (RUN, "--latents=two.json", "--grid=3x1"): ["--latents", "3 pictures", "got 2"],
    (RUN, "--latents=two.json", "--video=walk"): ["--latents", "three"],
    (RUN, "--latents=wide.npy"): ["--latents", "wide.npy", "(count, 6)", "(2, 7)"],
    (RUN, "--direction=6"): ["--direction", "from 0 to 5", "got 6"],
    (RUN, "--strength=1"): ["--strength", "--direction"],
    (RUN, "--directions", "--video=walk"): ["--video", "--directions"],
    (EXPORT, "--direction=components:6"): ["--direction", "from 0 to 5", "6"],
    (RUN, "--network=generator", "--redraw=along/seed-000005.png"): [
        *("--redraw", "got another", "--network=average_generator")
    ],
    (RUN, "--redraw=unmarked.png"): ["--redraw", "unmarked.png", "without a mark"],
    (RUN, "--redraw=again.png", "--grid=2x1"): ["--grid", "--redraw"],
    (RUN, "--project=two.json"): ["two.json"],
    (RUN, "--project=faces", "--seeds=1"): ["--seeds", "--project"],
    (RUN, "--project=faces", "--video=walk"): ["--video", "projection"],
    (RUN, "--video=projection"): ["--video", "--project"],
    (RUN, "--save_latents=x.json"): ["--save_latents", ".npy"],
    (RUN, "--grid=100x100", "--scale=64"): ["--scale", "51,200 x 51,200"],
    (RUN, "--video=walk", "--seconds=36000", "--fps=120", "--scale=64"): ["--seconds", "frames"],
    (RUN, "--neighbors=100", "--grid=100x100", "--scale=9"): ["--scale"],
}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A folder of what was drawn, the calls' results by name, and those of the mistakes."""
    folder = tmp_path_factory.mktemp("generate")
    for name in ("run", "damaged"):
        make_small_run(str(folder / name))
    write_saved_model(trained.from_run(str(folder / "run")), ExportOptions(str(folder / "export")))
    newest = folder / "damaged/checkpoints/images-0000000032-stage-03-of-03.npz"
    newest.write_bytes(newest.read_bytes()[:1000])
    (folder / "empty").mkdir()
    (folder / "two.json").write_text(json.dumps({"latents": np.eye(2, 6).tolist()}))
    np.save(folder / "wide.npy", np.ones((2, 7)))
    (folder / "graph.pb").write_bytes(make_graph())
    for i in range(6):
        save(folder / f"faces/{'ab'[i % 2]}/{i}.png", (8, 8), i)
    # The run says where its pictures are; the export does not.
    flags = [*FACES, "--resolution=8", "--conditional"]
    (folder / "run/flags.txt").write_text("\n".join(flags) + "\n")
    results = run_calls("generate.py", [*CALLS.values(), *MISTAKES], folder)
    for one, (status, out, err) in zip(CALLS.values(), results, strict=False):
        assert (status, err) == (0, ""), (one, err)
        assert "Wrote" in out
    return folder, dict(zip(CALLS, results, strict=False)), results[len(CALLS) :]


def pixels(path):
    return np.asarray(Image.open(path)).astype(int)


def test_pictures_come_from_runs_checkpoints_and_exports(drawn):
    folder, _, _ = drawn
    average = pixels(folder / "a.png")
    assert average.shape == (16, 24, 3)
    # The export holds the average generator, and so do pictures unless asked otherwise.
    assert np.abs(average - pixels(folder / "b.webp")).max() <= 1
    assert np.abs(average - pixels(folder / "c.png")).max() > 10
    assert pixels(folder / "d.jpeg").shape == (8, 8, 3)  # of 4 px, twice
    names = sorted(path.name for path in (folder / "e").iterdir())
    assert names == ["seed-000001.png", "seed-000002.png", "seed-000005.png"]
    for name in names:  # the class 1 is dog
        assert np.abs(pixels(folder / "e" / name) - pixels(folder / "f" / name)).max() <= 1
    # Unless told otherwise, a sheet is large enough to be seen, below the classes of its columns.
    sheet = pixels(folder / "sheet.png")
    assert sheet.shape == (24 + 2 * 256, 4 * 256, 3)
    assert np.abs(sheet[24::32, ::32][:8, :24] - average[:8]).max() <= 1
    cells = pixels(folder / "g.png").reshape(2, 8, 3, 8, 3).swapaxes(1, 2)
    assert np.abs(cells - cells[0, 0]).max() <= 1


def test_python_draws_the_same_pictures_bit_for_bit(drawn):
    folder, _, _ = drawn
    run, export = pgan_tf.load(folder / "run"), pgan_tf.load(folder / "export")
    theano = pgan_tf.load(GOLDEN / "theano.pkl")
    for name, seeds, pictures in (
        ("e", [5, 1, 2], run.generate([5, 1, 2], "dog")),
        ("f", [5, 1, 2], export.generate([5, 1, 2], "dog")),
        ("h", range(20), export.generate(range(20), None, 0.7, 3)),
        ("theano", range(3, 7), theano.generate(range(3, 7))),
    ):
        for seed, picture in zip(seeds, pictures, strict=True):
            np.testing.assert_array_equal(picture, pixels(folder / f"{name}/seed-{seed:06d}.png"))


def test_latents_are_drawn_as_seeds_are_and_saved_as_they_were_drawn(drawn):
    folder, results, _ = drawn
    export, run = pgan_tf.load(folder / "export"), pgan_tf.load(folder / "run")
    for row, picture in enumerate(export.draw(np.eye(2, 6), "dog")):
        np.testing.assert_array_equal(picture, pixels(folder / f"latents/latent-00000{row}.png"))
    saved = np.load(folder / "saved.npy")
    assert (saved.shape, saved.dtype) == ((2, 6), np.float32)
    np.testing.assert_allclose(saved, truncate(run.latents([3, 5]), run.latents([0])[0], 0.5))
    drawn_again = np.split(pixels(folder / "again.png"), 2, axis=1)
    for seed, picture in zip((3, 5), drawn_again, strict=True):
        np.testing.assert_array_equal(picture, pixels(folder / f"saved/seed-00000{seed}.png"))
    ring = np.load(folder / "ring.npy")  # two seconds of two frames
    np.testing.assert_allclose(ring[::2], saved, atol=1e-6)
    np.testing.assert_allclose(ring[1], slerp(*saved, 0.5), atol=1e-6)
    assert "30 frames, 1 s" in results["among"][1]


def test_directions_are_written_and_gone_along_and_again(drawn):
    folder, results, _ = drawn
    run = pgan_tf.load(folder / "run")
    with (
        np.load(folder / "ways/directions.npz") as found,
        np.load(folder / "directions/directions.npz") as exported,
    ):
        assert set(exported) == set(found)
        for kind in found:
            np.testing.assert_allclose(exported[kind], found[kind], atol=1e-5)
        components = found["components"]
    assert {path.name for path in (folder / "ways").iterdir()} >= {
        "closed_form.png",
        "components.png",
    }
    assert "bit-equal to along/seed-000005.png" in results["again from the mark"][1]
    lines = r"0: .*seed-000005.png: [\d.]+ dB, class cat\n.*1: .*seed-000003.png: "
    assert re.search(lines, results["project"][1])
    assert "the way there" in results["project"][1]
    for name in ("projected", "projected/export"):
        assert np.load(folder / name / "latents.npy").shape == (2, 6)
        assert pixels(folder / name / "projection.png").shape[1] == 4 * 256
    assert (folder / "projected/projection.mp4").stat().st_size > 1000
    moved = pgan_tf.move(run.latents([3, 5]), components[1], -3)
    for seed, picture in zip((3, 5), run.draw(moved), strict=True):
        np.testing.assert_array_equal(picture, pixels(folder / f"along/seed-00000{seed}.png"))


def test_videos_come_from_runs_and_exports(drawn):
    folder, results, _ = drawn
    walk = Image.open(folder / "walk.webp")
    assert (walk.n_frames, walk.size) == (30, (512, 256))
    assert "15 frames, 1 s, 2 sheets" in results["training"][1]
    assert Image.open(folder / "training.gif").size == (32 * 32, 16 * 32 + 40)
    assert "10 frames, 2 s, 256 x 256 px" in results["slerp"][1]
    assert (folder / "slerp.mp4").stat().st_size > 1000


def test_neighbors_come_from_runs_and_exports(drawn):
    folder, results, _ = drawn
    sheet = pixels(folder / "neighbors.png")
    # Enlarged 32 times; 42 px of captions below each row, 27 + 21 of a heading above all.
    assert sheet.shape == (48 + 2 * (256 + 42), (4 * 8 + 2) * 32, 3)
    np.testing.assert_array_equal(sheet[48 : 48 + 256, 320:576], sheet[48 : 48 + 256, :256])
    rows = dict(re.findall(r"^  seed (\d+):(.*)$", results["near"][1], re.MULTILINE))
    assert sorted(rows) == ["7", "8"]
    # The picture that is a training picture is found by the name of its file.
    assert re.match(r" \d \(0\) b/seed-000007\.png  ", rows["7"])
    distances = [float(one) for one in re.findall(r"\(([^)]+)\)", rows["7"])]
    assert distances == sorted(distances)
    assert distances[0] == 0 < distances[1]
    # By both measures it is its own nearest.
    sheet = pixels(folder / "n/b.png")
    assert sheet.shape == (8 * 8, 5 * 8 + 2 * 2, 3)
    np.testing.assert_array_equal(sheet[:8, 10:18], sheet[:8, :8])
    np.testing.assert_array_equal(sheet[:8, 28:36], sheet[:8, :8])


def test_every_mistake_is_one_line_and_leaves_nothing(drawn):
    folder, _, mistakes = drawn
    for words, result in zip(MISTAKES.values(), mistakes, strict=True):
        assert_mistake(result, *words)
    written = {"a.png", "b.webp", "c.png", "d.jpeg", "e", "f", "g.png", "h", "walk.webp"}
    written |= {"sheet.png"}
    written |= {"training.gif", "slerp.mp4", "neighbors.png", "n", "theano"}
    written |= {"latents", "saved", "saved.npy", "again.png", "ring.gif", "ring.npy", "among.webp"}
    written |= {"projected", "ways", "directions", "along", "redrawn.webp", "unmarked.png"}
    made = {
        "two.json",
        "wide.npy",
        "run",
        "damaged",
        "export",
        "empty",
        "graph.pb",
        "faces",
        "cache",
    }
    assert {path.name for path in folder.iterdir()} == written | made
