"""The web page with several generators, in a browser."""

import pytest

from pgan_tf.exporting.gallery import PAGE
from tests.helpers import demo
from tests.helpers.pages import served


@pytest.fixture(scope="package")
def site(tmp_path_factory):
    """An address with the generators of `demo.GENERATORS`, what they were made from, its folder."""
    folder = tmp_path_factory.mktemp("web")
    trained = demo.export_all(folder)
    written = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    page = {str(path.relative_to(PAGE)) for path in PAGE.rglob("*") if path.is_file()}
    others = {name for name in written if name.startswith(("models", "pgan-export.json"))}
    assert written - others == page - {"built.json"} | {"preview.png", "icon.png"}
    with served(folder) as address:
        yield address, trained, folder


@pytest.fixture
def page(browser, site):
    with demo.tab(browser, site[0], f"file://{PAGE}/", demo.CDN) as page:
        yield page
