"""The web page: built from its sources, small; a browser draws what Python draws.

Its arithmetic is tested in demo/tests.
"""

import hashlib
import json
import pathlib
import re
import subprocess

import imageio_ffmpeg
import numpy as np
import pytest

from pgan_tf.commands.redraw import redrawn
from pgan_tf.exporting.gallery import PAGE
from pgan_tf.exporting.picture_mark import SOURCE_TYPE
from pgan_tf.generating.directions import move
from pgan_tf.generating.interpolation import slerp
from pgan_tf.generating.marks import read_mark
from pgan_tf.generating.sampler import make_sampler
from pgan_tf.networks import sampling
from pgan_tf.networks.directions import closed_form
from tests.helpers import demo
from tests.helpers.demo import CANVAS, CLASSES, wait_for_seed
from tests.helpers.exports import make_inputs
from tests.helpers.places import ROOT

DEMO = ROOT / "demo"


def digests(paths, folder):
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in paths}


def test_the_page_was_built_from_the_sources_as_they_are():
    """If this fails: `cd demo && npm ci && npm run build`, and commit what it writes."""
    built = json.loads((PAGE / "built.json").read_text())
    names = ["index.html", "package.json", "package-lock.json", "vite.config.js"]
    sources = [*(DEMO / name for name in names), *(DEMO / "src").rglob("*")]
    assert built["sources"] == digests(sources, DEMO)
    files = [path for path in PAGE.rglob("*") if path.is_file() and path.name != "built.json"]
    assert built["page"] == digests(files, PAGE)
    assert sum(path.stat().st_size for path in files) < 3e6
    assert len([path for path in files if path.suffix == ".wasm"]) == 1
    # From the published package and its backends, of one version.
    packages = json.loads((DEMO / "package.json").read_text())["dependencies"]
    backends = {f"@tensorflow/tfjs-backend-{name}" for name in ("wasm", "webgl", "webgpu")}
    assert set(packages) == {"@tensorflow/tfjs"} | backends
    assert len(set(packages.values())) == 1


@pytest.mark.browser
def test_the_browser_draws_pythons_pictures_of_pythons_latents(site, page):
    address, generators, _ = site
    loaded = set()
    page.on("request", lambda request: loaded.add(request.url.partition("#")[0]))
    page.goto(f"{address}#backend=wasm&seed=2&view=picture&scaling=pixelated")
    page.wait_for_selector(f"body[data-ready={CLASSES}]")  # the first
    # No other backend, and no part of the package that draws nothing.
    files = [PAGE / (url.removeprefix(address) or "index.html") for url in loaded]
    size = sum(file.stat().st_size for file in files if file.is_file())
    print(f"for WebAssembly: {size / 1e6:.2f} MB")
    assert PAGE / "index.html" in files and size < 1e6
    assert page.locator("#gallery button").all_inner_texts() == list(generators)
    assert page.locator("#gallery img").first.evaluate("image => image.naturalWidth") == 16
    for name, trained in generators.items():
        if name != CLASSES:
            demo.choose(page, name)
        assert page.input_value("#backend") == "wasm"
        latents, labels = make_inputs(trained, 2)
        expected = np.clip(trained.generator([latents, labels]).numpy(), -1, 1)
        for z, y, picture in zip(latents.tolist(), labels.tolist(), expected, strict=True):
            drawn = page.evaluate("([z, y]) => pgan.draw(z, y).then(x => [...x])", [z, y])
            bound = 4e-3 if name == "half" else 1e-5
            np.testing.assert_allclose(drawn, picture.ravel(), rtol=0, atol=bound)
        if name != "half":
            wait_for_seed(page, trained, 2)
        if name == "sticker":  # saved as it is, transparent
            saved = demo.download(page, lambda: page.click("#download"))[1]
            drawn = demo.read_picture(saved, "RGBa")
            assert drawn[..., 3].min() < 128
            assert np.abs(drawn - demo.python_picture(trained, 2)).max() <= 1
        for seed in (0, 1000, 2**31 - 1):
            got = page.evaluate("seed => [...pgan.latents(seed)]", seed)
            np.testing.assert_allclose(got, demo.inputs_of(trained, seed)[0][0], rtol=0, atol=2e-6)


@pytest.mark.browser
def test_it_opens_on_a_grid_around_a_walk_and_walks_and_ways_can_be_taken(site, page):
    trained = site[1][CLASSES]
    page.goto(site[0])
    page.wait_for_selector("body[data-ready]")
    tile = "document.querySelectorAll('#grid canvas')[{}].toDataURL()"
    for i in (0, 31):
        wait_for_seed(page, trained, i, expression=tile.format(i))
    before = page.evaluate(CANVAS)
    page.wait_for_function(f"{CANVAS} !== {json.dumps(before)}")
    assert page.inner_text("#play") == "Pause"
    assert page.evaluate("document.querySelector('#canvas').width") == 512  # smooth
    assert page.locator("#grid .near").count() == 1

    # Whoever asks for less motion starts it, and the walk begins at its seed.
    page.emulate_media(reduced_motion="reduce")
    page.goto("about:blank")
    demo.visit(page, site[0], "view=grid&seed=5", CLASSES)
    wait_for_seed(page, trained, 5)
    wait_for_seed(page, trained, 5 + 31, expression=tile.format(31))  # the last
    _, contents = demo.download(page, lambda: page.keyboard.press("d"))
    grid = demo.read_picture(contents)
    assert grid.shape == (96, 96, 3)
    assert np.abs(grid[:16, :16] - demo.python_picture(trained, 5 + 12)).max() <= 1
    middle = demo.python_picture(trained, 5).repeat(2, axis=0).repeat(2, axis=1)
    assert np.abs(grid[32:64, 32:64] - middle).max() <= 1
    for _ in range(2):
        still = page.evaluate(CANVAS)
        page.wait_for_timeout(100)
        assert page.evaluate(CANVAS) == still
        page.evaluate("document.activeElement.blur()")
        page.keyboard.press(" ")
        page.wait_for_function(f"{CANVAS} !== {json.dumps(still)}")
        page.click("#play")
        page.wait_for_timeout(100)  # the last frame
    page.click("#grid button:nth-child(7)")
    assert page.input_value("#seed") == "11" and "view=picture" in page.url
    wait_for_seed(page, trained, 11)

    page.click("[data-view=between]")
    page.fill("#other", "10")
    (begin, first), (end, second) = demo.inputs_of(trained, 11), demo.inputs_of(trained, 10)
    for share in (0.3, 1):  # as generate.py --video=slerp goes
        page.fill("#position", str(share))
        between = slerp(begin, end, share), (1 - share) * first + share * second
        demo.wait_for(page, trained, sampling.generate(trained.generator, *between)[0])


@pytest.mark.browser
def test_seeds_classes_and_keys(site, page, tmp_path):
    trained = site[1][CLASSES]
    demo.visit(page, site[0], "view=picture&seed=4", CLASSES)
    wait_for_seed(page, trained, 4)  # classes in turn: 4 is of class 1
    page.fill("#seed", "12")
    wait_for_seed(page, trained, 12)
    page.select_option("#class", "2")
    wait_for_seed(page, trained, 12, label=2)
    assert "class=2" in page.url and "seed=12" in page.url
    page.fill("#seed", "3000000000")
    assert page.evaluate("!document.querySelector('#seed').validity.valid")
    page.locator("#seed").blur()
    page.keyboard.press("ArrowRight")
    wait_for_seed(page, trained, 13, label=2)
    seeds = [13]
    for action in (lambda: page.keyboard.press(" "), lambda: page.click("#new")):
        action()
        seeds.append(int(page.input_value("#seed")))
        wait_for_seed(page, trained, seeds[-1], label=2)
    assert len(set(seeds)) == 3
    page.fill("#seed", "9")
    wait_for_seed(page, trained, 9, label=2)
    name, contents = demo.download(page, lambda: page.click("#download"))
    assert name == f"{CLASSES}-seed-000009.png"
    assert np.abs(demo.read_picture(contents) - demo.python_picture(trained, 9, 2)).max() <= 1
    page.focus("#new")
    for key in ("Tab", "ArrowUp", "ArrowUp", "Tab", "End"):  # the pad, and the first slider
        page.keyboard.press(key)
    assert "move=3_0.5" in page.url
    layer = trained.generator.get_layer("4x4_dense")
    first, second, *_ = closed_form(layer.kernel.numpy()[:6] * layer.constant).vectors
    latents, labels = demo.inputs_of(trained, 9, 2)
    moved = move(latents, 3 * first + 0.5 * second, 1)
    expected = sampling.generate(trained.generator, moved, labels)[0]
    page.reload()
    demo.wait_for(page, trained, expected)
    # The file that is saved says so, and Python draws it again.
    _, contents = demo.download(page, lambda: page.click("#download"))
    saved = str(tmp_path / "saved.png")
    pathlib.Path(saved).write_bytes(contents)
    mark, again = read_mark(saved), str(tmp_path / "again.png")
    assert (mark.seeds, mark.classes, mark.class_names) == ((9,), (2,), (demo.NAMES[2],))
    words = redrawn(saved, mark, make_sampler(trained), None, again)
    assert "bit-equal" in words or "at most 1 of 255" in words
    page.click("#reset")
    wait_for_seed(page, trained, 9, label=2)
    # All of it can be reached by keyboard.
    for key, view in zip("1324", ("picture", "walk", "grid", "between"), strict=True):
        page.locator("#seed").blur()
        page.keyboard.press(key)
        assert f"view={view}" in page.url
    before = float(page.input_value("#position"))
    page.keyboard.press("ArrowRight")
    assert float(page.input_value("#position")) == pytest.approx(before + 0.02)
    box = page.locator("#canvas").bounding_box()
    page.mouse.move(box["x"] + 10, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + 10 + 0.3 * box["width"], box["y"] + 20)
    page.mouse.up()
    assert float(page.input_value("#position")) == pytest.approx(before + 0.32, abs=0.006)
    assert "position=0.8" in page.url
    reached, focused = set(), "document.activeElement.id || document.activeElement.innerText"
    for _ in range(30):
        page.keyboard.press("Tab")
        reached.add(page.evaluate(focused))
    words = {CLASSES, "plain", "Picture", "Grid", "Walk", "Between", "Keys", "card"}
    fields = {"seed", "other", "new", "position", "class", "scaling", "backend"}
    assert words | fields | {"copy", "download"} <= reached


@pytest.mark.browser
def test_links_and_videos_can_be_taken_along(site, page, tmp_path):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.add_init_script(
        "const capture = HTMLCanvasElement.prototype.captureStream;"
        "HTMLCanvasElement.prototype.captureStream = function (...given) {"
        " window.recorded = this; return capture.apply(this, given); };"
    )
    demo.visit(page, site[0], "view=walk&seed=3", "sticker")
    page.select_option("#scaling", "smooth")
    assert "scaling" not in page.url
    page.wait_for_function("canvas.width === 512")
    page.select_option("#scaling", "pixelated")
    page.click("#copy")
    page.wait_for_function("said.innerText === 'Link copied'")
    link = page.evaluate("navigator.clipboard.readText()")
    assert link == page.url and "scaling=pixelated" in link
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject('no https') }")
    page.keyboard.press("n")
    page.keyboard.press("c")
    page.wait_for_timeout(100)
    assert page.evaluate("navigator.clipboard.readText()") == page.url != link

    page.click("#record")
    assert page.inner_text("#said").startswith("Recording")
    page.wait_for_function("record.innerText.includes('1 s')")
    page.click("#play")  # its last frame
    page.wait_for_timeout(200)
    picture = demo.shown_picture(page, CANVAS, "RGBa").repeat(32, axis=0).repeat(32, axis=1)
    assert (picture[..., 3] < 128).any()
    squares = np.where(np.indices((512, 512)) // 16 % 2, 1, -1).prod(axis=0)
    below = np.where(squares == 1, 255, 204)[..., None] * (1 - picture[..., 3:] / 255)
    frame = demo.shown_picture(page, "recorded.toDataURL()", "RGBA")
    assert (frame[..., 3] == 255).all()
    assert np.abs(frame[..., :3] - (picture[..., :3] + below)).max() <= 2
    name, video = demo.download(page, lambda: page.click("#record"))
    assert re.fullmatch(r"sticker-walk-seed-\d{6}\.webm", name)
    assert video.startswith(b"\x1aE\xdf\xa3") and b"webm" in video[:64] and len(video) > 5000
    (tmp_path / "video.webm").write_bytes(video)
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-i", str(tmp_path / "video.webm")]
    told = subprocess.run([*command, "-f", "null", "-"], capture_output=True, check=True).stderr
    assert b"COMMENT" in told and SOURCE_TYPE.encode() in told
    assert page.inner_text("#said") == f"Saved {name}"
    assert page.inner_text("#record") == "Record video"
    page.click("[data-view=picture]")
    assert page.is_hidden("#record")
    page.add_init_script("delete window.MediaRecorder")
    page.reload()
    page.click("[data-view=walk]")
    assert page.is_visible("#copy") and page.is_hidden("#record")


@pytest.mark.browser
def test_it_says_what_it_is_and_fits_a_phone(site, page):
    trained = site[1][CLASSES]
    page.set_viewport_size({"width": 340, "height": 640})
    demo.visit(page, site[0], "view=between", CLASSES)
    for view in ("grid", "walk", "picture"):
        assert page.evaluate("document.documentElement.scrollWidth") <= 340
        page.click(f"[data-view={view}]")
    assert page.evaluate("document.documentElement.scrollWidth") <= 340
    assert page.title() == page.inner_text("h1") == demo.HEAD.title
    assert page.inner_text("#description") == "Drawn by somebody's GAN."
    assert page.locator("#class option").all_inner_texts() == ["by seed", *demo.NAMES]
    page.select_option("#class", label="star")
    wait_for_seed(page, trained, 0, label=1)
    assert re.fullmatch(r"[\d.]+ ms per picture", page.inner_text("#time"))
    assert re.fullmatch(r"16.*after 1,500 pictures", page.inner_text("#about"))
    assert page.inner_text("#trained") == "Trained by pgan-tf, trained on: made up"
    card = page.evaluate("fetch(document.querySelector('#card').href).then(r => r.text())")
    assert card.startswith("# made up, 16 px")
    demo.choose(page, "plain")  # in the middle of a fade, without classes
    assert page.is_hidden("#class")
    assert page.inner_text("#trained").endswith("still fading in, at alpha 0.400")

    def older(route):
        """An export of before it said more."""
        model = route.fetch().json()
        for name in ("format", "label_names", "trained_by", "terms", "is_blend", "alpha"):
            del model["userDefinedMetadata"][name]
        route.fulfill(json=model)

    page.route("**/model.json", older)
    demo.choose(page, CLASSES)
    wait_for_seed(page, trained, 0)
    assert page.locator("#class option").all_inner_texts() == ["by seed", "0", "1", "2"]
    assert page.is_hidden("#card")
    assert page.inner_text("#trained") == "trained on: made up"
