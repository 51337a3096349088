"""The HTML report, as text: what it holds, and that names from strangers stay text."""

from __future__ import annotations

import re
import time

import pytest
from pages import HOSTILE, Page
from reports import cause, comparison, content, difference, document, folders

from samebytes.report.html import html_page
from samebytes.report.visible import visible


@pytest.mark.parametrize("name", HOSTILE)
def test_names_from_strangers_stay_text(name: str) -> None:
    plain, hostile = (
        Page(
            html_page(
                document(
                    comparison(
                        cause(difference(member=each, field=each, first=each, second="b")),
                        cause(difference(member=each), difference(member="two"), reason=each),
                        contents=[content(each, ["-", each], ["+", f"{each}."], [" ", each])],
                        filename=each,
                        backend=each,
                    ),
                    first=each,
                ),
                {"tar-mtime": "Text."},
            )
        )
        for each in ("plain", name)
    )
    assert [tag for tag, _ in hostile.elements] == [tag for tag, _ in plain.elements]
    assert {key for _, some in hostile.elements for key in some} == {
        key for _, some in plain.elements for key in some
    }
    assert visible(name) in hostile.data["strings"]
    assert all(text.isprintable() for text in hostile.data["strings"])
    assert hostile.shown.count(visible(name)) == plain.shown.count("plain")


def test_tabs_of_contents_stay() -> None:
    page = Page(html_page(document(comparison(contents=[content("a", ["+", "\tx\r"])])), {}))
    assert ("div", "+\tx\\x0d") in page.texts


def test_parts_of_lines_that_changed_are_marked() -> None:
    lines = (["-", "Version: 2.4"], ["-", "gone"], ["+", "Version: 2.5"], ["+", "other"])
    page = Page(html_page(document(comparison(contents=[content("a", *lines)])), {}))
    assert [text for tag, text in page.texts if tag == "mark"] == ["4", "5"]


def test_without_javascript() -> None:
    times = [difference(member=f"a/{number}.py", first=str(number)) for number in range(6910)]
    page = Page(
        html_page(
            document(
                comparison(
                    cause(*times, name="no-epoch", reason="By `times`.", fix="Set **it**."),
                    contents=[content("PKG-INFO", ["-", "A: 1"], ["+", "A: 2"], omitted=1)],
                )
            ),
            {"tar-mtime": "The `mtime`.\n\nSecond **paragraph**.", "umask": "Not here."},
        )
    )
    for text in (
        "Different The files differ in metadata and code",
        "demo-1.0.tar.gz",
        "tar in gzip",
        "1,234 bytes",
        "setuptools 84.2.1",
        "0" * 64,
        "title of no-epoch 6,910",
        "By times .",
        "What to do: Set it .",
        "time of a member in the tar tar-mtime",
        "+ 2026-01-01",
        "a/19.py \N{MINUS SIGN} 19",
        "and 6,890 more",
        "PKG-INFO",
        "-A: 1",
        "+A: 2",
        "1 more line is not shown.",
        "The mtime . Second paragraph .",
    ):
        assert text.replace(" ", "") in page.shown.replace("\xa0", "").replace(" ", ""), text
    assert "a/20.py" not in page.shown
    assert "Not here" not in page.shown
    assert "#about-tar-mtime" in page.attributes("href")
    assert "about-tar-mtime" in page.attributes("id")


@pytest.mark.parametrize(
    ("verdict", "claim"),
    [
        ("identical", "Identical Both files are the same bytes."),
        (
            "equivalent",
            "Equivalent The 2 corrections below, applied to the second file, give the first "
            "byte for byte, compressed by zlib 1.2.13, level 9. No member's content or executable "
            "bit differs.",
        ),
        (
            "different",
            "Different The files differ in metadata and code: 1 difference in what they contain, "
            "2 in how they are packed.",
        ),
    ],
)
def test_what_is_claimed(verdict: str, claim: str) -> None:
    causes = [] if verdict == "identical" else [cause(difference("a"), difference("b"))]
    if verdict == "different":
        causes.append(cause(difference("a", kind="member-content", level="content")))
    page = Page(html_page(document(comparison(*causes, verdict=verdict)), {}))
    assert claim in page.shown


def test_contents_come_before_packing() -> None:
    text = html_page(
        document(
            comparison(
                cause(difference("a"), name="no-epoch"),
                cause(
                    difference("a"),
                    difference("b", kind="member-content", level="content"),
                    name="other-source",
                ),
            )
        ),
        {},
    )
    shown = Page(text).shown
    order = (
        "title of other-source",
        "content of a member",
        "time of a member",
        "title of no-epoch",
    )
    places = [shown.index(each) for each in order]
    assert places == sorted(places)


def test_what_all_rows_share_is_said_once() -> None:
    rows = [difference(f"{number}.py", first="left", second="right") for number in range(5)]
    shown = Page(html_page(document(comparison(cause(*rows))), {})).shown
    assert (shown.count("left"), shown.count("right"), shown.count("3.py")) == (1, 1, 1)


def test_folders() -> None:
    page = Page(html_page(folders(), {}))
    assert "Different 3 pairs of files: 1 different, 1 equivalent and 1 identical." in page.shown
    assert "1 file has no counterpart." in page.shown
    assert "Only in the first folder lonely.whl" in page.shown
    pairs = [some for tag, some in page.elements if (some.get("class") or "").startswith("pair")]
    assert [some["class"] for some in pairs] == [
        "pair different",
        "pair equivalent",
        "pair identical",
    ]
    assert ["open" in some for some in pairs] == [True, False, False]


def test_loads_nothing() -> None:
    text = html_page(folders(), {"tar-mtime": "Text."})
    page = Page(text)
    assert not re.search(r"https?:|@import|url\(", text)
    assert not any(page.attributes("src"))
    assert all(target.startswith("#") for target in page.attributes("href"))
    assert not any(page.attributes("style"))
    (policy,) = (some for some in page.attributes("content") if "-src" in some)
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy


def test_our_own_files_can_be_inlined() -> None:
    page = Page(html_page(folders(), {}))
    tags = [tag for tag, _ in page.elements]
    assert (tags.count("script"), tags.count("style")) == (2, 1)


def test_ids_are_unique() -> None:
    ids = list(Page(html_page(folders(), {"tar-mtime": "Text."})).attributes("id"))
    assert len(ids) == len(set(ids))


def test_50000_differences() -> None:
    kinds = ("tar-mtime", "tar-owner", "tar-mode", "tar-format", "zip-mtime")
    rows = [
        difference(f"demo-1.0/package/module/file_{number}.py", kind=kind, first=f"value {number}")
        for kind in kinds
        for number in range(10_000)
    ]
    start = time.process_time()
    text = html_page(document(comparison(cause(*rows))), {})
    assert time.process_time() - start < 5
    assert len(text) < 4_000_000
    data = Page(text).data
    assert len(data["groups"]) == 5
    assert len(data["strings"]) == 20_002
