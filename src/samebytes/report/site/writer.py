"""Writes the site of what a store holds: what changed, and the front page last."""

from __future__ import annotations

import heapq
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from jinja2 import TemplateError

from samebytes import __version__
from samebytes.fleet.store.documents import DAMAGE
from samebytes.fleet.store.figures import Figures
from samebytes.report.explanations import entries
from samebytes.report.site import plots
from samebytes.report.site.chrome import ASSETS, Chrome
from samebytes.report.site.folder import SiteFolder, Unit
from samebytes.report.site.pages import Maker, Page, Project
from samebytes.report.site.tables import Entry, Tables, list_href
from samebytes.report.site.words import CLAIMS, VERDICTS, Summary, Urgency, urgent
from samebytes.report.templates import asset, render

#: Artifacts that are recorded as ours at a time, and how many the front page warns of.
_BATCH, _WARNINGS = 300, 8
#: What a document gives that is of no shape that we know.
_ODD = (*DAMAGE, AttributeError, LookupError, TemplateError)

#: Told how many artifacts are done, and how many there are.
Progress = Callable[[int, int], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What was done: files that were made, and artifacts of which there are pages."""

    artifacts: int
    files: int
    removed: int


def write(
    folder: Path,
    figures: Figures,
    *,
    title: str = "Audit",
    command: str = "samebytes audit",
    progress: Progress = lambda _done, _of: None,
) -> Written:
    """Bring the site in ``folder`` up to date; ``command`` is what the audit was told.

    What is not changed is not made again, what is not there any more is removed, as far as it is
    ours. Ended at any moment, it leaves pages that are whole, and goes on when called again.

    Raises UserError where the folder holds something else, or cannot be written.
    """
    chrome = Chrome.of(title)
    with SiteFolder.open(folder) as site:
        writer = _Writer(site, figures, chrome)
        for name, path in ASSETS.items():
            text = asset(path)
            unit = Unit(path=f"assets/{name}", stamp=chrome.digests[name], suffixes=("",))
            site.put_if_other(unit, {"": text})
        writer.artifacts(progress)
        writer.front(command)
        removed = site.remove_others()
        return Written(artifacts=writer.counted, files=site.written, removed=removed)


class _Writer:
    def __init__(self, site: SiteFolder, figures: Figures, chrome: Chrome) -> None:
        self._site = site
        self._figures = figures
        self._chrome = chrome
        self._totals = figures.shares()
        self._tables = Tables(site, chrome, self._totals)
        self._maker = Maker(chrome, entries())
        self._groups: Counter[tuple[str, str | None, str | None]] = Counter()
        self._warnings: list[tuple[tuple[int, bool, float, int], Entry]] = []
        self._urgent: Counter[Urgency] = Counter()
        self._projects = 0
        self._latest: datetime | None = None
        self.counted = 0

    def artifacts(self, progress: Progress) -> None:
        """Every page but the front page, in one pass."""
        total = sum(self._totals.values())
        for projects in self._batches():
            self._write(projects)
            self._projects += len(projects)
            progress(self.counted, max(total, self.counted))
        self._tables.finish()

    def front(self, command: str) -> None:
        """The front page, and its figures as JSON."""
        verdicts: Counter[str] = Counter()
        backends: Counter[tuple[str | None, str]] = Counter()
        months: Counter[tuple[str | None, str]] = Counter()
        for (verdict, backend, month), count in self._groups.items():
            verdicts[verdict] += count
            backends[backend, verdict] += count
            months[month, verdict] += count
        warnings = [entry for _, entry in sorted(self._warnings, key=lambda each: each[0])]
        document = self._document(command, verdicts, backends, months)
        made_at = datetime.fromisoformat(str(document["made_at"]))
        times = plots.by_time(months)
        text = render(
            "site/front.html",
            site=self._chrome.at(0),
            command=command,
            generator=document["generator"],
            made_at=f"{made_at:%Y-%m-%d %H:%M} UTC",
            latest=f"{self._latest:%Y-%m-%d %H:%M} UTC" if self._latest else "",
            total=verdicts.total(),
            projects=self._projects,
            verified=verdicts["identical"] + verdicts["equivalent"],
            share=plots.bar("all", verdicts),
            claims=CLAIMS,
            verdicts=[verdict for verdict in VERDICTS if verdicts[verdict] or verdict != "pending"],
            backends=plots.bars(backends),
            backend_names=sorted({backend or plots.UNKNOWN for backend, _ in backends}),
            times=times,
            undated=verdicts.total() - sum(bar.total for bar in times.bars),
            warnings=warnings,
            urgent=urgent(self._urgent),
            list_href=list_href,
            rows=self._tables.first,
        )
        # The picture last: who sees it can follow its links.
        unit = Unit(path="index", stamp="", suffixes=(".html", ".json"))
        self._site.claim([unit])
        json_text = json.dumps(document, ensure_ascii=False, indent=1) + "\n"
        self._site.put(unit, {".html": text, ".json": json_text})

    def _document(
        self,
        command: str,
        verdicts: Mapping[str, int],
        backends: Mapping[tuple[str | None, str], int],
        months: Mapping[tuple[str | None, str], int],
    ) -> dict[str, Any]:
        return {
            "version": 1,
            "title": self._chrome.title,
            "generator": f"samebytes {__version__}",
            "command": command,
            "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "latest_verdict_at": self._latest and self._latest.isoformat(timespec="seconds"),
            "artifacts": self.counted,
            "projects": self._projects,
            "verdicts": {verdict: verdicts[verdict] for verdict in VERDICTS},
            "backends": _by_name(backends),
            "months": _by_name(months),
        }

    def _batches(self) -> Iterator[list[Project]]:
        batch: list[Project] = []
        size = 0
        for _, rows in groupby(self._figures.rows(), key=lambda row: row.project):
            found = [(row, tuple(self._figures.attempts(row))) for row in rows]
            batch.append(Project(self._chrome, found))
            size += len(found)
            if size >= _BATCH:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def _write(self, projects: Iterable[Project]) -> None:
        """First it is recorded what is to be made, then it is made."""
        summaries = [
            {page.name: self._kept(page) for page in project.pages} for project in projects
        ]
        both = list(zip(projects, summaries, strict=True))
        changed = {project for project in projects if self._site.kept(project.unit) is None}
        self._site.claim(
            page.unit
            for project, notes in both
            for page in project.pages
            if notes[page.name] is None
        )
        self._site.claim(project.unit for project in changed)
        for project, notes in both:
            found = {page.name: notes[page.name] or self._make(page) for page in project.pages}
            if project in changed:
                self._site.put(project.unit, project.texts(found))
            for page in project.pages:
                self._add(page, found[page.name])

    def _kept(self, page: Page) -> Summary | None:
        """What is said of an artifact whose page is there as it would be made now."""
        note = self._site.kept(page.unit)
        with suppress(*DAMAGE):
            return None if note is None else Summary.load(note)
        return None

    def _make(self, page: Page) -> Summary:
        found = self._figures.documents(page.row)
        try:
            texts, summary = self._maker.texts(page, found)
        except _ODD:
            # One that nobody thought of is not to be the end of all other pages.
            self._figures.damaged(page.row.filename)
            texts, summary = self._maker.texts(page, None)
        self._site.put(page.unit, texts, summary.dump())
        return summary

    def _add(self, page: Page, summary: Summary) -> None:
        row, entry = page.row, Entry.of(page, summary)
        self.counted += 1
        self._tables.add(entry)
        self._groups[row.verdict, row.backend, row.month] += 1
        if row.finished_at and (self._latest is None or row.finished_at > self._latest):
            self._latest = row.finished_at
        if summary.urgency is not Urgency.NONE:
            self._urgent[summary.urgency] += 1
            rank = float("inf") if row.rank is None else float(row.rank)
            key = (int(summary.urgency), row.verdict != "different", rank, self.counted)
            self._warnings = heapq.nsmallest(
                _WARNINGS, [*self._warnings, (key, entry)], key=lambda each: each[0]
            )


def _by_name(counts: Mapping[tuple[str | None, str], int]) -> list[dict[str, object]]:
    named: dict[str | None, dict[str, int]] = {}
    for (name, verdict), count in counts.items():
        named.setdefault(name, {})[verdict] = count
    return [
        {"name": name, "verdicts": dict(sorted(named[name].items()))}
        for name in sorted(named, key=lambda name: (name is None, name or ""))
    ]
