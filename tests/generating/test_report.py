"""The page about a run: what is in it, and what a browser without a network makes of it."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from pgan_tf.generating.charts import Band, Line, draw_chart, round_ticks
from pgan_tf.generating.report import stage_bands
from pgan_tf.metrics.score import Score
from pgan_tf.metrics.score_log import append_scores
from tests.helpers.command_calls import run_calls
from tests.helpers.pages import chromium
from tests.helpers.small_run import make_small_run

# Charts


@pytest.mark.parametrize(
    ("low", "high"),
    [(0, 1), (-3.7, 12.1), (0.0011, 0.0012), (1e5, 3e6), (-5, -5), (0, 0), (-1e-9, 1e9), (7, 7.5)],
)
def test_ticks_are_few_even_and_round_and_hold_everything(low, high):
    ticks = round_ticks(low, high)
    assert 3 <= len(ticks) <= 7
    steps = np.diff(ticks)
    unseen = 1e-5 * steps[0]
    assert ticks[0] <= low + unseen
    assert ticks[-1] >= high - unseen
    np.testing.assert_allclose(steps, steps[0], rtol=1e-6)
    assert f"{steps[0]:.0e}"[0] in "125"


def points_of(chart):
    return [
        [tuple(map(float, point.split(","))) for point in points.split()]
        for points in re.findall(r'<polyline[^>]* points="([^"]*)"', chart)
    ]


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


def test_a_curve_without_numbers_is_named_all_the_same():
    chart = draw_chart("loss", [Line("generator", [(1, None)])])
    assert "no number" in chart
    assert points_of(chart) == []


def test_stages_follow_one_another_to_where_the_run_has_come():
    rows = [
        {"kimg": 1.0, "stage": 0, "resolution": 4, "phase": "stabilize"},
        {"kimg": 2.0, "stage": 0, "resolution": 4, "phase": "stabilize"},
        {"kimg": 3.0, "stage": 1, "resolution": 8, "phase": "fade_in", "alpha": 0.5},
    ]
    assert stage_bands(rows) == [Band("4 px", 0, 2, False), Band("4→8 px", 2, 3, True)]


# The page


def make_score(kimg, value, num_images):
    return Score(
        metric="swd",
        values={"average": value},
        floor={"average": 2.5},
        headline="average",
        better="lower",
        images_shown=round(kimg * 1000),
        stage=0,
        stage_resolution=4,
        resolution=8,
        metric_version=1,
        num_images=num_images,
        filter="none",
        seed=0,
        data="made up",
        network="average_generator",
        checkpoint="images.npz",
        weights_sha256="ab" * 32,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run with two scores that compare, and its report."""
    folder = tmp_path_factory.mktemp("report")
    make_small_run(str(folder / "a <run>"))
    for kimg, value, count in ((0.008, 61.5, 64), (0.016, 4444.5, 9), (0.032, 17.25, 64)):
        scores = [make_score(kimg, value, count)]
        append_scores(str(folder / "a <run>"), scores)
    call = ["--run_dir=a <run>", "--output=new/report.html", "--clip_seconds=0.5"]
    ((status, out, err),) = run_calls("report.py", [call], folder)
    assert (status, err) == (0, "")
    assert "Wrote new/report.html" in out
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
    assert not {"script", "link", "iframe", "b>small"} & set(parser.tags)
    assert all(address.startswith("data:image/") for address in parser.addresses)
    assert not re.search(r"url\(|@import|https?://", page)
    # Two stages, clip, samples and reals; losses, scores, norm, speed and the metric.
    assert len(parser.addresses) == 5
    assert parser.tags.count("svg") == 5
    for words in ("a &lt;run&gt;", "made up &amp; &lt;b&gt;small", "17.25", "reals against reals"):
        assert words in page
    # Measured with other numbers of pictures: no part of the curve.
    assert ">4000<" not in page
    assert re.search(r"schedule\.batch_<wbr>size</th><td>4:16<", page)


def test_mistakes_are_one_line(folder):
    (folder / "empty").mkdir()
    calls = [[], ["--run_dir=empty"], ["--run_dir=a <run>", "--output=new/report.html/x.html"]]
    calls.append(["--run_dir=a <run>", "--output=report.txt"])
    results = run_calls("report.py", calls, folder)
    for flag, (status, _, err) in zip(
        ("run_dir", "run_dir", "output", "output"), results, strict=True
    ):
        assert status == 2, err
        assert len(err.strip().splitlines()) == 1
        assert f"--{flag}" in err
    assert list((folder / "empty").iterdir()) == []
    assert not (folder / "report.txt").exists()


@pytest.mark.browser
def test_it_opens_from_disk_without_a_network_on_a_desk_and_on_a_telephone(folder, tmp_path):
    backgrounds = []
    with chromium() as browser:
        for width, scheme in ((1200, "light"), (360, "dark")):
            context = browser.new_context(
                viewport={"width": width, "height": 800}, color_scheme=scheme, offline=True
            )
            page = context.new_page()
            asked, wrong = [], []
            page.on("request", lambda request, asked=asked: asked.append(request.url))
            page.on("console", lambda message, wrong=wrong: wrong.append(message.text))
            page.goto((folder / "new/report.html").as_uri())
            sizes = page.eval_on_selector_all("img", "all => all.map(one => one.naturalWidth)")
            assert len(sizes) == 5
            assert min(sizes) >= 32
            assert all(url.startswith(("file:", "data:")) for url in asked)
            assert wrong == []
            # Nothing sticks out to the side.
            assert page.evaluate("document.documentElement.scrollWidth") == width
            page.screenshot(path=str(tmp_path / "page.png"), full_page=True)
            picture = np.asarray(Image.open(tmp_path / "page.png").convert("RGB")).astype(int)
            assert picture.shape[1] == width
            backgrounds.append(picture[2, 2].mean())
            # Curves are seen in their colour: blue, far from the paper and from gray.
            chart = page.locator("svg").first
            chart.screenshot(path=str(tmp_path / "chart.png"))
            drawn = np.asarray(Image.open(tmp_path / "chart.png").convert("RGB")).astype(int)
            assert (drawn[..., 2] - drawn[..., 0] > 60).sum() > 50
    assert backgrounds[0] > 240
    assert backgrounds[1] < 50
