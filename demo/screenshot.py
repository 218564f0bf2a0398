"""Takes the picture of the page: `python demo/screenshot.py FOLDER docs/images/demo.png`.

FOLDER is an export of `export.py --format=tfjs`. Needs Chromium and Playwright, as the tests do.
"""

import io
import pathlib
import sys

from PIL import Image

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))
from tests.helpers.pages import chromium, served

# On a wide screen by day, and on a phone by night: scheme, width, and what the address says.
SCREENS = (("light", 1280, "seed=0"), ("dark", 375, "view=grid&seed=4"))
HEIGHT = 812
GAP = 24
# The walk has left its first seed, and the time that is shown is a median of nine.
MILLISECONDS = 6600


def main(folder: str, output: str) -> None:
    """Writes the screens side by side, on a transparent ground."""
    shots = []
    with served(folder) as address, chromium() as browser:
        for scheme, width, words in SCREENS:
            size = {"width": width, "height": HEIGHT}
            page = browser.new_page(viewport=size, color_scheme=scheme)
            page.goto(f"{address}#{words}")
            page.wait_for_selector("body[data-ready]")
            page.wait_for_timeout(MILLISECONDS)
            shots.append(Image.open(io.BytesIO(page.screenshot())))
    width = sum(shot.width for shot in shots) + GAP * (len(shots) - 1)
    screens = Image.new("RGBA", (width, HEIGHT))
    left = 0
    for shot in shots:
        screens.paste(shot, (left, 0))
        left += shot.width + GAP
    screens.save(output, optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
