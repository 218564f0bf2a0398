"""What the docs show of the code is as the code is."""

import re
import subprocess
import sys

import pytest

from docs.drawing import architecture, growth
from tests.helpers.places import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
FILES = {path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py")}


@pytest.mark.parametrize("drawing", [architecture, growth])
def test_a_drawing_is_up_to_date(drawing):
    assert drawing.PICTURE.read_text() == drawing.draw(), f"run python -m {drawing.__name__}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_files_that_a_page_names_exist(page):
    for name in re.findall(r"`([\w/]+\.py)`", page.read_text()):
        assert any(f"/{file}".endswith(f"/{name}") for file in FILES), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page):
    prose = re.sub(r"^    .*", "", page.read_text(), flags=re.MULTILINE)  # without code
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", prose):
        assert (page.parent / target).exists(), target


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path):
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q"]
    subprocess.run([*command, ROOT / "docs", tmp_path], check=True)
    assert (tmp_path / "tour.html").exists()
