"""The table of all artifacts: pages to read without a script, and parts for the script to load."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from samebytes.report.site.chrome import Chrome
from samebytes.report.site.folder import SiteFolder, Unit
from samebytes.report.site.names import link, segment
from samebytes.report.site.pages import Page
from samebytes.report.site.plots import UNKNOWN
from samebytes.report.site.words import VERDICTS, Summary
from samebytes.report.templates import render
from samebytes.report.visible import visible

#: Rows of a page, of the front page, and of a part that the script loads.
PER_PAGE, FIRST, PER_PART = 200, 25, 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One row of the table; the addresses are from the front page."""

    project: str
    version: str
    filename: str
    verdict: str
    what: str
    backend: str
    uploaded: str
    href: str
    project_href: str

    @classmethod
    def of(cls, page: Page, summary: Summary) -> Entry:
        return cls(
            project=page.project.name,
            version=str(page.row.version),
            filename=page.row.filename,
            verdict=page.row.verdict,
            what=summary.what,
            backend=page.row.backend or UNKNOWN,
            uploaded=page.uploaded,
            href=page.href,
            project_href=page.project.href,
        )


def list_path(kind: str, name: str) -> str:
    """The folder of a list: that of a verdict, or of a backend."""
    return f"artifacts/{segment(name)}" if kind == "verdict" else f"artifacts/by-{segment(name)}"


def list_href(kind: str, name: str) -> str:
    return link(*list_path(kind, name).split("/"), "1.html")


@dataclass(slots=True)
class _List:
    """Pages of one selection, written as they fill; one page behind, so as to know the last."""

    title: str
    path: str
    total: int
    entries: list[Entry] = field(default_factory=list)
    number: int = 1


class Tables:
    """Takes every artifact in the order of the table, and writes its pages and parts."""

    def __init__(self, site: SiteFolder, chrome: Chrome, totals: Mapping[str, int]) -> None:
        """``totals`` are how many there are of each verdict, as far as is known beforehand."""
        self._site = site
        self._chrome = chrome
        self._all = _List("All artifacts", "artifacts/all", sum(totals.values()))
        self._verdicts = {
            verdict: _List(verdict, list_path("verdict", verdict), totals.get(verdict, 0))
            for verdict in VERDICTS
        }
        self._backends: dict[str, _List] = {}
        self._part: list[Entry] = []
        self._facets = _Facets()
        self.first: list[Entry] = []

    def add(self, entry: Entry) -> None:
        if len(self.first) < FIRST:
            self.first.append(entry)
        backend = entry.backend
        if backend not in self._backends:
            self._backends[backend] = _List(backend, list_path("backend", backend), 0)
        for each in (self._all, self._verdicts[entry.verdict], self._backends[backend]):
            self._append(each, entry)
        self._part.append(entry)
        if len(self._part) == PER_PART:
            self._write_part()

    def finish(self) -> None:
        """What is left over, and the index of the parts."""
        for each in (self._all, *self._verdicts.values(), *self._backends.values()):
            if each.entries:
                self._write_page(each, is_last=True)
        if self._part:
            self._write_part()
        self._put("data/facets", ".json", _json(self._facets.document()))

    def _append(self, pages: _List, entry: Entry) -> None:
        if len(pages.entries) == PER_PAGE:
            self._write_page(pages, is_last=False)
        pages.entries.append(entry)

    def _write_page(self, pages: _List, *, is_last: bool) -> None:
        text = render(
            "site/list.html",
            site=self._chrome.at(2, ("Artifacts", "../all/1.html"), (pages.title, "")),
            title=pages.title,
            rows=pages.entries,
            number=pages.number,
            first=(pages.number - 1) * PER_PAGE + 1,
            total=pages.total,
            is_last=is_last,
        )
        self._put(f"{pages.path}/{pages.number}", ".html", text)
        pages.entries.clear()
        pages.number += 1

    def _write_part(self) -> None:
        number = self._facets.add(self._part)
        self._put(f"data/{number}", ".json", _json(_part(self._part)))
        self._part.clear()

    def _put(self, path: str, suffix: str, text: str) -> None:
        stamp = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
        self._site.put_if_other(Unit(path=path, stamp=stamp, suffixes=(suffix,)), {suffix: text})


class _Facets:
    """How many of what each part holds, so that a filter loads only what it needs."""

    def __init__(self) -> None:
        self._names: dict[str, dict[str, int]] = {"verdicts": {}, "backends": {}, "years": {}}
        self._parts: list[dict[str, Any]] = []
        self._rows = 0

    def add(self, entries: Sequence[Entry]) -> int:
        """Returns the number of the part, from 1."""
        counts = Counter((each.verdict, each.backend, each.uploaded[:4]) for each in entries)
        self._rows += len(entries)
        self._parts.append(
            {
                "first": entries[0].project,
                "last": entries[-1].project,
                "counts": [
                    [
                        self._place("verdicts", verdict),
                        self._place("backends", visible(backend)),
                        self._place("years", year),
                        count,
                    ]
                    for (verdict, backend, year), count in counts.items()
                ],
            }
        )
        return len(self._parts)

    def document(self) -> dict[str, object]:
        names = {name: list(places) for name, places in self._names.items()}
        return {"version": 1, "rows": self._rows, **names, "parts": self._parts}

    def _place(self, kind: str, name: str) -> int:
        places = self._names[kind]
        return places.setdefault(name, len(places))


def _part(entries: Sequence[Entry]) -> dict[str, object]:
    """Each text once; the script shows them as they are."""
    texts: dict[str, int] = {}

    def place(text: str) -> int:
        return texts.setdefault(visible(text), len(texts))

    rows = [
        [
            place(each.project),
            visible(each.version),
            visible(each.filename),
            place(each.verdict),
            place(each.what),
            place(each.backend),
            each.uploaded,
            _address(each),
        ]
        for each in entries
    ]
    return {"version": 1, "texts": list(texts), "rows": rows}


def _address(entry: Entry) -> str:
    """Of its page; empty where it is as anyone would expect."""
    expected = link("projects", entry.project, f"{entry.filename}.html")
    return "" if entry.href == expected else entry.href


def _json(document: Mapping[str, object]) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n"
