"""Takes the picture of a report of ``samebytes diff --html``, in the system's Chromium.

python docs/screenshot.py REPORT.html docs/report.png [WIDTHxHEIGHT] [light|dark]
"""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from browser import FLAGS, MISSING, find_chromium


def main(report: str, picture: str, size: str = "1200x860", scheme: str = "light") -> None:
    width, height = map(int, size.split("x"))
    chromium = find_chromium()
    if chromium is None:
        raise SystemExit(MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        page = browser.new_page(
            viewport={"width": width, "height": height},
            color_scheme="dark" if scheme == "dark" else "light",
        )
        page.goto(Path(report).resolve().as_uri())
        page.screenshot(path=picture)
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
