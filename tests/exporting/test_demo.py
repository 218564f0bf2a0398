"""The web page: built from its sources, small; a browser draws what Python draws.

Its arithmetic is tested in demo/tests.
"""

import functools
import hashlib
import json
import re

import numpy as np
import pytest

from pgan_tf.exporting.gallery import PAGE
from pgan_tf.exporting.tfjs import write_tfjs
from pgan_tf.exporting.writer import ExportOptions
from pgan_tf.generating.interpolation import slerp
from pgan_tf.networks import sampling
from tests.helpers import demo
from tests.helpers.demo import CANVAS, wait_for_seed
from tests.helpers.exports import make_inputs, make_trained
from tests.helpers.pages import chromium, served
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


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """An address with the generators of `demo.GENERATORS`, and what they were made from."""
    folder = tmp_path_factory.mktemp("web")
    trained = demo.export_all(folder)
    written = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    page = {str(path.relative_to(PAGE)) for path in PAGE.rglob("*") if path.is_file()}
    others = {name for name in written if name.startswith(("models", "pgan-export.json"))}
    assert written - others == page - {"built.json"}
    with served(folder) as address:
        yield address, trained


@pytest.fixture(scope="module")
def browser():
    flags = ("enable-unsafe-webgpu", "use-webgpu-adapter=swiftshader", "enable-features=Vulkan")
    # WebGL and WebGPU without a graphics card.
    with chromium("--enable-unsafe-swiftshader", *(f"--{flag}" for flag in flags)) as browser:
        yield browser


@pytest.fixture
def page(browser, site):
    with demo.tab(browser, site[0], f"file://{PAGE}/") as page:
        yield page


@pytest.mark.browser
def test_the_browser_draws_pythons_pictures_of_pythons_latents(site, page):
    address, generators = site
    loaded = set()
    page.on("request", lambda request: loaded.add(request.url.partition("#")[0]))
    page.goto(f"{address}#backend=wasm&seed=2")
    page.wait_for_selector("body[data-ready=plain]")  # the first
    # No other backend, and no part of the package that draws nothing.
    files = [PAGE / (url.removeprefix(address) or "index.html") for url in loaded]
    size = sum(file.stat().st_size for file in files if file.is_file())
    print(f"for WebAssembly: {size / 1e6:.2f} MB")
    assert PAGE / "index.html" in files and size < 1e6
    assert page.locator("#gallery button").all_inner_texts() == list(generators)
    assert page.locator("#gallery img").first.evaluate("image => image.naturalWidth") == 16
    for name, trained in generators.items():
        demo.choose(page, name)
        assert (page.input_value("#backend"), page.inner_text("h1")) == ("wasm", name)
        latents, labels = make_inputs(trained, 2)
        expected = np.clip(trained.generator([latents, labels]).numpy(), -1, 1)
        for z, y, picture in zip(latents.tolist(), labels.tolist(), expected, strict=True):
            drawn = page.evaluate("([z, y]) => pgan.draw(z, y).then(x => [...x])", [z, y])
            bound = 4e-3 if name == "half" else 1e-5
            np.testing.assert_allclose(drawn, picture.ravel(), rtol=0, atol=bound)
        if name != "half":
            wait_for_seed(page, trained, 2)
        for seed in (0, 1000, 2**31 - 1):
            got = page.evaluate("seed => [...pgan.latents(seed)]", seed)
            np.testing.assert_allclose(got, demo.inputs_of(trained, seed)[0][0], rtol=0, atol=2e-6)


@pytest.mark.browser
def test_seeds_classes_and_keys(site, page):
    trained = site[1]["classes"]
    demo.visit(page, site[0], "backend=wasm&seed=4", "classes")
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
    name, picture = demo.download(page, lambda: page.click("#download"))
    assert name == "classes-seed-000009.png"
    assert np.abs(picture - demo.python_picture(trained, 9, 2)).max() <= 1
    # All of it can be reached by keyboard.
    for key, view in zip("1234", ("picture", "grid", "walk", "between"), strict=True):
        page.locator("#seed").blur()
        page.keyboard.press(key)
        assert f"view={view}" in page.url
    before = float(page.input_value("#position"))
    page.keyboard.press("ArrowRight")
    assert float(page.input_value("#position")) == pytest.approx(before + 0.02)
    reached, focused = set(), "document.activeElement.id || document.activeElement.innerText"
    for _ in range(30):
        page.keyboard.press("Tab")
        reached.add(page.evaluate(focused))
    words = {"plain", "Picture", "Grid", "Walk", "Between"}
    assert words | {"seed", "other", "new", "position", "class", "download", "backend"} <= reached


@pytest.mark.browser
def test_a_grid_whose_pictures_can_be_taken_and_the_way_between_two_seeds(site, page):
    trained = site[1]["classes"]
    demo.visit(page, site[0], "backend=wasm&seed=5&view=grid", "classes")
    for i in (0, 15):
        canvas = f"document.querySelectorAll('#grid canvas')[{i}].toDataURL()"
        wait_for_seed(page, trained, 5 + i, expression=canvas)
    _, picture = demo.download(page, lambda: page.keyboard.press("d"))
    assert picture.shape == (64, 64, 3)
    assert np.abs(picture[-16:, -16:] - demo.python_picture(trained, 20)).max() <= 1
    page.click("#grid button:nth-child(7)")
    assert page.input_value("#seed") == "11"
    wait_for_seed(page, trained, 11)

    page.click("[data-view=between]")
    page.fill("#other", "10")
    (begin, first), (end, second) = demo.inputs_of(trained, 11), demo.inputs_of(trained, 10)
    for share in (0.3, 1):  # as generate.py --video=slerp goes
        page.fill("#position", str(share))
        between = slerp(begin, end, share), (1 - share) * first + share * second
        demo.wait_for(page, trained, sampling.generate(trained.generator, *between)[0])


@pytest.mark.browser
def test_a_walk_begins_at_its_seed_plays_and_pauses(site, page):
    demo.visit(page, site[0], "backend=wasm&seed=5")
    page.emulate_media(reduced_motion="reduce")
    page.click("[data-view=walk]")
    wait_for_seed(page, site[1]["plain"], 5)
    assert page.inner_text("#play") == "Play"
    for _ in range(2):
        still = page.evaluate(CANVAS)
        page.wait_for_timeout(100)
        assert page.evaluate(CANVAS) == still
        page.evaluate("document.activeElement.blur()")
        page.keyboard.press(" ")
        page.wait_for_function(f"{CANVAS} !== {json.dumps(still)}")
        page.click("#play")
        page.wait_for_timeout(100)  # the last frame


@pytest.mark.browser
def test_it_says_what_the_generator_is_and_fits_a_phone(site, page):
    trained = site[1]["classes"]
    page.set_viewport_size({"width": 340, "height": 640})
    demo.visit(page, site[0], "backend=wasm&view=between", "classes")
    for view in ("grid", "walk", "picture"):
        assert page.evaluate("document.documentElement.scrollWidth") <= 340
        page.click(f"[data-view={view}]")
    assert page.evaluate("document.documentElement.scrollWidth") <= 340
    assert page.locator("#class option").all_inner_texts() == ["by seed", *demo.NAMES]
    page.select_option("#class", label="dog")
    wait_for_seed(page, trained, 0, label=1)
    assert re.fullmatch(r"[\d.]+ ms per picture", page.inner_text("#time"))
    assert re.fullmatch(r"16.*after 1,500 pictures", page.inner_text("#about"))
    page.click("summary")
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
    demo.choose(page, "classes")
    wait_for_seed(page, trained, 0)
    assert page.locator("#class option").all_inner_texts() == ["by seed", "0", "1", "2"]
    assert page.is_hidden("#card")
    assert page.inner_text("#trained") == "trained on: made up"


@pytest.mark.browser
def test_loading_shows_how_far_it_is(site, page):
    """Of a generator of three files: one that is there is a part of the bar."""
    waiting = []
    page.route("**/*.bin", lambda route: waiting.append(route))
    page.goto(f"{site[0]}#model=gray&backend=wasm")
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


def answer_with(answer, route):
    return route.fulfill(**answer) if answer else route.abort()


@pytest.mark.browser
def test_missing_and_damaged_files_are_named_and_what_cannot_work_is_said(site, page):
    # The browser itself says so, too.
    page.console_may_say = r"^error: (Access to .* 'file:|Failed to load resource)"
    for file, answer, said in (
        ("models.json", {"status": 404}, "models.json (the server answered 404)"),
        ("models.json", {"body": "<!doctype html>"}, "models.json (it is not JSON)"),
        ("model.json", {"status": 404}, "models/plain/1/model.json (the server answered 404)"),
        ("*.bin", None, "shard1of1.bin (the server did not answer)"),
        ("*.bin", {"body": "short"}, "bytes of weights, got 5)"),
    ):
        page.route(f"**/{file}", functools.partial(answer_with, answer))
        page.goto("about:blank")
        page.goto(f"{site[0]}#backend=wasm")
        page.wait_for_selector("#error:visible")
        assert said in page.inner_text("#error")
        page.keyboard.press("2")  # without an error in the console: see `page`
        assert page.evaluate("document.querySelector('#controls').inert")
        page.unroute_all()
    demo.choose(page, "classes")  # another generator still works
    assert page.is_hidden("#error")
    wait_for_seed(page, site[1]["classes"], 0)

    page.add_init_script(
        f"if (location.hash === '#old') {{ {demo.WITHOUT_WASM}"
        " HTMLCanvasElement.prototype.getContext = () => null; }"
    )
    page.goto("about:blank")
    page.goto(f"{site[0]}#old")
    page.wait_for_selector("#error:visible")
    said = "This browser can compute with neither WebGPU nor WebGL nor WebAssembly"
    assert said in page.inner_text("#error")
    page.goto(f"file://{PAGE}/index.html")
    assert "python -m http.server" in page.inner_text("#error")


@pytest.mark.browser
@pytest.mark.slow
def test_64_px_take_less_than_a_tenth_of_a_second_on_one_core(tmp_path, browser):
    """The network of --preset=laptop, WebAssembly, one thread."""
    sizes = {"resolution": 64, "fmap_base": 512, "fmap_max": 128, "latent_size": 512}
    trained = make_trained(phase="stabilize", **sizes)
    write_tfjs(trained, ExportOptions(str(tmp_path), name="laptop"))
    drawing = "seed => { const start = performance.now();"
    drawing += " return pgan.draw(pgan.latents(seed)).then(() => performance.now() - start) }"
    with served(tmp_path) as address, demo.tab(browser, address) as page:
        demo.visit(page, address, "backend=wasm", "laptop")
        median = np.median([page.evaluate(drawing, seed) for seed in range(40)])
    print(f"64 px in WebAssembly: {median:.1f} ms per picture")
    assert median < 100


@pytest.mark.browser
@pytest.mark.slow
def test_other_backends_draw_the_same_pictures(site, page):
    """In software, which Debian's Chromium brings: slow, and never chosen where WebAssembly is."""
    trained = site[1]["classes"]
    demo.visit(page, site[0], "seed=6", "classes")
    assert page.input_value("#backend") == "wasm"
    for seed, backend in enumerate(("webgl", "webgpu", "wasm"), 6):
        wait_for_seed(page, trained, seed)
        page.select_option("#backend", backend)
        page.wait_for_url(f"**backend={backend}**")
        page.fill("#seed", str(seed + 1))
        wait_for_seed(page, trained, seed + 1)
        assert page.input_value("#backend") == page.evaluate("pgan.backend()") == backend


@pytest.mark.browser
@pytest.mark.slow
def test_where_webgl_computes_with_halves_pictures_have_numbers(site, page):
    """As on some phones: 1e-8 is 0 there, and so are the squares of small features."""
    page.console_may_say = r"feature override from URL WEBGL_FORCE_F16_TEXTURES|GL Driver Message"
    page.add_init_script(demo.WITHOUT_WASM)  # the next backend computes
    for name in ("plain", "small"):
        demo.visit(page, f"{site[0]}?tfjsflags=WEBGL_FORCE_F16_TEXTURES:true", "", name)
        assert page.input_value("#backend") == page.evaluate("pgan.backend()") == "webgl"
        latents, labels = make_inputs(site[1][name], 1)
        got = page.evaluate("z => pgan.draw(z).then(x => [...x])", latents[0].tolist())
        assert np.isfinite(got).all()
        if name == "plain":
            expected = np.clip(site[1][name].generator([latents, labels]).numpy(), -1, 1)
            np.testing.assert_allclose(got, expected.ravel(), atol=0.01)
