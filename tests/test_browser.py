"""The HTML report in the system's Chromium, without network."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import verifications
from browser import FLAGS, MISSING, find_chromium
from conftest import Command
from django_tree import RELEASES, published_sdist, rebuilt
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright
from projects import own_backend, write
from reports import cause, comparison, content, difference, document, folders

from samebytes.report.check_page import check_page
from samebytes.report.explanations import entries
from samebytes.report.html import html_page
from samebytes.report.verification_page import verification_page
from samebytes.verify.verification import Verification

ROOT = Path(__file__).parents[1]
PHONE = {"width": 360, "height": 740}

#: Everything that is text, by what it looks like.
TEXTS = (
    ".command code, h1, .verdict p, small, dt, dd, dd code, button, label, output, h2, .title, "
    ".title code, .level, .field, .count, .fix, .fix ~ p, .about, .shared .old, .shared .new, "
    ".rows code, .rows .old, .rows .new, .rest, .diff .old, .diff .new, .diff .both, .diff .gap, "
    ".diff mark, .word, .entry p, .alert h2, .alert p, .alert li, .alert code, .note, th, td, "
    "td code"
)
COLOURS = """elements => elements.filter(e => e.checkVisibility()).map(element => {
  let behind = element;
  while (getComputedStyle(behind).backgroundColor === "rgba(0, 0, 0, 0)") {
    behind = behind.parentElement;
  }
  const name = element.className || element.localName;
  return [name, getComputedStyle(element).color, getComputedStyle(behind).backgroundColor];
})"""

Open = Callable[..., Page]

pytestmark = pytest.mark.slow


def chromium() -> str:
    found = find_chromium()
    if found is not None:
        return found
    if os.environ.get("CI"):
        pytest.fail(MISSING)
    pytest.skip(MISSING)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Opens a report, or a document as one; nothing may be fetched, and nothing complained of."""
    contexts, requests, complaints = [], [], []

    def opened(report: Path | dict[str, Any], **options: Any) -> Page:
        if isinstance(report, dict):
            entries = {"tar-mtime": "A **time**, as `tar` has it.", "umask": "A mask."}
            path = tmp_path / "report.html"
            path.write_text(html_page(report, entries), encoding="utf-8")
        else:
            path = report
        context = browser.new_context(offline=True, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(dialog.message))
        page.goto(path.as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert all(request.startswith("file:") for request in requests)
    assert complaints == []


def times(count: int) -> list[dict[str, Any]]:
    return [difference(f"demo-1.0/file_{number}.py", first=f"{number}") for number in range(count)]


def sample() -> dict[str, Any]:
    """One of each thing that a page can show."""
    long = "x" * 500
    return document(
        comparison(
            cause(*times(10_000), difference(long, "tar-mode", field=long, first=long, second="")),
            cause(difference(None, "member-content", level="content"), name="other-source"),
            contents=[
                content(
                    f"{long}.txt",
                    ["-", f"same old {long}"],
                    ["+", f"same new {long}"],
                    ["@", "12 equal lines"],
                    [" ", "both"],
                    omitted=3,
                )
            ],
            filename=f"{long}.tar.gz",
        )
    )


def group(page: Page, kind: str) -> Locator:
    return page.locator("[data-group]", has=page.locator("summary code", has_text=kind))


def assert_fits(page: Page) -> None:
    width = page.evaluate("document.documentElement.scrollWidth")
    viewport = page.viewport_size
    assert viewport is not None
    assert width <= viewport["width"]


def tab_to(page: Page, text: str) -> None:
    """Go on with the keyboard to where the text is."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if text in page.evaluate("document.activeElement.textContent"):
            return
    pytest.fail(f"{text} cannot be reached by the keyboard")


def assert_contrast(page: Page, texts: str = TEXTS) -> set[str]:
    """Every text can be read; returns what was looked at."""
    found = page.locator(texts).evaluate_all(COLOURS)
    for name, text, behind in found:
        assert contrast(text, behind) >= 4.5, (name, text, behind)
    return {name for name, _, _ in found}


@contextmanager
def within(page: Page, seconds: float) -> Iterator[None]:
    """Bounds how long the page is busy, in seconds of its main thread's own time."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def busy() -> float:
        metrics = session.send("Performance.getMetrics")["metrics"]
        (found,) = (each["value"] for each in metrics if each["name"] == "TaskDuration")
        return float(found)

    start = busy()
    yield
    assert 0 < busy() - start < seconds


def unfold_all(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")


class TestFilter:
    def test_counts(self, open_page: Open) -> None:
        page = open_page(sample())
        output = page.locator("output")
        expect(output).to_have_text("10,002 differences")
        page.locator("#filter").fill("FILE_99 umask")
        expect(output).to_have_text("111 of 10,002 differences")
        expect(group(page, "tar-mtime").locator(".count")).to_have_text("111 of 10,000")
        expect(group(page, "tar-mode")).to_be_hidden()
        expect(page.get_by_text("title of other-source")).to_be_hidden()
        page.locator("#filter").fill("other-source")
        expect(output).to_have_text("1 of 10,002 differences")
        expect(group(page, "tar-mtime")).to_be_hidden()

    def test_few_are_unfolded(self, open_page: Open) -> None:
        page = open_page(folders())
        rows = group(page, "member-content")
        expect(page.locator("details.pair[open]")).to_have_count(1)
        page.locator("#filter").fill("demo-1.0.zip")
        expect(page.locator("details.pair:visible")).to_have_count(1)
        expect(rows).to_be_hidden()
        page.keyboard.press("Escape")
        expect(page.locator("details.pair:visible")).to_have_count(3)
        expect(page.locator("details.pair[open]")).to_have_count(1)


class TestKeyboard:
    def test_filter(self, open_page: Open) -> None:
        page = open_page(sample())
        page.keyboard.press("/")
        expect(page.locator("#filter")).to_be_focused()
        page.keyboard.type("file_1234")
        expect(page.locator("output")).to_have_text("1 of 10,002 differences")
        expect(page.get_by_text("demo-1.0/file_1234.py")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator("#filter")).to_have_value("")
        expect(page.locator("output")).to_have_text("10,002 differences")
        expect(page.get_by_text("demo-1.0/file_1234.py")).to_be_hidden()

    def test_fold_and_read_on(self, open_page: Open) -> None:
        page = open_page(document(comparison(cause(*times(300)))))
        rows = page.locator(".rows li")
        page.keyboard.press("/")
        tab_to(page, "tar-mtime")
        expect(rows.first).to_be_hidden()
        page.keyboard.press("Enter")
        expect(rows).to_have_count(200)
        page.keyboard.press("Tab")
        expect(page.locator(".about:focus")).to_have_text("What is tar-mtime?")
        page.keyboard.press("Tab")
        page.keyboard.press("Space")
        expect(rows).to_have_count(300)
        expect(rows.nth(200)).to_be_focused()
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Space")
        expect(rows.first).to_be_hidden()

    def test_what_is_it(self, open_page: Open) -> None:
        page = open_page(sample())
        tab_to(page, "What is umask?")
        page.keyboard.press("Enter")
        expect(page.get_by_text("A mask.")).to_be_in_viewport()

    def test_focus_is_seen(self, open_page: Open) -> None:
        page = open_page(sample())
        for _ in range(12):
            page.keyboard.press("Tab")
            outline = "getComputedStyle(document.activeElement).outlineStyle"
            assert page.evaluate(outline) == "solid"


class TestLooks:
    @pytest.mark.parametrize("made", [sample, folders], ids=lambda made: made.__name__)
    def test_nothing_runs_over_the_edge(self, open_page: Open, made: Callable[[], Any]) -> None:
        for width in (320, 360, 768, 1280):
            page = open_page(made(), viewport={"width": width, "height": 740})
            assert_fits(page)
            unfold_all(page)
            expect(page.locator(".artifact:visible")).to_have_count(
                page.locator(".artifact").count()
            )
            assert_fits(page)

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_contrast(self, open_page: Open, scheme: str) -> None:
        looked_at: set[str] = set()
        for made in (sample(), folders()):
            page = open_page(made, color_scheme=scheme)
            unfold_all(page)
            expect(page.locator(".diff").first).to_be_visible()
            looked_at |= assert_contrast(page)
        assert {"old", "new", "mark", "rest", "count", "fix", "h1", "about"} <= looked_at

    def test_schemes_differ(self, open_page: Open) -> None:
        colours = [
            open_page(sample(), color_scheme=scheme).evaluate(
                "getComputedStyle(document.body).backgroundColor"
            )
            for scheme in ("light", "dark")
        ]
        assert colours[0] != colours[1]

    def test_answer_is_on_the_first_screen(self, open_page: Open) -> None:
        made = document(comparison(cause(*times(10)), verdict="equivalent"))
        for viewport in (PHONE, {"width": 1280, "height": 720}):
            page = open_page(made, viewport=viewport)
            for selector in ("h1", ".cause h3", ".fix"):
                expect(page.locator(selector)).to_be_in_viewport(ratio=1)

    def test_printed(self, open_page: Open) -> None:
        page = open_page(sample())
        page.emulate_media(media="print")
        expect(page.get_by_text("demo-1.0/file_19.py")).to_be_visible()
        expect(page.get_by_text("and 9,980 more")).to_be_visible()
        expect(page.locator(".filter")).to_be_hidden()


def luminance(colour: str) -> float:
    """Relative luminance, by WCAG 2.2."""
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (int(number) / 255 for number in re.findall(r"\d+", colour)[:3])
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, two: str) -> float:
    darker, lighter = sorted(map(luminance, (one, two)))
    return (lighter + 0.05) / (darker + 0.05)


def test_10000_rows_open_at_once(open_page: Open) -> None:
    page = open_page(sample())
    summary = group(page, "tar-mtime").locator("summary")
    with within(page, 1):
        summary.click()
        expect(page.locator(".rows li")).to_have_count(200)
    more = group(page, "tar-mtime").locator("button")
    with within(page, 5):
        more.evaluate("button => { while (!button.hidden) { button.click() } }")
        expect(page.locator(".rows li")).to_have_count(10_000)


def test_50000_differences(open_page: Open) -> None:
    rows = [
        difference(f"demo-1.0/file_{number}.py", kind, first=f"{number}")
        for kind in ("tar-mtime", "tar-owner", "tar-mode", "tar-format", "tar-type")
        for number in range(10_000)
    ]
    page = open_page(document(comparison(cause(*rows))))
    expect(page.locator("output")).to_have_text("50,000 differences")
    with within(page, 2):
        page.reload()
        expect(page.locator("output")).to_have_text("50,000 differences")
    with within(page, 1):
        page.locator("#filter").fill("file_123")
        expect(page.locator("output")).to_have_text("55 of 50,000 differences")


def test_names_from_strangers_do_nothing(open_page: Open) -> None:
    name = "<img src=x onerror=alert(1)></script><script>alert(2)</script>"
    rows = [difference(f"{number}{name}", first=name) for number in range(30)]
    page = open_page(document(comparison(cause(*rows), filename=name)))
    unfold_all(page)
    expect(page.locator(".rows li")).to_have_count(30)
    expect(page.locator(".rows li").first).to_contain_text(name)
    expect(page.locator("img")).to_have_count(0)


def test_digest_is_copied(open_page: Open) -> None:
    page = open_page(sample(), permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy the SHA-256 of the first file").click()
    assert page.evaluate("navigator.clipboard.readText()") == "0" * 64


def test_without_javascript(open_page: Open) -> None:
    page = open_page(sample(), java_script_enabled=False)
    expect(page.get_by_role("heading", name="Different")).to_be_visible()
    expect(page.locator("#filter")).to_be_hidden()
    group(page, "tar-mtime").locator("summary").click()
    expect(page.locator(".rows li:visible")).to_have_count(20)
    expect(page.get_by_text("and 9,980 more")).to_be_visible()


def test_screenshot(open_page: Open, tmp_path: Path) -> None:
    open_page(sample())
    picture = tmp_path / "report.png"
    script = [sys.executable, str(ROOT / "docs/screenshot.py")]
    subprocess.run([*script, str(tmp_path / "report.html"), str(picture)], check=True)
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size < 150_000


def test_django(folder: Path, samebytes: Command, open_page: Open) -> None:
    """The published sdist beside ours."""
    release = RELEASES[1]
    _, dist = rebuilt(release, samebytes)
    (sdist,) = dist.glob("*.tar.gz")
    report, listed = folder / "report.html", folder / "report.json"
    done = samebytes("diff", published_sdist(release), sdist, "--html", report, "--json", listed)
    assert done.status == 1, done.stderr
    (expected,) = json.loads(listed.read_text())["comparisons"]
    differences = [one for each in expected["explanations"] for one in each["differences"]]
    total = f"{len(differences):,}"
    urls = [one for one in differences if one["kind"] == "tar-mtime" and "urls.py" in one["member"]]
    assert len(differences) > 10_000

    page = open_page(report, viewport=PHONE, color_scheme="dark")
    expect(page.locator("h1")).to_have_text(expected["verdict"].capitalize())
    assert_fits(page)
    page.keyboard.press("/")
    page.keyboard.type("tar-mtime urls.py")
    expect(page.locator("output")).to_have_text(f"{len(urls):,} of {total} differences")
    page.keyboard.press("Escape")
    expect(page.locator("output")).to_have_text(f"{total} differences")
    tab_to(page, "tar-mtime")
    rows = group(page, "tar-mtime").locator("li")
    for key, count in (("Enter", 200), ("Space", 0)):
        page.keyboard.press(key)
        expect(rows.locator("visible=true")).to_have_count(count)
    unfold_all(page)
    expect(rows.locator("visible=true")).to_have_count(200)
    assert_fits(page)
    assert_contrast(page)
    page.screenshot(path=folder / "dark.png", full_page=True)


@pytest.fixture(scope="module")
def page_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a check, with everything that a page can show."""
    finding = {
        "form": "wheel",
        "variations": ["clock"],
        "kinds": ["zip-mtime", "member-content"],
        "members": [f"demo/<b>{number}</b>.py" for number in range(200)],
        "member_count": 4711,
        "differences": 5000,
        "cause": "no-epoch",
        "title": "no SOURCE_DATE_EPOCH",
        "fix": "Set `it`.",
        "example": ["x" * 500, "<script>alert(1)</script>"],
        "detail": "Traceback\n" + "y" * 500,
    }
    pair = {**finding, "variations": ["route", "leftovers"], "cause": "leftovers"}
    chance = {**finding, "variations": ["repeat"], "cause": "repeat", "example": None}
    document = {
        "status": "not-reproducible",
        "source": "demo-1.0.tar.gz",
        "raw": True,
        "tried": ["clock", "route", "leftovers"],
        "not_tried": {"host": "bubblewrap is not installed"},
        "findings": [finding, pair, chance],
        "artifacts": {"demo-1.0.tar.gz": "0" * 64},
    }
    path = tmp_path_factory.mktemp("check") / "check.html"
    path.write_text(check_page(document, "3 of 3 change the bytes", entries()), "utf-8")
    return path


class TestCheck:
    def test_shows_what_was_found(self, page_path: Path, open_page: Open) -> None:
        page = open_page(page_path)
        expect(page.locator("h1")).to_have_text("Not reproducible")
        expect(page.locator(".cause")).to_have_count(3)
        expect(page.locator(".cause").nth(1)).to_contain_text("route + leftovers")
        expect(page.get_by_text("bubblewrap is not installed")).to_be_visible()
        expect(page.get_by_text("and 4,511 more").first).to_be_hidden()
        page.get_by_text("4,711 members").first.click()
        expect(page.get_by_text("and 4,511 more").first).to_be_visible()
        page.get_by_text("What is no-epoch?").first.click()
        expect(page.locator("#about-no-epoch")).to_be_in_viewport()

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_can_be_read_everywhere(self, scheme: str, page_path: Path, open_page: Open) -> None:
        page = open_page(page_path, viewport=PHONE, color_scheme=scheme)
        unfold_all(page)
        assert_fits(page)
        assert {"fix", "old", "new", "both"} <= assert_contrast(page)


class TestVerify:
    @pytest.fixture
    def report(self, tmp_path: Path) -> Callable[..., Path]:
        def written(*found: Verification, **others: Any) -> Path:
            comparisons = [each.comparison for each in found]
            document = verifications.document(*found, **others)
            path = tmp_path / f"{len(list(tmp_path.iterdir()))}.html"
            path.write_text(verification_page(["demo==1.0"], document, comparisons, entries()))
            return path

        return written

    @pytest.fixture
    def several(self, report: Callable[..., Path]) -> Path:
        return report(
            verifications.identical(artifact="same.whl"),
            verifications.equivalent(),
            verifications.different(artifact=f"{'x' * 200}.whl"),
            verifications.unbuildable(artifact="failed.whl"),
            verifications.suspicious(),
            verifications.attested(),
            failed=[verifications.failed()],
            skipped=verifications.skipped(),
        )

    def test_the_answer_and_the_warning_are_on_the_first_screen(
        self, open_page: Open, report: Callable[..., Path]
    ) -> None:
        path = report(verifications.different())
        for viewport in (PHONE, {"width": 1280, "height": 720}):
            page = open_page(path, viewport=viewport)
            expect(page.locator("h1")).to_have_text("Different")
            for text in ("1 phantom member", "demo/extra.pth"):
                expect(page.get_by_text(text).first).to_be_in_viewport(ratio=1)
            assert_fits(page)

    def test_the_log_of_a_build_that_fails(
        self, open_page: Open, report: Callable[..., Path]
    ) -> None:
        page = open_page(report(verifications.unbuildable()), java_script_enabled=False)
        expect(page.locator("h1")).to_have_text("Unbuildable")
        for text in ("The build backend failed", "error: no compiler", "How it was to be built"):
            expect(page.get_by_text(text)).to_be_visible()
        expect(page.locator(".filter")).to_have_count(0)

    def test_the_script_counts_what_the_page_says(self, open_page: Open, several: Path) -> None:
        page = open_page(several)
        expect(page.locator("output")).to_have_text("7 differences")
        expect(page.locator("details.pair[open]")).to_have_count(1)
        counts = page.locator(".pair > summary > .count")
        expect(counts).to_have_text(["5", "2"])
        expect(page.locator(".cause > summary > .count")).to_have_text(["2", "2", "1", "2"])
        page.locator("#filter").fill("extra.pth")
        expect(page.locator("output")).to_have_text("1 of 7 differences")
        expect(page.locator("details.pair:visible")).to_have_count(1)
        expect(page.get_by_text("file, 20 bytes")).to_be_visible()

    def test_files_without_differences_are_found_by_name(
        self, open_page: Open, several: Path
    ) -> None:
        page = open_page(several)
        for name in ("same.whl", "failed.whl", "demo-1.1-py3"):
            page.locator("#filter").fill(name)
            expect(page.locator("details.pair:visible")).to_have_count(1)
            expect(page.locator("details.pair:visible")).to_contain_text(name)
            expect(page.locator("details.pair:visible")).to_have_attribute("open", "")

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_can_be_read_everywhere(self, scheme: str, several: Path, open_page: Open) -> None:
        looked_at: set[str] = set()
        for width in (320, 768, 1280):
            page = open_page(several, viewport={"width": width, "height": 740}, color_scheme=scheme)
            assert_fits(page)
            unfold_all(page)
            expect(page.locator(".alert").first).to_be_visible()
            assert_fits(page)
            looked_at |= assert_contrast(page)
        assert {"h2", "th", "td", "note", "field", "level", "word", "both"} <= looked_at

    def test_printed(self, open_page: Open, several: Path) -> None:
        page = open_page(several)
        page.emulate_media(media="print")
        for text in ("error: no compiler", "wheel==0.45.1", "GitHub demo/demo", "Try again."):
            expect(page.get_by_text(text).first).to_be_visible()

    def test_texts_from_strangers_do_nothing(
        self, open_page: Open, report: Callable[..., Path]
    ) -> None:
        text = "<img src=x onerror=alert(1)></script><script>alert(2)</script>\x1b[31m"
        page = open_page(report(verifications.hostile(text), verifications.hostile_failure(text)))
        unfold_all(page)
        expect(page.locator("img")).to_have_count(0)
        expect(page.locator("script")).to_have_count(2)
        for place in (".alert li", "td", ".log .both", ".note", ".rows li"):
            expect(page.locator(place).filter(has_text=r"</script>\x1b[31m").first).to_be_visible()

    def test_a_tampered_wheel(self, open_page: Open, folder: Path, samebytes: Command) -> None:
        """From the command to the page: a release, changed by one byte after it was built."""
        project = write(folder / "small-1.0", own_backend() | {"PKG-INFO": "Name: small\n"})
        sdist = folder / "small-1.0.tar.gz"
        with tarfile.open(sdist, "w:gz") as archive:
            archive.add(project, project.name)
        wheel, page_path = folder / "small-1.0-py3-none-any.whl", folder / "report.html"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr("small.py", "sane")
            archive.writestr("small-1.0.dist-info/RECORD", "")
        done = samebytes("verify", wheel, "--source", sdist, "--html", page_path)
        assert done.status == 1, done.stderr
        page = open_page(page_path)
        expect(page.locator("h1")).to_have_text("Different")
        expect(page.locator(".verdict")).to_contain_text("They differ in code")
        expect(page.locator(".diff .old")).to_contain_text("sane")
        expect(page.locator(".diff .new")).to_contain_text("same")
        expect(page.get_by_text("the project is its own backend")).to_be_visible()
