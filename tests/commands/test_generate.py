"""generate.py as a person calls it: runs of a few images, an export and published pickles."""

import re

import numpy as np
import pytest
from PIL import Image

import pgan_tf
from pgan_tf.exporting.saved_model import write_saved_model
from pgan_tf.exporting.writer import ExportOptions
from pgan_tf.networks import official, sampling
from pgan_tf.runs import trained
from tests.helpers.command_calls import assert_mistake, run_calls
from tests.helpers.golden_cases import GOLDEN
from tests.helpers.small_inception import make_graph
from tests.helpers.small_run import make_small_run

RUN, EXPORT = "--run_dir=run", "--saved_model=export"
FIRST = "--checkpoint=run/checkpoints/images-0000000008-stage-01-of-03.npz"
FACES = ("--data=faces", "--data_cache=cache")
CALLS = {
    "a": (RUN, "--grid=3x2", "--output=a.png"),
    "b": (EXPORT, "--grid=3x2", "--output=b.png"),
    "c": (RUN, "--grid=3x2", "--output=c.png", "--network=generator"),
    "d": (FIRST, "--grid=3x2", "--output=d.png", "--scale=2"),
    "j": (RUN, "--grid=3x2", "--output=j.JPG"),
    "k": (RUN, "--grid=3x2", "--output=k.webp"),
    "l": (RUN, "--seeds=0", "--output=l.jpeg"),
    "e": (RUN, "--seeds=5,1-2", "--labels=1", "--output=e"),
    "m": (RUN, "--seeds=5,1-2", "--labels=dog", "--output=m"),
    "n": (EXPORT, "--seeds=5,1-2", "--labels=dog", "--output=n"),
    "f": (RUN, "--grid=3x2", "--output=f.png", "--truncation=0", "--labels=0"),
    "o": (EXPORT, "--seeds=0-19", "--output=o", "--truncation=0.7", "--truncation_seed=3"),
    "g": (RUN, "--video=walk", "--seconds=1", "--grid=2x1", "--output=g.webp"),
    "i": (RUN, "--video=training", "--seconds=1", "--output=i.gif"),
    "h": (EXPORT, "--video=slerp", "--seeds=1,2", "--fps=5"),
    # A picture of the generator's own goes among the training pictures.
    "own": (RUN, "--seeds=7", "--labels=1", "--output=faces/b"),
    "near": (RUN, "--neighbours=3", "--grid=1x2", "--seeds=7", "--labels=1"),
    "near in both": (
        *(EXPORT, "--neighbours=2", "--output=n/b.png", *FACES, "--labels=1", "--seeds=7"),
        "--inception=graph.pb",
    ),
    "near at 4 px": (FIRST, "--neighbours=1", "--output=n/c.png", "--grid=2x1", "--scale=2"),
}
PUBLISHED = {
    "separate_scale": ((), "average_generator"),
    "conditional": (("--labels=0,1,2,3", "--network=generator"), "generator"),
    "theano": ((), "average_generator"),  # in the middle of a fade
}
MISTAKES = {
    (): ["--run_dir", "none"],
    (RUN, EXPORT): ["--run_dir and --saved_model"],
    ("--checkpoint=run/config.json",): ["run/config.json", "checkpoint"],
    ("--checkpoint=no.npz",): ["no.npz"],
    ("--run_dir=damaged",): ["images-0000000032-stage-03-of-03.npz", "damaged"],
    ("--saved_model=empty",): ["--saved_model", "empty"],
    (EXPORT, "--network=generator"): ["--network"],
    (RUN, "--seeds=10-5"): ["--seeds", "10-5"],
    (RUN, "--seeds=one"): ["--seeds", "one"],
    (RUN, "--grid=8by4"): ["--grid", "8by4"],
    (RUN, "--labels=2"): ["--labels", "0 to 1"],
    (RUN, "--output=x.jpg"): ["--output", "folder", "--grid", "x.jpg"],
    (RUN, "--output=x.txt", "--seeds=1"): ["--output", "x.txt"],
    (RUN, "--output=x.txt", "--grid=2x2"): ["--output", ".png or", ".jpg or", "x.txt"],
    (RUN, "--output=sheet", "--grid=2x2"): ["--output", ".webp", "sheet"],
    (RUN, "--output=x.gif", "--neighbours=1"): ["--output", ".webp", "x.gif"],
    (RUN, "--truncation=1.5"): ["--truncation", "1.5"],
    (RUN, "--video=walk", "--output=walk.avi"): ["--output", ".mp4", "walk.avi"],
    (RUN, "--video=walk", "--output=x.gif", "--fps=60"): ["--fps", "50"],
    (RUN, "--video=slerp", "--seeds=4"): ["--seeds", "two"],
    (RUN, "--video=jump"): ["--video", "jump"],
    (EXPORT, "--video=training"): ["--video", "--run_dir"],
    ("--run_dir=empty", "--video=training"): ["--run_dir", "samples"],
    (RUN, "--grid=2x2", "--seeds=2147483647"): ["--seeds"],
    (EXPORT, "--neighbours=3"): ["--data", "none"],
    (RUN, "--neighbours=3", "--data=nowhere"): ["nowhere"],
    (RUN, "--neighbours=3", "--video=walk"): ["--neighbours", "--video"],
    (RUN, "--neighbours=0"): ["--neighbours"],
    # Flags that would do nothing, and pictures that no memory holds.
    (RUN, "--fps=20"): ["--fps", "--video"],
    (RUN, "--video=slerp", "--smoothing=2"): ["--smoothing", "--video=walk"],
    (RUN, "--data=faces"): ["--data", "--neighbours"],
    (RUN, "--truncation_seed=3"): ["--truncation_seed", "--truncation"],
    (RUN, "--video=training", "--labels=1"): ["--labels", "--video"],
    (RUN, "--video=walk", "--seeds=1,2"): ["--seeds", "several"],
    (RUN, "--grid=2x2", "--seeds=1,2,3"): ["--seeds", "3"],
    (RUN, "--grid=100x100", "--scale=64"): ["--scale", "51,200 x 51,200"],
    (RUN, "--grid=100x100", "--scale=64", "--video=walk"): ["--scale", "51,200 x 51,200"],
    (RUN, "--grid=4000x1", "--scale=1", "--video=walk"): ["--scale", "px a side of a video"],
    (RUN, "--video=walk", "--seconds=36000", "--fps=120", "--scale=64"): ["--seconds", "frames"],
    (RUN, "--neighbours=100", "--grid=100x100", "--scale=9"): ["--scale"],
    (RUN, "--grid=300x300", "--video=walk", "--smoothing=0.05", "--seconds=9000"): ["--grid"],
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
    (folder / "graph.pb").write_bytes(make_graph())
    random = np.random.default_rng(5)
    for i in range(6):
        path = folder / f"faces/{'ab'[i % 2]}/{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (8, 8, 3), np.uint8)).save(path)
    # The run says where its pictures are; the export does not.
    flags = [*FACES, "--resolution=8", "--conditional"]
    (folder / "run/flags.txt").write_text("\n".join(flags) + "\n")
    published = {
        name: (f"--official_pkl={GOLDEN}/{name}.pkl", "--seeds=3-6", f"--output={name}", *flags)
        for name, (flags, _) in PUBLISHED.items()
    }
    calls = CALLS | published
    results = run_calls("generate.py", [*calls.values(), *MISTAKES], folder)
    for one, (status, out, err) in zip(calls.values(), results, strict=False):
        assert (status, err) == (0, ""), (one, err)
        assert "Wrote" in out
    return folder, dict(zip(calls, results, strict=False)), results[len(calls) :]


def pixels(path):
    return np.asarray(Image.open(path)).astype(int)


def test_pictures_come_from_runs_checkpoints_and_exports(drawn):
    folder, _, _ = drawn
    average = pixels(folder / "a.png")
    assert average.shape == (16, 24, 3)
    # The export holds the average generator, and so do pictures unless asked otherwise.
    assert np.abs(average - pixels(folder / "b.png")).max() <= 1
    assert np.abs(average - pixels(folder / "c.png")).max() > 10
    assert pixels(folder / "d.png").shape == (16, 24, 3)  # of 4 px, twice
    names = sorted(path.name for path in (folder / "e").iterdir())
    assert names == ["seed-000001.png", "seed-000002.png", "seed-000005.png"]
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


def test_python_draws_the_same_pictures_bit_for_bit(drawn):
    folder, _, _ = drawn
    from_python = {
        "e": pgan_tf.load(folder / "run").generate([5, 1, 2], "dog"),
        "n": pgan_tf.load(folder / "export").generate([5, 1, 2], "dog"),
        "o": pgan_tf.load(folder / "export").generate(range(20), None, 0.7, 3),
        "theano": pgan_tf.load(GOLDEN / "theano.pkl").generate(range(3, 7)),
    }
    seeds = {"e": [5, 1, 2], "n": [5, 1, 2], "o": range(20), "theano": range(3, 7)}
    for name, pictures in from_python.items():
        for seed, picture in zip(seeds[name], pictures, strict=True):
            np.testing.assert_array_equal(picture, pixels(folder / f"{name}/seed-{seed:06d}.png"))


def test_videos_come_from_runs_and_exports(drawn):
    folder, results, _ = drawn
    walk = Image.open(folder / "g.webp")
    assert (walk.n_frames, walk.size) == (30, (512, 256))
    assert "30 frames, 1 s, 2 sheets" in results["i"][1]
    assert Image.open(folder / "i.gif").size == (32 * 32, 16 * 32 + 40)
    assert "10 frames, 2 s, 256 x 256 px" in results["h"][1]
    assert (folder / "slerp.mp4").stat().st_size > 1000


def test_neighbors_come_from_runs_checkpoints_and_exports(drawn):
    folder, results, _ = drawn
    sheet = pixels(folder / "neighbours.png")
    assert sheet.shape == (2 * 8, 4 * 8 + 2, 3)
    np.testing.assert_array_equal(sheet[:8, 10:18], sheet[:8, :8])
    rows = dict(re.findall(r"^  seed (\d+):(.*)$", results["near"][1], re.MULTILINE))
    assert sorted(rows) == ["7", "8"]
    distances = [float(one) for one in re.findall(r"\(([^)]+)\)", rows["7"])]
    assert distances == sorted(distances)
    assert distances[0] == 0 < distances[1]
    # By both measures it is its own nearest.
    sheet = pixels(folder / "n/b.png")
    assert sheet.shape == (8 * 8, 5 * 8 + 2 * 2, 3)
    np.testing.assert_array_equal(sheet[:8, 10:18], sheet[:8, :8])
    np.testing.assert_array_equal(sheet[:8, 28:36], sheet[:8, :8])
    assert "Inception" in results["near in both"][1]
    # Of 4 px, as the checkpoint's pictures are.
    assert pixels(folder / "n/c.png").shape == (4 * 2, (4 * 4 + 2 * 2 + 4) * 2, 3)


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_network_draws_at_its_level_of_detail(drawn, name):
    network = getattr(official.read(f"{GOLDEN}/{name}.pkl"), PUBLISHED[name][1])
    latents = sampling.latents_from_seeds(range(3, 7), network.config.latent_size)
    labels = sampling.one_hot_labels(range(4), network.config.label_size)
    images = official.build(network)([latents, labels]).numpy()
    assert images.std() > 0.05
    for seed, image in zip(range(3, 7), images, strict=True):
        found = pixels(drawn[0] / f"{name}/seed-{seed:06d}.png").reshape(image.shape)
        # As far as float32 goes: folding changes the sixth digit, and what lies at one half.
        assert np.abs(found - np.clip((image + 1) * 127.5, 0, 255)).max() < 0.501


def test_every_mistake_is_one_line_and_leaves_nothing(drawn):
    folder, _, mistakes = drawn
    for words, result in zip(MISTAKES.values(), mistakes, strict=True):
        assert_mistake(result, *words)
    written = {"a.png", "b.png", "c.png", "d.png", "e", "f.png", "g.webp", "i.gif", "j.JPG"}
    written |= {"k.webp", "l.jpeg", "m", "n", "o", "neighbours.png", "slerp.mp4", *PUBLISHED}
    made = {"run", "damaged", "export", "empty", "graph.pb", "faces", "cache"}
    assert {path.name for path in folder.iterdir()} == written | made
