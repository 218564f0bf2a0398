"""The notebooks run, in a clone and with an installed package, and are kept with their outputs."""

import json
from concurrent.futures import ThreadPoolExecutor

import nbformat
import pytest
from nbclient import NotebookClient

from tests.helpers.places import ROOT

NOTEBOOKS = sorted(ROOT.glob("notebooks/*.ipynb"))


def outputs_of(notebook):
    cells = json.loads(notebook.read_text())["cells"]
    return [cell["outputs"] for cell in cells if cell["cell_type"] == "code"]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_kept_small_with_its_pictures_and_without_warnings(notebook):
    text = notebook.read_text()
    assert len(text) < 1_500_000
    assert text.count('"image/png"') >= 3
    assert not any(place in text for place in ("/home/", "/tmp/", "/Users/", str(ROOT)))
    for outputs in outputs_of(notebook):
        for output in outputs:
            assert output["output_type"] != "error"
            assert output.get("name") != "stderr", output["text"]


def execute(name, folder):
    notebook = nbformat.read(ROOT / "notebooks" / name, 4)
    # Raises an error for a cell that fails, as one does whose claim does not hold.
    client = NotebookClient(notebook, timeout=900, resources={"metadata": {"path": str(folder)}})
    with ThreadPoolExecutor() as pool:  # a thread without Playwright's event loop
        pool.submit(client.execute).result()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["paper.ipynb", "latents.ipynb"])
def test_what_it_claims_holds_in_a_clone(monkeypatch, name):
    monkeypatch.delenv("PYTHONPATH")
    execute(name, ROOT / "notebooks")


@pytest.mark.slow
def test_the_quickstart_goes_through_with_the_package_installed(tmp_path):
    """The project is found from anywhere, as `tests/conftest.py` sees to."""
    execute("quickstart.ipynb", tmp_path)
    assert (tmp_path / "exports/quickstart/1/saved_model.pb").exists()
