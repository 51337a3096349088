"""What is around every page of the site: its files, its trail, and what it is all made of."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from importlib.resources.abc import Traversable

from samebytes import __version__
from samebytes.report.templates import asset

#: Files that all pages share, and where they come from.
ASSETS: Mapping[str, str] = {
    "icon.svg": "site/icon.svg",
    "page.css": "page.css",
    "page.js": "page.js",
    "site.css": "site/site.css",
    "site.js": "site/site.js",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chrome:
    """``root`` leads from a page to the front page's folder, ``trail`` is what lies between.

    ``stamp`` is of all that makes pages: the program, its templates, and the title.
    """

    title: str
    stamp: str
    digests: Mapping[str, str]
    root: str = ""
    trail: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, title: str) -> Chrome:
        digests = {name: _digest(asset(path).encode()) for name, path in ASSETS.items()}
        parts = [__version__, title, *(_digest(text) for text in _sources())]
        return cls(title=title, stamp=_digest("\0".join(parts).encode()), digests=digests)

    def asset(self, name: str) -> str:
        """Where a file that pages share is; another address once it is another file."""
        return f"{self.root}assets/{name}?{self.digests[name]}"

    def at(self, depth: int, *trail: tuple[str, str]) -> Chrome:
        """That of a page so many folders below the front page."""
        return replace(self, root="../" * depth, trail=trail)


def _sources() -> Iterator[bytes]:
    """Everything that has a say in what a page looks like."""
    package = files("samebytes")
    for folder in ("report", "explanations"):
        yield from _texts(package / folder)


def _texts(folder: Traversable) -> Iterator[bytes]:
    for path in sorted(folder.iterdir(), key=lambda each: each.name):
        if path.is_dir():
            yield from _texts(path)
        elif path.name.endswith((".css", ".html", ".js", ".md", ".py", ".svg")):
            yield path.read_bytes()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
