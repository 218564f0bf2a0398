"""The web page: it is built from its sources, small, and a browser draws what Python draws."""

import dataclasses
import hashlib
import io
import itertools
import json
import pathlib
import re

import numpy as np
import pytest
from PIL import Image

from pgan_tf.exporting.gallery import PAGE
from pgan_tf.exporting.tfjs import write_tfjs
from pgan_tf.exporting.writer import ExportOptions
from pgan_tf.generating.interpolation import slerp
from pgan_tf.networks import sampling
from tests.helpers.exports import make_inputs, make_trained
from tests.helpers.pages import chromium, served
from tests.helpers.places import ROOT

DEMO = ROOT / "demo"
CANVAS = "document.querySelector('#canvas').toDataURL()"
WASM = "backend=wasm"


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


# The files


def test_the_page_was_built_from_the_sources_as_they_are():
    """If this fails: `cd demo && npm ci && npm run build`, and commit what it writes."""
    built = json.loads((PAGE / "built.json").read_text())
    names = ["index.html", "package.json", "package-lock.json", "vite.config.js"]
    sources = [*(DEMO / name for name in names), *(DEMO / "src").rglob("*")]
    assert built["sources"] == {str(path.relative_to(DEMO)): digest(path) for path in sources}
    pages = [path for path in PAGE.rglob("*") if path.is_file() and path.name != "built.json"]
    assert built["page"] == {str(path.relative_to(PAGE)): digest(path) for path in pages}


def test_the_page_is_small_and_has_one_wasm_file():
    files = [path for path in PAGE.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 3e6
    assert len([path for path in files if path.suffix == ".wasm"]) == 1


def test_an_export_brings_the_page(tmp_path):
    write_tfjs(make_trained(), ExportOptions(str(tmp_path), name="a"))
    written = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    page = {path.relative_to(PAGE) for path in PAGE.rglob("*") if path.is_file()}
    others = ("models", "models.json", "pgan-export.json")
    assert page - {pathlib.Path("built.json")} == {
        path for path in written if path.parts[0] not in others
    }
    assert pathlib.Path("models/a/1/preview.png") in written


def test_it_is_built_from_the_published_package():
    """From npm's `@tensorflow/tfjs` and its backends, all of one version."""
    packages = json.loads((DEMO / "package.json").read_text())["dependencies"]
    backends = {f"@tensorflow/tfjs-backend-{name}" for name in ("wasm", "webgl", "webgpu")}
    assert set(packages) == {"@tensorflow/tfjs"} | backends
    assert len(set(packages.values())) == 1


# In a browser

NAMES = ("cat", "dog", "<b>owl</b>")


def make_named(**options):
    return dataclasses.replace(make_trained(**options), label_names=NAMES)


GENERATORS = {
    "plain": (make_trained, {}, {}),
    "half": (make_trained, {}, {"quantize": "float16"}),
    "classes": (make_named, {"label_size": 3, "phase": "stabilize"}, {}),
    "gray": (make_trained, {"num_channels": 1, "latent_size": 510}, {}),
    "small": (make_trained, {"small": True}, {}),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """An address with these generators, and what they were made from."""
    folder = tmp_path_factory.mktemp("web")
    trained = {}
    with pytest.MonkeyPatch.context() as patch:
        # "gray" has weights for three files, as large generators have.
        patch.setattr("pgan_tf.exporting.tfjs_graph._SHARD_BYTES", 100_000)
        for name, (make, options, how) in GENERATORS.items():
            trained[name] = make(**options)
            write_tfjs(trained[name], ExportOptions(str(folder), name=name, **how))
    with served(folder) as address:
        yield address, trained


@pytest.fixture(scope="module")
def browser():
    # WebGL and WebGPU without a graphics card.
    with chromium(
        "--enable-unsafe-swiftshader",
        "--enable-unsafe-webgpu",
        "--use-webgpu-adapter=swiftshader",
        "--enable-features=Vulkan",
    ) as browser:
        yield browser


@pytest.fixture
def page(browser, site):
    """A tab; no script fails in it or writes to the console, and no request leaves the host.

    A test that breaks something says what the console is to tell of that: `page.console_may_say`.
    """
    page = browser.new_page(viewport={"width": 900, "height": 900})
    page.console_may_say = r"(?!)"
    failures, messages, requests = [], [], []
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.on("console", lambda message: messages.append(f"{message.type}: {message.text}"))
    page.on("request", lambda request: requests.append(request.url))
    yield page
    assert failures == []
    assert [one for one in messages if not re.search(page.console_may_say, one)] == []
    here = (site[0], "data:", "blob:", f"file://{PAGE}/")
    assert [url for url in requests if not url.startswith(here)] == []
    assert requests
    page.close()


def visit(page, address, words, model="plain"):
    page.goto(f"{address}#model={model}&{words}")
    page.wait_for_selector(f"body[data-ready='{model}']", timeout=60_000)


def inputs_of(trained, seed, label=None):
    """A seed's latents and labels, (1, latent_size) and (1, label_size)."""
    network = trained.network
    latents = sampling.latents_from_seeds([seed], network.latent_size)
    return latents, sampling.one_hot_labels([seed if label is None else label], network.label_size)


def python_picture(trained, seed, label=None):
    """What generate.py draws of a seed, (height, width, channels) uint8."""
    return sampling.generate(trained.generator, *inputs_of(trained, seed, label))[0]


def shown(page, trained, expression=CANVAS):
    """What is on a canvas."""
    file = page.evaluate(
        f"fetch({expression}).then(r => r.arrayBuffer()).then(b => [...new Uint8Array(b)])"
    )
    picture = Image.open(io.BytesIO(bytes(file)))
    return np.asarray(picture.convert("L" if trained.network.num_channels == 1 else "RGB"))


def wait_for_picture(page, trained, seed, label=None, expression=CANVAS):
    """Waits until a canvas shows a seed's picture."""
    wait_for(page, trained, python_picture(trained, seed, label), f"seed {seed}", expression)


def wait_for(page, trained, picture, name, expression=CANVAS):
    """Waits until a canvas shows a picture; to one step of 255, for rounding."""
    expected = picture.squeeze().astype(int)
    for _ in range(100):
        difference = np.abs(shown(page, trained, expression) - expected).max()
        if difference <= 1:
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"{name}: not shown; off by {difference}")


@pytest.mark.browser
@pytest.mark.parametrize("name", GENERATORS)
def test_the_browser_draws_pythons_pictures_of_pythons_latents(name, site, page):
    address, generators = site
    trained = generators[name]
    visit(page, address, WASM, name)
    assert page.input_value("#backend") == "wasm"

    latents, labels = make_inputs(trained, 3)
    expected = np.clip(trained.generator([latents, labels]).numpy(), -1, 1)
    bound = 4e-3 if name == "half" else 1e-5
    for i in range(3):
        got = page.evaluate(
            "([z, y]) => pgan.draw(z, y).then(x => [...x])",
            [latents[i].tolist(), labels[i].tolist()],
        )
        got = np.reshape(got, expected[i].shape)
        np.testing.assert_allclose(got, expected[i], rtol=0, atol=bound)
    if name != "half":
        wait_for_picture(page, trained, 0)


@pytest.mark.browser
def test_a_browser_loads_what_its_backend_needs(site, page):
    """Without a generator: no other backend, and no part of the package that draws nothing."""
    loaded = set()
    page.on("request", lambda request: loaded.add(request.url.partition("#")[0]))
    visit(page, site[0], WASM)
    names = [url.removeprefix(site[0]) or "index.html" for url in loaded]
    size = sum((PAGE / name).stat().st_size for name in names if (PAGE / name).is_file())
    print(f"for WebAssembly: {size / 1e6:.2f} MB")
    assert {"index.html"} < set(names)
    assert size < 1e6


@pytest.mark.browser
@pytest.mark.parametrize("name", ["plain", "gray"])
def test_a_seed_gives_the_latents_of_generate_py(name, site, page):
    """Of 6 and of 510: as many as real generators take, and no multiple of Philox's 4."""
    visit(page, site[0], WASM, name)
    for seed in (0, 1, 7, 1000, 123456789, 2**31 - 1):
        got = page.evaluate("seed => [...pgan.latents(seed)]", seed)
        expected = sampling.latents_from_seeds([seed], site[1][name].network.latent_size)[0]
        np.testing.assert_allclose(got, expected, rtol=0, atol=2e-6)


@pytest.mark.browser
def test_seeds_classes_and_keys(site, page):
    address, generators = site
    trained = generators["classes"]
    visit(page, address, f"{WASM}&seed=4", "classes")
    wait_for_picture(page, trained, 4)  # classes in turn: 4 is of class 1
    page.fill("#seed", "12")
    wait_for_picture(page, trained, 12)
    page.select_option("#class", "2")
    wait_for_picture(page, trained, 12, label=2)
    assert "class=2" in page.url and "seed=12" in page.url

    page.fill("#seed", "3000000000")
    assert page.evaluate("!document.querySelector('#seed').validity.valid")
    wait_for_picture(page, trained, 12, label=2)

    page.locator("#seed").blur()
    page.keyboard.press("ArrowRight")
    wait_for_picture(page, trained, 13, label=2)
    page.keyboard.press(" ")
    seed = int(page.input_value("#seed"))
    assert seed != 13
    wait_for_picture(page, trained, seed, label=2)
    page.click("#new")
    assert int(page.input_value("#seed")) != seed
    wait_for_picture(page, trained, int(page.input_value("#seed")), label=2)


@pytest.mark.browser
def test_all_of_it_can_be_reached_by_keyboard(site, page):
    visit(page, site[0], WASM, "classes")
    for key, view in zip("4321", ("between", "walk", "grid", "picture"), strict=True):
        page.keyboard.press(key)
        assert f"view={view}" in page.url
    page.keyboard.press("4")
    before = float(page.input_value("#position"))
    page.keyboard.press("ArrowRight")
    assert float(page.input_value("#position")) == pytest.approx(before + 0.02)
    reached = []
    for _ in range(30):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate("document.activeElement.id || document.activeElement.innerText")
        )
    words = {"plain", "Picture", "Grid", "Walk", "Between"}
    assert words | {"seed", "other", "new", "position", "class", "download", "backend"} <= set(
        reached
    )


@pytest.mark.browser
def test_a_grid_whose_pictures_can_be_taken(site, page):
    address, generators = site
    trained = generators["classes"]
    visit(page, address, f"{WASM}&seed=5&view=grid", "classes")
    for i in (0, 6, 15):
        canvas = f"document.querySelectorAll('#grid canvas')[{i}].toDataURL()"
        wait_for_picture(page, trained, 5 + i, expression=canvas)
    with page.expect_download() as download:
        page.keyboard.press("d")
    picture = np.asarray(Image.open(download.value.path()))
    assert picture.shape[:2] == (64, 64)
    corner = picture[-16:, -16:, :3].astype(int)
    assert np.abs(corner - python_picture(trained, 20)).max() <= 1
    page.click("#grid button:nth-child(7)")
    assert page.input_value("#seed") == "11"
    wait_for_picture(page, trained, 11)


@pytest.mark.browser
def test_a_walk_plays_smoothly_pauses_and_begins_at_its_seed(site, page):
    address, generators = site
    trained = generators["plain"]
    visit(page, address, f"{WASM}&seed=5")
    page.emulate_media(reduced_motion="reduce")
    page.click("[data-view=walk]")
    wait_for_picture(page, trained, 5)
    assert page.inner_text("#play") == "Play"
    steps = {}
    for speed in ("1.5", "-2"):  # 2.8 and 0.25 seeds per second
        page.fill("#speed", speed)
        page.click("#play")
        frames = []
        for _ in range(25):
            frames.append(shown(page, trained).astype(float))
            page.wait_for_timeout(20)
        page.click("#play")
        steps[speed] = [np.abs(a - b).mean() for a, b in itertools.pairwise(frames)]
    assert np.mean(steps["1.5"]) > 2 * np.mean(steps["-2"])
    steps = steps["-2"]
    assert sum(step > 0 for step in steps) > 8
    strangers = [python_picture(trained, seed).astype(float) for seed in range(6)]
    assert max(steps) < 0.5 * np.mean(
        [np.abs(a - b).mean() for a, b in itertools.pairwise(strangers)]
    )
    page.wait_for_timeout(100)
    still = page.evaluate(CANVAS)
    page.wait_for_timeout(200)
    assert page.evaluate(CANVAS) == still
    page.locator("#play").blur()
    page.keyboard.press(" ")
    page.wait_for_function(f"{CANVAS} !== {json.dumps(still)}")


@pytest.mark.browser
def test_the_way_between_two_seeds(site, page):
    address, generators = site
    trained = generators["classes"]
    visit(page, address, f"{WASM}&view=between&seed=3&other=10", "classes")
    (begin, first), (end, second) = inputs_of(trained, 3), inputs_of(trained, 10)
    for share in (0.5, 0, 0.3, 1):  # as generate.py --video=slerp goes
        page.fill("#position", str(share))
        between = slerp(begin, end, share), (1 - share) * first + share * second
        wait_for(page, trained, sampling.generate(trained.generator, *between)[0], f"at {share}")
    page.fill("#other", "11")
    wait_for_picture(page, trained, 11)


@pytest.mark.browser
def test_download_is_the_picture(site, page):
    address, generators = site
    trained = generators["plain"]
    visit(page, address, f"{WASM}&seed=9")
    wait_for_picture(page, trained, 9)
    with page.expect_download() as download:
        page.click("#download")
    assert download.value.suggested_filename == "plain-seed-000009.png"
    picture = np.asarray(Image.open(download.value.path()))[..., :3].astype(int)
    assert np.abs(picture - python_picture(trained, 9)).max() <= 1


@pytest.mark.browser
def test_a_gallery_of_several_generators(site, page):
    address, generators = site
    page.goto(f"{address}#{WASM}&seed=2")
    page.wait_for_selector("body[data-ready=plain]")  # the first
    assert page.locator("#gallery button").all_inner_texts() == list(GENERATORS)
    assert page.locator("#gallery img").first.evaluate("image => image.naturalWidth") == 16
    page.click("#gallery button:nth-child(4)")
    page.wait_for_selector("body[data-ready=gray]")
    wait_for_picture(page, generators["gray"], 2)
    assert page.inner_text("h1") == "gray"


@pytest.mark.browser
def test_it_fits_a_phone_and_says_what_computes_how_fast(site, page):
    page.set_viewport_size({"width": 340, "height": 640})
    for view in ("picture", "grid", "walk", "between"):
        visit(page, site[0], f"{WASM}&view={view}", "classes")
        assert page.evaluate("document.documentElement.scrollWidth") <= 340
    assert "wasm" in page.locator("#backend option").evaluate_all("all => all.map(o => o.value)")
    assert re.fullmatch(r"[\d.]+ ms per picture", page.inner_text("#time"))


@pytest.mark.browser
def test_it_says_what_the_generator_is(site, page):
    address, generators = site
    visit(page, address, WASM, "classes")
    assert page.locator("#class option").all_inner_texts() == ["by seed", *NAMES]
    page.select_option("#class", label="dog")
    wait_for_picture(page, generators["classes"], 0, label=1)
    assert page.inner_text("#about").startswith("16")
    assert page.inner_text("#about").endswith("after 1,500 pictures")
    page.click("summary")
    assert page.inner_text("#trained") == "Trained by pgan-tf, trained on: made up"
    card = page.evaluate("fetch(document.querySelector('#card').href).then(r => r.text())")
    assert card.startswith("# made up, 16 px")

    visit(page, address, WASM, "plain")  # in the middle of a fade, without classes
    assert page.is_hidden("#class")
    assert page.inner_text("#trained").endswith("still fading in, at alpha 0.400")


@pytest.mark.browser
def test_an_export_of_before_it_said_more_is_drawn(site, page):
    def older(route):
        model = route.fetch().json()
        for name in ("format", "label_names", "trained_by", "terms", "is_blend", "alpha"):
            del model["userDefinedMetadata"][name]
        route.fulfill(json=model)

    page.route("**/model.json", older)
    visit(page, site[0], WASM, "classes")
    wait_for_picture(page, site[1]["classes"], 0)
    assert page.locator("#class option").all_inner_texts() == ["by seed", "0", "1", "2"]
    page.click("summary")
    assert page.is_hidden("#card")
    assert page.inner_text("#trained") == "trained on: made up"


@pytest.mark.browser
def test_loading_shows_how_far_it_is(site, page):
    """Of a generator of three files: one that is there is a part of the bar."""
    waiting = []
    page.route("**/*.bin", lambda route: waiting.append(route))
    page.goto(f"{site[0]}#model=gray&{WASM}")
    page.wait_for_selector("#progress:visible")
    # The bar is there before the list of generators is, which has the name.
    page.wait_for_function("document.querySelector('#loading-text').innerText === 'Loading gray'")
    value = "document.querySelector('#progress').value"
    while len(waiting) < 3:
        page.wait_for_timeout(20)
    assert page.evaluate(value) == 0
    waiting.sort(key=lambda route: route.request.url)
    waiting[0].continue_()
    page.wait_for_function(f"{value} > 0.3")
    assert page.evaluate(value) < 0.4  # 100,000 of 280,000 bytes
    assert page.is_visible("#loading")
    for route in waiting[1:]:
        route.continue_()
    page.wait_for_selector("body[data-ready=gray]")
    assert page.evaluate(value) == 1
    assert page.is_hidden("#loading")


@pytest.mark.browser
@pytest.mark.parametrize(
    ("file", "answer", "said"),
    [
        ("models.json", {"status": 404}, "models.json (the server answered 404)"),
        ("models.json", {"body": "<!doctype html>"}, "models.json (it is not JSON)"),
        ("model.json", {"status": 404}, "models/plain/1/model.json (the server answered 404)"),
        ("*.bin", None, "shard1of1.bin (the server did not answer)"),
        ("*.bin", {"body": "short"}, "bytes of weights, got 5)"),
    ],
)
def test_missing_and_damaged_files_are_named(file, answer, said, site, page):
    page.console_may_say = r"^error: Failed to load resource"  # the browser does
    page.route(f"**/{file}", lambda route: route.fulfill(**answer) if answer else route.abort())
    page.goto(f"{site[0]}#{WASM}")
    page.wait_for_selector("#error:visible")
    assert said in page.inner_text("#error")
    page.keyboard.press("2")  # without an error in the console: see `page`
    assert page.evaluate("document.querySelector('#controls').inert")
    if file != "models.json":  # another generator of the gallery still works
        page.unroute_all()
        page.click("#gallery button:nth-child(3)")
        page.wait_for_selector("body[data-ready=classes]")
        assert page.is_hidden("#error")
        wait_for_picture(page, site[1]["classes"], 0)


@pytest.mark.browser
def test_what_cannot_work_is_said_in_words(site, page):
    address = site[0]
    page.add_init_script(
        "if (location.hash === '#old') { delete window.WebAssembly;"
        " HTMLCanvasElement.prototype.getContext = () => null;"
        " Object.defineProperty(navigator, 'gpu', {value: undefined}); }"
    )
    page.goto(f"{address}#old")
    page.wait_for_selector("#error:visible")
    assert (
        "This browser can compute with neither WebGPU nor WebGL nor WebAssembly"
        in page.inner_text("#error")
    )
    page.console_may_say = r"^error: (Access to .* 'file:|Failed to load resource)"  # the browser
    page.goto(f"file://{PAGE}/index.html")
    assert "python -m http.server" in page.inner_text("#error")


@pytest.mark.browser
@pytest.mark.slow
def test_64_px_take_less_than_a_tenth_of_a_second_on_one_core(tmp_path, browser):
    """The network of --preset=laptop, WebAssembly, one thread."""
    trained = make_trained(
        phase="stabilize", resolution=64, fmap_base=512, fmap_max=128, latent_size=512
    )
    write_tfjs(trained, ExportOptions(str(tmp_path), name="laptop"))
    with served(tmp_path) as address:
        page = browser.new_page()
        visit(page, address, WASM, "laptop")
        times = page.evaluate(
            """async () => {
              const times = [];
              for (let i = 0; i < 40; i++) {
                const begin = performance.now();
                await pgan.draw(pgan.latents(i));
                times.push(performance.now() - begin);
              }
              return times;
            }"""
        )
        page.close()
    print(f"64 px in WebAssembly: {np.median(times):.1f} ms per picture")
    assert np.median(times) < 100


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("backend", ["webgl", "webgpu"])
def test_another_backend_goes_on_with_the_same_picture(backend, site, page):
    """In software, which Debian's Chromium brings: slow, and never chosen where WebAssembly is."""
    address, generators = site
    trained = generators["classes"]
    visit(page, address, "seed=6", "classes")
    assert page.locator(f"#backend [value={backend}]").count()
    assert page.input_value("#backend") == "wasm"
    wait_for_picture(page, trained, 6)
    page.select_option("#backend", backend)
    page.wait_for_url(f"**backend={backend}**")
    page.fill("#seed", "8")
    wait_for_picture(page, trained, 8)
    assert page.input_value("#backend") == backend
    assert page.evaluate("pgan.backend()") == backend
    page.select_option("#backend", "wasm")
    page.fill("#seed", "9")
    wait_for_picture(page, trained, 9)
    assert page.evaluate("pgan.backend()") == "wasm"


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("name", ["plain", "small"])
def test_where_webgl_computes_with_halves_pictures_have_numbers(name, site, page):
    """As on some phones: 1e-8 is 0 there, and so are the squares of small features."""
    page.console_may_say = r"feature override from URL WEBGL_FORCE_F16_TEXTURES|GL Driver Message"
    address, generators = site
    trained = generators[name]
    visit(page, f"{address}?tfjsflags=WEBGL_FORCE_F16_TEXTURES:true", "backend=webgl", name)
    assert page.evaluate("pgan.backend()") == "webgl"
    latents, labels = make_inputs(trained, 1)
    got = page.evaluate("z => pgan.draw(z).then(x => [...x])", latents[0].tolist())
    expected = np.clip(trained.generator([latents, labels]).numpy(), -1, 1)
    assert np.isfinite(got).all()
    print(
        f"{name} in halves: off by {np.abs(np.reshape(got, expected[0].shape) - expected[0]).max()}"
    )
    if name == "plain":
        np.testing.assert_allclose(np.reshape(got, expected[0].shape), expected[0], atol=0.01)


@pytest.mark.browser
@pytest.mark.slow
def test_without_webassembly_the_next_one_computes(site, page):
    page.add_init_script(
        "delete window.WebAssembly; Object.defineProperty(navigator, 'gpu', {value: undefined});"
    )
    visit(page, site[0], "seed=3", "classes")
    assert page.input_value("#backend") == "webgl"
    wait_for_picture(page, site[1]["classes"], 3)
