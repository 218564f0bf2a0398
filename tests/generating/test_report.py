"""The page about a run: what is in it, and what a browser without a network makes of it."""

import html
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from pgan_tf.generating.charts import Band, Line, draw_chart
from pgan_tf.generating.report import stage_bands
from pgan_tf.metrics.score import Score
from pgan_tf.metrics.score_log import append_scores
from tests.helpers.command_calls import run_calls
from tests.helpers.small_run import make_small_run

# Charts


def points_of(chart):
    return [
        [tuple(map(float, point.split(","))) for point in points.split()]
        for points in re.findall(r'<polyline[^>]* points="([^"]*)"', chart)
    ]


@pytest.mark.parametrize(
    ("low", "high"),
    [(0, 1), (-3.7, 12.1), (1e5, 3e6), (-5, -5), (0, 0), (1e-20, 1e-20), (5e-324, 1e99)],
)
def test_any_values_are_inside_of_the_chart_between_few_ticks(low, high):
    chart = draw_chart("title", [Line("line", [(1, low), (2, high)])])
    ((_, bottom), (_, top)) = points_of(chart)[0]
    assert 20 <= top <= bottom <= 192
    ticks = re.findall(r'<line class="grid" [^>]*y1="([^"]*)"', chart)
    assert 3 <= len(ticks) <= 7
    np.testing.assert_allclose(np.diff(list(map(float, ticks))), float(ticks[1]) - 192, atol=0.11)


def test_a_curve_is_drawn_to_scale_with_gaps_where_there_is_no_number():
    points = [(0, 0.0), (1, 1.0), (2, None), (3, 4.0), (4, 2.0), (5, float("nan")), (6, 3.0)]
    chart = draw_chart("a < b", [Line("x & y", points)], [Band("4 px", 0, 6, False)])
    first, second, alone = points_of(chart)
    rise = first[0][1] - first[1][1]
    assert rise > 10  # upwards on a page is less
    assert second[0][1] - second[1][1] == pytest.approx(-2 * rise, abs=0.3)
    assert first[0][1] - second[0][1] == pytest.approx(4 * rise, abs=0.3)
    assert second[0][0] - first[0][0] == pytest.approx(3 * (first[1][0] - first[0][0]), abs=0.3)
    # One value between gaps is a dot: a line of one point is not seen.
    assert len(alone) == 1
    assert chart.count("<circle") == 1
    assert "a &lt; b" in chart
    assert "x &amp; y" in chart

    assert "<b>3</b>" in chart and ">4 px</text>" in chart
    empty = draw_chart("loss", [Line("generator", [(1, None), (2, 1e100)], dashed=True)])
    assert "no number" in empty and "generator" in empty
    assert points_of(empty) == []


def test_numbers_are_short_and_narrow_or_shaded_bands_have_no_name():
    bands = [Band("4 px", 0, 1, False), Band("4→8 px", 1, 60_000, True)]
    bands += [Band("8 px", 60_000, 120_000, False)]
    chart = draw_chart("t", [Line("x", [(0, 0), (120_000, 25_000)], dashed=True)], bands)
    texts = re.findall('text-anchor="end">([^<]*)<', chart)
    assert texts == ["0", "5000", "10k", "15k", "20k", "25k", "kimg"]
    texts = re.findall('text-anchor="middle">([^<]*)<', chart)
    assert texts == ["8 px", "0", "50k", "100k"]
    assert chart.count("band shaded") == 1 and chart.count("dashed") == 1


def test_stages_follow_one_another_to_where_the_run_has_come():
    rows = [
        {"kimg": 1.0, "stage": 0, "resolution": 4, "phase": "stabilize"},
        {"kimg": 2.0, "stage": 0, "resolution": 4, "phase": "stabilize"},
        {"kimg": 3.0, "stage": 1, "resolution": 8, "phase": "fade_in", "alpha": 0.5},
    ]
    assert stage_bands(rows) == [Band("4 px", 0, 2, False), Band("4→8 px", 2, 3, True)]


# The page


def make_score(kimg, value, num_images):
    shown = round(kimg * 1000)
    return Score(
        *("swd", {"average": value}, {"average": 2.5}, "average", "lower", shown, 0, 4, 8, 1),
        *(num_images, "none", 0, "made up", "average_generator", "images.npz", "ab" * 32),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run with two scores that compare, its report, and what mistakes got."""
    folder = tmp_path_factory.mktemp("report")
    make_small_run(str(folder / "a <run>"))
    (folder / "empty").mkdir()
    for kimg, value, count in ((0.008, 61.5, 64), (0.016, 4444.5, 9), (0.032, 17.25, 64)):
        append_scores(str(folder / "a <run>"), [make_score(kimg, value, count)])
    calls = [["--run_dir=a <run>", "--output=new/report.html", "--clip_seconds=0.5"]]
    calls += [[], ["--run_dir=empty"], ["--run_dir=a <run>", "--output=report.txt"]]
    calls += [["--run_dir=a <run>", "--output=new/report.html/x.html"]]
    (status, out, err), *mistakes = run_calls("report.py", calls, folder)
    assert (status, err) == (0, "")
    assert "Wrote new/report.html" in out
    for flag, (status, _, err) in zip(
        ("run_dir", "run_dir", "output", "output"), mistakes, strict=True
    ):
        assert status == 2 and len(err.strip().splitlines()) == 1 and f"--{flag}" in err, err
    assert list((folder / "empty").iterdir()) == [] and not (folder / "report.txt").exists()
    return folder


class _Addresses(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.addresses = [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [value for name, value in attributes if name in ("src", "href")]


def test_everything_is_in_the_file(folder):
    page = (folder / "new/report.html").read_text()
    assert [path.name for path in (folder / "new").iterdir()] == ["report.html"]
    parser = _Addresses()
    parser.feed(page)
    assert not {"link", "iframe", "b>small"} & set(parser.tags)
    assert all(address.startswith("data:image/") for address in parser.addresses)
    assert not re.search(r"url\(|@import|https?://", page)
    # Two stages, clip, samples and reals; losses, scores, norm, speed and the metric.
    assert len(parser.addresses) == 5
    assert parser.tags.count("svg") == 5
    for words in ("a &lt;run&gt;", "made up &amp; &lt;b&gt;small", "17.25", "reals against reals"):
        assert words in page
    # Measured with other numbers of pictures: no part of the curve.
    assert ">4000<" not in page
    # Folded away.
    settings = re.search(r"<details>(.*)</details>", page, re.DOTALL)[1]
    assert re.search(r"schedule\.batch_<wbr>size</th><td>4:16<", settings)
    # The page ends with commands for this run, which has come to its end: 0.032 kimg.
    commands = re.findall(r"<code>(.*?)</code>", page.rpartition("</details>")[2])
    assert [html.unescape(command) for command in commands] == [
        "python train.py --flagfile='a <run>/flags.txt' --total_kimg=0.064",
        "python generate.py --run_dir='a <run>' --grid=8x4 --output=grid.png",
        "python export.py --run_dir='a <run>' --export_dir=exports/'a <run>'",
        "tensorboard --logdir='a <run>'",
    ]


@pytest.mark.browser
def test_it_opens_from_disk_without_a_network_on_a_desk_and_on_a_telephone(
    folder, browser, tmp_path
):
    def picture_of(part, **options):
        part.screenshot(path=str(tmp_path / "picture.png"), **options)
        return np.asarray(Image.open(tmp_path / "picture.png").convert("RGB")).astype(int)

    def values_shown(page):
        return page.locator(".tip:visible").inner_text().splitlines()

    backgrounds, asked, wrong = [], [], []
    for width, scheme in ((1200, "light"), (360, "dark")):
        size = {"width": width, "height": 800}
        page = browser.new_context(viewport=size, color_scheme=scheme, offline=True).new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: wrong.append(message.text))
        page.goto((folder / "new/report.html").as_uri())
        sizes = page.eval_on_selector_all("img", "all => all.map(one => one.naturalWidth)")
        assert len(sizes) == 5
        assert min(sizes) >= 32
        # Nothing sticks out to the side.
        assert page.evaluate("document.documentElement.scrollWidth") == width
        backgrounds.append(picture_of(page)[2, 2].mean())
        # Curves are seen in their color: blue, far from the paper and from gray.
        drawn = picture_of(page.locator("svg").first)
        assert (drawn[..., 2] - drawn[..., 0] > 60).sum() > 50
        # The values at the pointer, near the first of two ticks; then those of the second.
        assert page.locator(".tip:visible").count() == 0
        losses = page.locator("svg").first
        losses.hover(position={"x": losses.bounding_box()["width"] / 3, "y": 40})
        first = ["0.008 kimg, 4 px", "discriminator loss 0", "generator loss 8"]
        assert values_shown(page) == first
        assert page.locator(".cursor").count() == 1
        page.mouse.move(0, 0)
        assert page.locator(".tip:visible").count() == 0
        losses.focus()  # shows again what was looked at last
        assert values_shown(page) == first
        page.keyboard.press("ArrowRight")
        second = ["0.032 kimg, 8 px", "discriminator loss 0", "generator loss 32"]
        assert values_shown(page) == second
        page.keyboard.press("Home")
        assert values_shown(page) == first
        page.keyboard.press("Escape")
        assert page.locator(".tip:visible").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") == width
    assert all(url.startswith(("file:", "data:")) for url in asked)
    assert wrong == []
    assert backgrounds[0] > 240
    assert backgrounds[1] < 50
