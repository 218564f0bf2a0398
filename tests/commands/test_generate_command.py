"""generate.py as a person calls it, on a run of a few images."""

import re

import numpy as np
import pytest
from PIL import Image

from pgan_tf.exporting.saved_model import write_saved_model
from pgan_tf.exporting.writer import ExportOptions
from pgan_tf.runs import trained
from tests.helpers.command_calls import run_calls
from tests.helpers.small_inception import make_graph
from tests.helpers.small_run import make_small_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a run of two checkpoints, 4 and 8 px, and an export of the last one."""
    folder = tmp_path_factory.mktemp("generate")
    run_dir = str(folder / "run")
    make_small_run(run_dir)
    write_saved_model(trained.from_run(run_dir), ExportOptions(str(folder / "export")))
    return folder


def pixels(path):
    return np.asarray(Image.open(path)).astype(int)


def test_pictures_and_videos_from_runs_checkpoints_and_exports(folder):
    first = sorted((folder / "run/checkpoints").iterdir())[0]
    calls = {
        "a": ("--run_dir=run", "--grid=3x2", "--output=a.png"),
        "b": ("--saved_model=export", "--grid=3x2", "--output=b.png"),
        "c": ("--run_dir=run", "--grid=3x2", "--output=c.png", "--network=generator"),
        "d": (f"--checkpoint={first}", "--grid=3x2", "--output=d.png", "--scale=2"),
        "j": ("--run_dir=run", "--grid=3x2", "--output=j.JPG"),
        "k": ("--run_dir=run", "--grid=3x2", "--output=k.webp"),
        "l": ("--run_dir=run", "--seeds=0", "--output=l.jpeg"),
        "e": ("--run_dir=run", "--seeds=5,1-2", "--labels=1", "--output=e"),
        "m": ("--run_dir=run", "--seeds=5,1-2", "--labels=dog", "--output=m"),
        "n": ("--saved_model=export", "--seeds=5,1-2", "--labels=dog", "--output=n"),
        "f": ("--run_dir=run", "--grid=3x2", "--output=f.png", "--truncation=0", "--labels=0"),
        "g": ("--run_dir=run", "--video=walk", "--seconds=1", "--grid=2x1", "--output=g.webp"),
        "i": ("--run_dir=run", "--video=training", "--seconds=1", "--output=i.gif"),
        "h": ("--saved_model=export", "--video=slerp", "--seeds=1,2", "--fps=5"),
    }
    results = run_calls("generate.py", calls.values(), folder)
    for call, (status, out, err) in zip(calls.values(), results, strict=True):
        assert (status, err) == (0, ""), (call, err)
        assert "Wrote" in out
    average = pixels(folder / "a.png")
    assert average.shape == (16, 24, 3)
    # The export holds the average generator, and so do pictures unless asked otherwise.
    assert np.abs(average - pixels(folder / "b.png")).max() <= 1
    assert np.abs(average - pixels(folder / "c.png")).max() > 10
    assert pixels(folder / "d.png").shape == (16, 24, 3)  # of 4 px, twice
    assert len(list((folder / "e").iterdir())) == 3
    formats = {name: Image.open(folder / name).format for name in ("j.JPG", "k.webp", "l.jpeg")}
    assert formats == {"j.JPG": "JPEG", "k.webp": "WEBP", "l.jpeg": "JPEG"}
    assert (pixels(folder / "k.webp") == average).all()
    assert np.abs(pixels(folder / "j.JPG") - average).mean() < 8
    assert np.abs(pixels(folder / "l.jpeg") - average[:8, :8]).mean() < 8
    for path in (folder / "e").iterdir():  # the class 1 is dog
        for other in ("m", "n"):
            assert np.abs(pixels(path) - pixels(folder / other / path.name)).max() <= 1
    cells = pixels(folder / "f.png").reshape(2, 8, 3, 8, 3).swapaxes(1, 2)
    assert np.abs(cells - cells[0, 0]).max() <= 1
    walk = Image.open(folder / "g.webp")
    assert (walk.n_frames, walk.size) == (30, (512, 256))
    assert "30 frames, 1 s, 2 sheets" in results[-2][1]
    assert Image.open(folder / "i.gif").size == (32 * 32, 16 * 32 + 40)
    assert "10 frames, 2 s, 256 x 256 px" in results[-1][1]
    assert (folder / "slerp.mp4").stat().st_size > 1000


def test_neighbours_from_runs_checkpoints_and_exports(folder):
    first = sorted((folder / "run/checkpoints").iterdir())[0]
    (folder / "graph.pb").write_bytes(make_graph())
    random = np.random.default_rng(5)
    for i in range(6):
        path = folder / f"faces/{'ab'[i % 2]}/{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (8, 8, 3), np.uint8)).save(path)
    # The run of the one command says where the pictures are; the export's does not.
    run_flags = folder / "run/flags.txt"
    before = run_flags.read_text()
    data = ("--data=faces", "--data_cache=cache")
    run_flags.write_text("\n".join([before, *data, "--resolution=8", "--conditional\n"]))
    calls = [
        # A picture of the generator's own goes among the training pictures.
        ("--run_dir=run", "--seeds=7", "--labels=1", "--output=faces/b"),
        ("--run_dir=run", "--neighbours=3", "--grid=1x2", "--seeds=7", "--labels=1"),
        (
            *("--saved_model=export", "--neighbours=2", "--output=n/b.png", *data, "--labels=1"),
            *("--inception=graph.pb", "--seeds=7"),
        ),
        (f"--checkpoint={first}", "--neighbours=1", "--output=n/c.png", "--grid=2x1", "--scale=2"),
    ]
    try:
        results = run_calls("generate.py", calls, folder)
    finally:
        run_flags.write_text(before)
    for call, (status, out, err) in zip(calls, results, strict=True):
        assert (status, err) == (0, ""), (call, err)
        assert "Wrote" in out
    sheet = pixels(folder / "neighbours.png")
    assert sheet.shape == (2 * 8, 4 * 8 + 2, 3)
    np.testing.assert_array_equal(sheet[:8, 10:18], sheet[:8, :8])
    rows = dict(re.findall(r"^  seed (\d+):(.*)$", results[1][1], re.MULTILINE))
    assert sorted(rows) == ["7", "8"]
    distances = [float(one) for one in re.findall(r"\(([^)]+)\)", rows["7"])]
    assert distances == sorted(distances)
    assert distances[0] == 0 < distances[1]
    # By both measures it is its own nearest.
    sheet = pixels(folder / "n/b.png")
    assert sheet.shape == (8 * 8, 5 * 8 + 2 * 2, 3)
    np.testing.assert_array_equal(sheet[:8, 10:18], sheet[:8, :8])
    np.testing.assert_array_equal(sheet[:8, 28:36], sheet[:8, :8])
    assert "Inception" in results[2][1]
    # Of 4 px, as the checkpoint's pictures are.
    assert pixels(folder / "n/c.png").shape == (4 * 2, (4 * 4 + 2 * 2 + 4) * 2, 3)


def test_every_mistake_is_one_line_and_leaves_nothing(folder):
    (folder / "empty").mkdir()
    run = "--run_dir=run"
    mistakes = {
        (): ["--run_dir", "none"],
        (run, "--saved_model=export"): ["--run_dir and --saved_model"],
        ("--checkpoint=run/config.json",): ["run/config.json", "checkpoint"],
        ("--checkpoint=no.npz",): ["no.npz"],
        ("--saved_model=empty",): ["--saved_model", "empty"],
        ("--saved_model=export", "--network=generator"): ["--network"],
        (run, "--labels=2"): ["--labels", "0 to 1"],
        (run, "--output=x.jpg"): ["--output", "folder", "--grid", "x.jpg"],
        (run, "--output=x.txt", "--seeds=1"): ["--output", "x.txt"],
        (run, "--output=x.txt", "--grid=2x2"): ["--output", ".png or", ".jpg or", "x.txt"],
        (run, "--output=sheet", "--grid=2x2"): ["--output", ".webp", "sheet"],
        (run, "--output=x.gif", "--neighbours=1"): ["--output", ".webp", "x.gif"],
        (run, "--truncation=1.5"): ["--truncation", "1.5"],
        (run, "--video=walk", "--output=walk.avi"): ["--output", ".mp4", "walk.avi"],
        (run, "--video=walk", "--output=x.gif", "--fps=60"): ["--fps", "50"],
        (run, "--video=slerp", "--seeds=4"): ["--seeds", "two"],
        (run, "--video=jump"): ["--video", "jump"],
        ("--saved_model=export", "--video=training"): ["--video", "--run_dir"],
        ("--run_dir=empty", "--video=training"): ["--run_dir", "samples"],
        (run, "--grid=2x2", "--seeds=2147483647"): ["--seeds"],
        ("--saved_model=export", "--neighbours=3"): ["--data", "none"],
        (run, "--neighbours=3", "--data=nowhere"): ["nowhere"],
        (run, "--neighbours=3", "--video=walk"): ["--neighbours", "--video"],
        (run, "--neighbours=0"): ["--neighbours"],
        # Flags that would do nothing, and pictures that no memory holds.
        (run, "--fps=20"): ["--fps", "--video"],
        (run, "--video=slerp", "--smoothing=2"): ["--smoothing", "--video=walk"],
        (run, "--data=faces"): ["--data", "--neighbours"],
        (run, "--truncation_seed=3"): ["--truncation_seed", "--truncation"],
        (run, "--video=training", "--labels=1"): ["--labels", "--video"],
        (run, "--video=walk", "--seeds=1,2"): ["--seeds", "several"],
        (run, "--grid=2x2", "--seeds=1,2,3"): ["--seeds", "3"],
        (run, "--grid=100x100", "--scale=64"): ["--scale", "51,200 x 51,200"],
        (run, "--grid=100x100", "--scale=64", "--video=walk"): ["--scale", "51,200 x 51,200"],
        (run, "--grid=4000x1", "--scale=1", "--video=walk"): ["--scale", "px a side of a video"],
        (run, "--video=walk", "--seconds=36000", "--fps=120", "--scale=64"): [
            "--seconds",
            "frames",
        ],
        (run, "--neighbours=100", "--grid=100x100", "--scale=9"): ["--scale"],
        (run, "--grid=300x300", "--video=walk", "--smoothing=0.05", "--seconds=9000"): ["--grid"],
    }
    before = sorted(folder.iterdir())
    results = run_calls("generate.py", mistakes, folder)
    for (call, words), (status, _, err) in zip(mistakes.items(), results, strict=True):
        assert status == 2, (call, err)
        assert len(err.strip().splitlines()) == 1, (call, err)
        for word in words:
            assert word in err, (call, err)
    assert sorted(folder.iterdir()) == before
