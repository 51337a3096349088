"""The site of an audit in the system's Chromium, served as any web server would."""

from __future__ import annotations

import functools
import http.server
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import sites
import verifications as made
from playwright.sync_api import Browser, Locator, Page, expect
from test_browser import (
    PHONE,
    ROOT,
    TEXTS,
    assert_contrast,
    assert_fits,
    browser,
    tab_to,
    unfold_all,
    within,
)

from samebytes.report.site.writer import write

__all__ = ["browser"]  # a fixture

pytestmark = pytest.mark.slow

Open = Callable[..., Page]

COUNT = 500
ARTIFACT = f"projects/gamma/{sites.wheel('gamma', '3.0')}.html"
PAGES = (
    "index.html",
    "artifacts/all/1.html",
    "projects/alpha/index.html",
    ARTIFACT,
    ARTIFACT.replace(".html", ".report.html"),
    f"projects/delta/{sites.wheel('delta', '0.9')}.html",
    f"projects/eta/{sites.wheel('eta', '1.0')}.html",
    f"projects/theta/{sites.wheel('theta', '1.0')}.html",
)
HOSTILE = "<img src=x onerror=alert(1)>"


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    with sites.store(folder / "store.sqlite") as store:
        sites.fill(store)
        sites.fill_many(store, COUNT)
        sites.put(store, made.identical(), "hostile", filename=f"{HOSTILE}.whl", backend=HOSTILE)
        write(folder / "site", sites.figures(store), title="Audit of everything")
    return folder / "site"


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


@pytest.fixture
def open_page(browser: Browser, address: str) -> Iterator[Open]:
    """Opens a page; nothing may be asked of another server, and nothing complained of."""
    contexts, requests, complaints = [], [], []

    def opened(path: str = "index.html", **options: object) -> Page:
        context = browser.new_context(**options)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(dialog.message))
        page.goto(path if ":" in path else address + path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert all(request.startswith((address, "file:")) for request in requests)
    assert complaints == []


def links(page: Page) -> Locator:
    return page.locator("#artifacts tbody th > a:first-child")


def found(page: Page) -> Locator:
    return page.locator("#found")


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.textContent"))


def test_filter_open_follow_and_back_by_keyboard(open_page: Open) -> None:
    page = open_page()
    expect(found(page)).to_have_text("1 to 50 of 510 artifacts")
    page.keyboard.press("/")
    expect(page.locator("#text")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.locator("#backend")).to_be_focused()
    page.keyboard.type("flit")
    expect(found(page)).to_contain_text(re.compile("^1 to 50 of [0-9]{2,3} artifacts$"))
    page.keyboard.press("Shift+Tab")
    page.keyboard.type("Different")
    expect(page).to_have_url(re.compile("#verdict=different&backend=flit$"))
    told = found(page).text_content()
    assert told is not None
    tab_to(page, "gamma-3.0")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Different")
    tab_to(page, "Full comparison")
    page.keyboard.press("Enter")
    expect(page.get_by_text("What changed inside")).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("phantom")
    page.keyboard.press("Escape")
    expect(page.locator("output")).to_have_text("5 differences")
    page.go_back()
    expect(page.locator("#differences")).to_be_visible()
    page.go_back()
    expect(page.locator("#backend")).to_have_value("=flit")
    expect(page.locator("#verdict")).to_have_value("=different")
    expect(found(page)).to_have_text(told)
    expect(page.locator(":focus")).to_have_text(sites.wheel("gamma", "3.0"))
    expect(page.locator(":focus")).to_be_in_viewport()


class TestTable:
    def test_back_undoes_a_filter(self, open_page: Open) -> None:
        page = open_page()
        page.locator("#verdict").select_option("=unbuildable")
        expect(found(page)).to_have_text("1 to 50 of 52 artifacts")
        page.locator("#next").click()
        expect(found(page)).to_have_text("51 to 52 of 52 artifacts")
        page.reload()
        expect(found(page)).to_have_text("51 to 52 of 52 artifacts")
        page.go_back()
        expect(found(page)).to_have_text("1 to 50 of 52 artifacts")
        page.go_back()
        expect(found(page)).to_have_text("1 to 50 of 510 artifacts")
        expect(page.locator("#verdict")).to_have_value("")

    def test_text(self, open_page: Open) -> None:
        page = open_page()
        page.locator("#text").fill("PROJECT-000123 3.")
        expect(found(page)).to_have_text("1 to 1 of 1 artifact")
        expect(links(page)).to_have_text([re.compile("^project_000123-3")])
        page.locator("#text").fill("there is no such thing")
        expect(found(page)).to_have_text("No artifact is like this.")
        page.get_by_role("button", name="Clear").click()
        expect(found(page)).to_have_text("1 to 50 of 510 artifacts")
        expect(page.locator("#text")).to_have_value("")

    def test_sorting(self, open_page: Open) -> None:
        page = open_page()
        for _ in range(2):
            page.get_by_role("button", name="Artifact").click()
        head = page.get_by_role("columnheader", name="Artifact")
        page.get_by_role("button", name="Artifact").click()
        expect(head).to_have_attribute("aria-sort", "descending")
        expect(links(page).first).to_have_text(sites.wheel("zeta", "1.0"))
        page.get_by_role("button", name="Uploaded").click()
        expect(page.locator("tbody .date").first).to_have_text("2013-01-01")

    def test_links_of_the_front_page_filter(self, open_page: Open) -> None:
        page = open_page()
        page.locator(".tiles").get_by_role("link", name="Different").click()
        expect(found(page)).to_contain_text("of 51 artifacts")
        expect(page.locator("#artifacts-title")).to_be_in_viewport()
        expect(page.locator("#verdict")).to_have_value("=different")

    def test_names_from_strangers_do_nothing(self, open_page: Open) -> None:
        page = open_page("index.html#text=onerror")
        expect(links(page)).to_have_text([f"{HOSTILE}.whl"])
        links(page).click()
        expect(page.locator("h1")).to_have_text("Identical")
        expect(page.locator("main img")).to_have_count(0)


class TestLooks:
    @pytest.mark.parametrize("path", PAGES)
    def test_nothing_runs_over_the_edge(self, open_page: Open, path: str) -> None:
        for width in (320, 360, 768, 1280):
            page = open_page(path, viewport={"width": width, "height": 740})
            assert_fits(page)
            unfold_all(page)
            assert_fits(page)

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_contrast(self, open_page: Open, scheme: str) -> None:
        texts = f"{TEXTS}, .lead, .figure, .tiles p, .mark, .what, .of, .date, .trail a, .legend"
        looked_at: set[str] = set()
        for path in PAGES:
            page = open_page(path, color_scheme=scheme)
            unfold_all(page)
            looked_at |= assert_contrast(page, f"{texts}, .trail span, .button, option, .foot")
        assert {"lead", "figure", "mark different", "what", "of", "date", "button"} <= looked_at

    @pytest.mark.parametrize("path", PAGES)
    def test_headings_are_in_order(self, open_page: Open, path: str) -> None:
        page = open_page(path)
        unfold_all(page)
        levels = page.locator("h1, h2, h3, h4, h5").evaluate_all(
            "found => found.filter(e => e.checkVisibility()).map(e => Number(e.localName[1]))"
        )
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after <= before + 1 for before, after in pairwise(levels)), levels

    @pytest.mark.parametrize("path", PAGES)
    def test_names_and_focus(self, open_page: Open, path: str) -> None:
        page = open_page(path)
        expect(page.locator("html")).to_have_attribute("lang", "en")
        for _ in range(25):
            page.keyboard.press("Tab")
            outline = "getComputedStyle(document.activeElement).outlineStyle"
            assert page.evaluate(outline) == "solid" or focused(page) == page.evaluate(
                "document.body.textContent"
            )
        names = page.locator("a, button, svg[role=img], img").evaluate_all(
            "all => all.filter(each => each.checkVisibility())"
            ".map(each => each.ariaLabel || each.alt || each.textContent.trim())"
        )
        assert all(names)

    def test_the_answer_is_on_the_first_screen(self, open_page: Open) -> None:
        for viewport in (PHONE, {"width": 1280, "height": 720}):
            page = open_page(viewport=viewport)
            for selector in ("h1", "#shares", "svg.share"):
                expect(page.locator(selector)).to_be_in_viewport(ratio=1)

    def test_printed(self, open_page: Open) -> None:
        page = open_page()
        page.emulate_media(media="print")
        expect(page.locator("#finder")).to_be_hidden()
        expect(page.locator("#shares")).to_be_visible()


class TestWithout:
    def test_javascript(self, open_page: Open) -> None:
        page = open_page(java_script_enabled=False)
        expect(page.locator("#finder")).to_be_hidden()
        expect(links(page)).to_have_count(25)
        page.locator("#static").get_by_role("link", name="flit").click()
        expect(page.locator("h1")).to_have_text("flit")
        page.get_by_role("link", name=sites.wheel("gamma", "3.0")).click()
        page.get_by_role("link", name="Full comparison").click()
        expect(page.get_by_role("heading", name="What changed inside")).to_be_visible()
        page.get_by_role("link", name="gamma", exact=True).click()
        expect(page.locator("h1")).to_have_text("gamma")

    def test_pages_follow_each_other(self, open_page: Open) -> None:
        page = open_page("artifacts/all/1.html", java_script_enabled=False)
        for number in range(2, 4):
            page.get_by_role("link", name="Next").first.click()
            expect(page).to_have_title(f"All artifacts, page {number}: Audit of everything")
        expect(page.get_by_role("link", name="Next")).to_have_count(0)

    def test_a_server(self, open_page: Open, folder: Path) -> None:
        page = open_page((folder / "index.html").as_uri(), color_scheme="dark")
        expect(page.locator("#finder")).to_be_hidden()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(14, 17, 22)"
        page.locator("#artifacts tbody a").first.click()
        page.get_by_role("link", name="alpha", exact=True).first.click()
        expect(page.locator("h1")).to_have_text("alpha")


def test_what_is_to_be_copied(open_page: Open, address: str) -> None:
    granted = ["clipboard-read", "clipboard-write"]
    page = open_page("projects/alpha/index.html", permissions=granted)
    page.get_by_role("button", name="Copy the Markdown of the badge").click()
    place = f"{address}projects/alpha"
    expected = f"[![samebytes]({place}/badge.svg)]({place}/index.html)"
    assert page.evaluate("navigator.clipboard.readText()") == expected
    page = open_page(ARTIFACT, permissions=granted)
    page.get_by_role("button", name="Copy the command").click()
    assert page.evaluate("navigator.clipboard.readText()") == "samebytes verify gamma==3.0"


def test_badge_is_drawn(open_page: Open) -> None:
    page = open_page("projects/alpha/index.html")
    width = page.locator("img").evaluate("image => image.complete && image.naturalWidth")
    assert 100 < width < 160


def test_filtering_takes_no_time(open_page: Open) -> None:
    page = open_page()
    expect(found(page)).to_have_text("1 to 50 of 510 artifacts")
    with within(page, 1):
        page.locator("#text").fill("0001")
        expect(found(page)).to_have_text("1 to 50 of 144 artifacts")


def test_screenshot(folder: Path, tmp_path: Path) -> None:
    picture = tmp_path / "site.png"
    script = [sys.executable, str(ROOT / "docs/screenshot.py")]
    subprocess.run([*script, str(folder), str(picture), "1200x1000", "dark"], check=True)
    assert picture.read_bytes().startswith(b"\x89PNG")
