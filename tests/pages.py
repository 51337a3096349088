"""HTML pages as text, and texts that try to be more than that."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html.parser import HTMLParser

HOSTILE = (
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "<img src=x onerror=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "]]>",
    "\u2028\u2029",
    "exe.\u202egnp.py",
    "'\" onfocus=alert(1) autofocus='",
    "&lt;b&gt;",
    "</style><b>",
    "a\nb\x00\x1b[31m",
)

#: HTML's elements without an end tag.
VOID = {"br", "img", "input", "link", "meta"}


class Page(HTMLParser):
    """A page as a browser without scripts shows it; fails on tags that do not nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", data))

    @property
    def shown(self) -> str:
        texts = (text for tag, text in self.texts if tag not in ("script", "style", "title"))
        return " ".join(" ".join(texts).split())

    def attributes(self, name: str) -> Iterator[str]:
        return (attributes[name] or "" for _, attributes in self.elements if name in attributes)

    @property
    def data(self) -> dict[str, list[str]]:
        (text,) = (
            text for tag, text in self.texts if tag == "script" and text.startswith('{"strings"')
        )
        return dict(json.loads(text))
