"""The links of a project's page in HTML.

Specification: https://packaging.python.org/specifications/simple-repository-api/#base-html-api

The parsers of the standard library and of pypi-simple take minutes for some pages of 100 kB; this
one takes one look at each character, and gives up where others would start to guess.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from urllib.parse import urljoin

_TAG = re.compile(r"""<(/?)([a-zA-Z][^\s/<>"']*+)((?:[^<>"']++|"[^"]*+"|'[^']*+')*+)>""")
_ATTRIBUTE = re.compile(
    r"""([^\s=/"'<>]++)(?:\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s"'<>]++)))?+"""
)

#: Where a tag, a comment or a declaration begins; any other ``<`` is text.
_BEGIN = re.compile(r"<(?=/?[a-zA-Z]|[!?])")

#: What is between these tags is no markup.
_RAW = frozenset({"script", "style", "textarea", "title"})

#: Characters of a tag, and of the text of a link, that are more than any index needs.
_LONGEST = 16 * 1024


@dataclass(slots=True, kw_only=True)
class Anchor:
    """A link: where it leads, its attributes by their names in lower case, and its text."""

    url: str
    attributes: dict[str, str]
    text: str = ""


@dataclass(slots=True, kw_only=True)
class Links:
    """What a page has: the version of the API that it says it is of, if it does, and its links."""

    version: str | None = None
    anchors: list[Anchor] = field(default_factory=list)


def read_links(text: str, url: str, most: int) -> Links:
    """Read a page that came from ``url``, on which relative links depend.

    Raises ValueError when it has more than ``most`` links, or tags without an end.
    """
    reader = _Reader(text=text, base=url, most=most)
    reader.read()
    return reader.links


@dataclass(slots=True, kw_only=True)
class _Reader:
    text: str
    base: str
    most: int
    links: Links = field(default_factory=Links)
    is_in_anchor: bool = False
    has_base: bool = False

    def read(self) -> None:
        place = 0
        while found := _BEGIN.search(self.text, place):
            start = found.start()
            self._add_text(place, start)
            if (tag := _TAG.match(self.text, start)) is None:
                place = self._end_of_other(start)
                continue
            place = tag.end()
            if place - start > _LONGEST:
                raise ValueError("its page has a tag that is too long")
            if tag[1]:
                self.is_in_anchor = self.is_in_anchor and tag[2].lower() != "a"
            else:
                place = self._open(tag[2].lower(), _attributes(tag[3]), place)
        self._add_text(place, len(self.text))

    def _add_text(self, start: int, end: int) -> None:
        if self.is_in_anchor and start < end:
            anchor = self.links.anchors[-1]
            if len(anchor.text) < _LONGEST:
                anchor.text += html.unescape(self.text[start : min(end, start + _LONGEST)])

    def _open(self, name: str, attributes: dict[str, str], place: int) -> int:
        """Take notice of a tag that ends at ``place``; returns where to read on."""
        if name == "a":
            self._open_anchor(attributes)
        elif name == "meta" and attributes.get("name") == "pypi:repository-version":
            self.links.version = attributes.get("content")
        elif name == "base" and "href" in attributes and not self.has_base:
            self.has_base = True
            self.base = urljoin(self.base, attributes["href"])
        elif name in _RAW:
            end = re.compile(f"</{name}", re.IGNORECASE).search(self.text, place)
            return end.start() if end else len(self.text)
        return place

    def _open_anchor(self, attributes: dict[str, str]) -> None:
        """A link ends where the next one begins, as in every browser."""
        self.is_in_anchor = "href" in attributes
        if self.is_in_anchor:
            if len(self.links.anchors) >= self.most:
                raise ValueError(f"its page has more than {self.most} links")
            url = urljoin(self.base, attributes["href"].strip())
            self.links.anchors.append(Anchor(url=url, attributes=attributes))

    def _end_of_other(self, start: int) -> int:
        """Where a comment or a declaration ends that begins at ``start``."""
        if self.text.startswith("<!--", start):
            closing = "-->"
        elif self.text.startswith(("<!", "<?"), start):
            closing = ">"
        else:
            raise ValueError("its page has a tag without an end")
        end = self.text.find(closing, start)
        if end < 0:
            raise ValueError("its page has a comment without an end")
        return end + len(closing)


def _attributes(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, *values in _ATTRIBUTE.findall(text):
        found.setdefault(name.lower(), html.unescape("".join(values)))
    return found
