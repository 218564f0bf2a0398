"""Builds the pages of docs/ as a site: `sphinx-build -W docs build/site`."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

project = "pgan-tf"
project_copyright = "the authors of pgan-tf"
extensions = ["myst_parser", "sphinx_copybutton"]
myst_heading_anchors = 4
html_theme = "furo"
html_title = "pgan-tf"
# JSON shortened with "…" and other output is shown as it is, not colored.
highlight_language = "none"
