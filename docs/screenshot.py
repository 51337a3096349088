"""Takes the picture of a report of ``samebytes diff --html``, in the system's Chromium.

python docs/screenshot.py REPORT.html docs/report.png [WIDTHxHEIGHT] [light|dark]

Of a folder, that of the site in it: ``samebytes audit --html DIR``.

python docs/screenshot.py DIR docs/site.png 1200x1240
"""

from __future__ import annotations

import http.server
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from browser import FLAGS, MISSING, find_chromium


def main(report: str, picture: str, size: str = "1200x860", scheme: str = "light") -> None:
    width, height = map(int, size.split("x"))
    chromium = find_chromium()
    if chromium is None:
        raise SystemExit(MISSING)
    with sync_playwright() as playwright, served(Path(report).resolve()) as address:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        page = browser.new_page(
            viewport={"width": width, "height": height},
            color_scheme="dark" if scheme == "dark" else "light",
        )
        page.goto(address, wait_until="networkidle")
        page.screenshot(path=picture)
        browser.close()


@contextmanager
def served(path: Path) -> Iterator[str]:
    """The address of a file, or of a folder, which needs a server."""
    if path.is_file():
        yield path.as_uri()
        return
    handler = partial(Quiet, directory=str(path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    main(*sys.argv[1:])
