"""The links of an index's page in HTML; pages by strangers must not hold us for long."""

from __future__ import annotations

import time

import pytest

from samebytes.index.links import read_links

BASE = "https://index.example/simple/small/"


def links(text: str) -> list[tuple[str, str]]:
    return [(a.text, a.url.removeprefix(BASE)) for a in read_links(text, BASE, 9).anchors]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('<a href="x">a</a>', [("a", "x")]),
        ("<A HREF='x' >a</A >", [("a", "x")]),
        ("<a class=b href=x>a</a>", [("a", "x")]),
        ('<a\n href = "x"\n>a<br/>b\n</a>c', [("ab\n", "x")]),
        ('<a data-x=">" href="a&amp;b#c">&lt;b&gt;</a>', [("<b>", "a&b#c")]),
        ('<a href="x" href="y">a</a>', [("a", "x")]),
        ('<a href="x">a<a href="y">b</a></a>', [("a", "x"), ("b", "y")]),
        ('<a href="x">a<b>b</b> c</a> d', [("ab c", "x")]),
        ('<a href="x">a', [("a", "x")]),
        ("<a>a</a><a name=x>b</a><abbr href=x>c</abbr>", []),
        ('<!-- <a href="x">a</a> --><!DOCTYPE x><?php ?><a href="y">b</a>', [("b", "y")]),
        ('<script>if (a<b) "<a href=x>"</script><a href="y">b</a>', [("b", "y")]),
        ('<a href="x">1 < 2 <3 </ 4</a>', [("1 < 2 <3 </ 4", "x")]),
        ('<base href="../"><base href="z"><a href="x">a</a>', [("a", BASE[:-6] + "x")]),
        ('<a href="https://b.example/x">a</a>', [("a", "https://b.example/x")]),
        ("", []),
    ],
)
def test_links(text: str, expected: list[tuple[str, str]]) -> None:
    assert links(text) == expected


def test_attributes_and_version() -> None:
    found = read_links(
        '<meta name="pypi:repository-version" content="1.4"><meta name="x" content="9">'
        '<a href=x data-yanked DATA-requires-python="&gt;=3.9" data-x="">a</a>',
        BASE,
        9,
    )
    assert found.version == "1.4"
    assert found.anchors[0].attributes == {
        "href": "x",
        "data-yanked": "",
        "data-requires-python": ">=3.9",
        "data-x": "",
    }


@pytest.mark.parametrize(
    ("piece", "reason"),
    [
        ("<a ", "without an end"),
        ('<a x="', "without an end"),
        ("</a ", "without an end"),
        ("<!--", "comment"),
        ("<!", "comment"),
        ("<a x", "without an end"),
        ('<a href="x">y', "more than 9 links"),
        ("<a " + "x " * 9000 + ">", "too long"),
        ("<a href='" + "x" * 20_000 + "'>", "too long"),
    ],
)
def test_refused_at_once(piece: str, reason: str) -> None:
    started = time.monotonic()
    with pytest.raises(ValueError, match=reason):
        read_links(piece * (2_000_000 // len(piece)), BASE, 9)
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("piece", ["<", "<b>x", "<a>", "</a>", "&", "< a", "<script>", "<b =''>"])
def test_read_at_once(piece: str) -> None:
    started = time.monotonic()
    (anchor,) = read_links("<a href=x>" + piece * (500_000 // len(piece)), BASE, 9).anchors
    assert len(anchor.text) < 40_000
    assert time.monotonic() - started < 2
