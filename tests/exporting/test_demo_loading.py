"""The web page while it loads, what goes wrong, other backends, and the lines in the docs."""

import functools
import re
import textwrap

import numpy as np
import pytest

from pgan_tf.exporting.gallery import PAGE
from pgan_tf.exporting.tfjs import write_tfjs
from pgan_tf.exporting.writer import ExportOptions
from pgan_tf.networks import sampling
from tests.helpers import demo
from tests.helpers.demo import CLASSES, wait_for_seed
from tests.helpers.exports import make_inputs, make_trained
from tests.helpers.pages import CHROMIUM, served
from tests.helpers.places import ROOT


@pytest.mark.browser
def test_the_lines_of_the_docs_draw_a_star(site, page):
    """As docs/demo.md prints them; TensorFlow.js comes from npm's package instead of the CDN."""
    address, generators, folder = site
    trained = generators[CLASSES]
    blocks = re.findall(r"(?:^    .*\n|^\n)+", (ROOT / "docs/demo.md").read_text(), re.MULTILINE)
    first, second = [one for one in blocks if "<script" in one]
    assert len(first.strip().splitlines()) == 10
    for name, block in {"first": first, "second": second}.items():
        page_text = f"<!doctype html><link rel=icon href=data:,><body>{textwrap.dedent(block)}"
        (folder / f"{name}.html").write_text(page_text)
    page.goto(f"{address}second.html")
    page.wait_for_selector("canvas")
    canvas = "document.querySelector('canvas').toDataURL()"
    wait_for_seed(page, trained, 7, label=1, expression=canvas)

    if not demo.TFJS.exists():
        pytest.skip("needs TensorFlow.js: npm ci, in demo/")
    page.route(demo.CDN, lambda route: route.fulfill(path=demo.TFJS))
    page.goto(f"{address}first.html")
    page.wait_for_function("document.querySelector('canvas').width === 16")
    latents = page.evaluate("tf.randomNormal([1, 6], 0, 1, 'float32', 7).array()")
    star = sampling.one_hot_labels([1], 3)
    expected = sampling.generate(trained.generator, np.float32(latents), star)[0]
    demo.wait_for(page, trained, expected, canvas)


def answer_with(answer, route):
    return route.fulfill(**answer) if answer else route.abort()


@pytest.mark.browser
def test_loading_shows_how_far_it_is_and_files_that_are_missing_or_damaged(site, page):
    waiting = []
    page.route("**/*.bin", lambda route: waiting.append(route))
    page.goto(f"{site[0]}#model=gray&backend=wasm")  # of three files
    value = "document.querySelector('#progress').value"
    while len(waiting) < 3:
        page.wait_for_timeout(20)
    assert page.inner_text("#loading-text") == "Loading gray" and page.evaluate(value) == 0
    waiting.sort(key=lambda route: route.request.url)
    waiting[0].continue_()
    page.wait_for_function(f"{value} > 0.3")
    assert page.evaluate(value) < 0.4  # 100,000 of 280,000 bytes
    assert page.is_visible("#loading")
    for route in waiting[1:]:
        route.continue_()
    page.wait_for_selector("body[data-ready=gray]")
    assert page.evaluate(value) == 1 and page.is_hidden("#loading")
    page.unroute_all()

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
        page.goto(f"{site[0]}#model=plain&backend=wasm")
        page.wait_for_selector("#error:visible")
        assert said in page.inner_text("#error")
        page.keyboard.press("2")  # without an error in the console: see `page`
        assert page.evaluate("document.querySelector('#controls').inert")
        page.unroute_all()
    demo.choose(page, CLASSES)  # another generator still works
    assert page.is_hidden("#error")

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
        demo.visit(page, address, "view=picture", "laptop")
        median = np.median([page.evaluate(drawing, seed) for seed in range(40)])
    print(f"64 px in WebAssembly: {median:.1f} ms per picture")
    assert median < 100


@pytest.mark.browser
@pytest.mark.slow
def test_other_backends_draw_the_same_pictures_and_numbers_where_they_compute_with_halves(
    site, browser
):
    """In software, which Debian's Chromium brings: slow, and never chosen where WebAssembly is."""
    address, generators, _ = site
    flags = ("enable-unsafe-webgpu", "use-webgpu-adapter=swiftshader", "enable-features=Vulkan")
    flags = ["--no-sandbox", *(f"--{flag}" for flag in ("enable-unsafe-swiftshader", *flags))]
    started = browser.browser_type.launch(executable_path=CHROMIUM, args=flags)
    still = "view=picture&scaling=pixelated"
    with started as other, demo.tab(other, address) as page:
        page.goto(f"{address}#{still}&seed=6")
        page.wait_for_selector(f"body[data-ready={CLASSES}]")
        assert page.input_value("#backend") == "wasm"
        for seed, backend in enumerate(("webgl", "webgpu", "wasm"), 6):
            wait_for_seed(page, generators[CLASSES], seed)
            page.select_option("#backend", backend)
            page.wait_for_url(f"**backend={backend}**")
            page.fill("#seed", str(seed + 1))
            wait_for_seed(page, generators[CLASSES], seed + 1)
            assert page.input_value("#backend") == page.evaluate("pgan.backend()") == backend

        # As on some phones: 1e-8 is 0 there, and so are the squares of small features.
        page.console_may_say = r"override from URL WEBGL_FORCE_F16_TEXTURES|GL Driver Message"
        page.add_init_script(demo.WITHOUT_WASM)  # the next backend computes
        for name in ("plain", "small"):
            page.goto(f"{address}?tfjsflags=WEBGL_FORCE_F16_TEXTURES:true#{still}&model={name}")
            page.wait_for_selector(f"body[data-ready={name}]", timeout=60_000)
            assert page.evaluate("pgan.backend()") == "webgl"
            latents, labels = make_inputs(generators[name], 1)
            got = page.evaluate("z => pgan.draw(z).then(x => [...x])", latents[0].tolist())
            assert np.isfinite(got).all()
            if name == "plain":
                expected = np.clip(generators[name].generator([latents, labels]).numpy(), -1, 1)
                np.testing.assert_allclose(got, expected.ravel(), atol=0.01)
