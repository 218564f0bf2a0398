"""Takes the picture in the README: `python demo/screenshot.py FOLDER docs/images/demo.png`.

FOLDER is an export of `export.py --format=tfjs`. Needs Chromium and Playwright, as the tests do.
"""

import io
import pathlib
import sys

from PIL import Image

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))
from tests.helpers.pages import chromium, served

VIEWS = (("light", "view=grid&seed=4"), ("dark", "view=picture&seed=8"))
# The first pictures are slow, and the time that is shown is a median of nine.
SEEDS_ON = 9
SIZE = {"width": 520, "height": 880}


def main(folder: str, output: str) -> None:
    """Writes two views of the page, side by side."""
    shots = []
    with served(folder) as address, chromium() as browser:
        for scheme, words in VIEWS:
            page = browser.new_page(viewport=SIZE, color_scheme=scheme)
            page.goto(f"{address}#{words}")
            page.wait_for_selector("body[data-ready]")
            page.wait_for_timeout(1500)
            if "picture" in words:
                for _ in range(SEEDS_ON):
                    page.keyboard.press("ArrowRight")
                    page.wait_for_timeout(200)
            shots.append(Image.open(io.BytesIO(page.screenshot())))
    both = Image.new("RGB", (len(shots) * SIZE["width"], SIZE["height"]))
    for i, shot in enumerate(shots):
        both.paste(shot, (i * SIZE["width"], 0))
    both.save(output, optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
