"""Serving a folder, and a browser that looks at it: Debian's Chromium, driven by Playwright."""

import contextlib
import functools
import http.server
import shutil
import threading

import pytest
from playwright.sync_api import sync_playwright

CHROMIUM = shutil.which("chromium")


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Says nothing."""

    def log_message(self, *arguments):
        pass


@contextlib.contextmanager
def served(folder):
    """Gives the address of a folder on a plain static server."""
    handler = functools.partial(_Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@contextlib.contextmanager
def chromium(*arguments):
    """Gives a browser; skips the test where Chromium is missing."""
    if not CHROMIUM:
        pytest.skip("needs Chromium: apt-get install chromium")
    with sync_playwright() as api:
        browser = api.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", *arguments], timeout=60_000
        )
        yield browser
        browser.close()
