"""What the docs show of the code is as the code is."""

import re

import pytest

from docs.draw_architecture import PICTURE, draw
from tests.helpers.places import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
FILES = {path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py")}


def test_the_picture_of_the_architecture_is_up_to_date():
    assert PICTURE.read_text() == draw(), "run python -m docs.draw_architecture"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_files_that_a_page_names_exist(page):
    for name in re.findall(r"`([\w/]+\.py)`", page.read_text()):
        assert any(f"/{file}".endswith(f"/{name}") for file in FILES), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page):
    prose = re.sub(r"^    .*", "", page.read_text(), flags=re.MULTILINE)  # without code
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", prose):
        assert (page.parent / target).exists(), target
