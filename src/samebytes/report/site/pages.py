"""The pages of artifacts and of projects, and what is beside them as JSON."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from packaging.version import Version

from samebytes.compare.kinds import KINDS
from samebytes.errors import UserError
from samebytes.fleet.record import ComparisonDocument
from samebytes.fleet.store.figures import AttemptRow, Row
from samebytes.report.html import Shown
from samebytes.report.site import badges, plots
from samebytes.report.site.chrome import Chrome
from samebytes.report.site.folder import Unit
from samebytes.report.site.names import link, page_names, segment
from samebytes.report.site.words import Summary, kinds, latest_claim
from samebytes.report.templates import render
from samebytes.report.verification import PHASES, SIGNATURES, Failed, results_document
from samebytes.report.verification_page import file_values
from samebytes.verify.document import Result, spoken
from samebytes.verify.means import Effort

#: Rows of one kind of difference that the page of an artifact shows, and names of phantoms.
_ROWS, _MOST = 5, 20
#: Versions that the picture of a project's history has room for.
_HISTORY = 40
_EFFORT = re.compile(r"\b([0-9]{1,9}) attempts of ([0-9]{1,9}(?:\.[0-9]+)?) s\b")

#: What the store has of an artifact, None where there is nothing or it is damaged.
Documents = tuple[Result, ComparisonDocument | None] | None


@dataclass(frozen=True, kw_only=True)
class Page:
    """An artifact with where its page is; ``name`` is that in the folder of its project."""

    row: Row
    project: Project
    name: str
    attempts: tuple[AttemptRow, ...]

    @cached_property
    def unit(self) -> Unit:
        suffixes = [".html", ".json"]
        if self.row.has_comparison and self.row.verdict != "identical":
            suffixes.append(".report.html")
        beside = [(each.name, each.row.verdict) for each in self.beside]
        made_of = repr((self.project.chrome.stamp, self.row, self.attempts, self.name, beside))
        return Unit(
            path=f"projects/{self.project.folder}/{self.name}",
            stamp=_stamp(made_of),
            suffixes=tuple(suffixes),
        )

    @property
    def beside(self) -> list[Page]:
        """Other files of the same release."""
        return [each for each in self.project.versions[self.row.version] if each is not self]

    @property
    def href(self) -> str:
        """From the front page."""
        return link("projects", self.project.folder, f"{self.name}.html")

    @property
    def uploaded(self) -> str:
        return self.row.uploaded.date().isoformat() if self.row.uploaded else ""


class Project:
    """All artifacts of a project, the newest version first."""

    def __init__(self, chrome: Chrome, rows: Sequence[tuple[Row, tuple[AttemptRow, ...]]]) -> None:
        self.name: str = rows[0][0].project
        self.folder = segment(self.name)
        self.chrome = chrome
        order = sorted(range(len(rows)), key=lambda at: _age(rows[at][0]), reverse=True)
        names = page_names((rows[at][0].filename, str(rows[at][0].sha256)) for at in order)
        named = dict(zip(order, names, strict=True))
        self.pages = [
            Page(row=row, project=self, name=named[at], attempts=attempts)
            for at, (row, attempts) in enumerate(rows)
        ]
        self.versions: dict[Version, list[Page]] = {}
        for page in self.pages:
            self.versions.setdefault(page.row.version, []).append(page)

    @property
    def href(self) -> str:
        return link("projects", self.folder, "index.html")

    @property
    def unit(self) -> Unit:
        stamps = [self.chrome.stamp, *(page.unit.stamp for page in self.pages)]
        return Unit(
            path=f"projects/{self.folder}/",
            stamp=_stamp(repr(stamps)),
            suffixes=("index.html", "index.json", "badge.svg", "badge.json"),
        )

    @property
    def latest(self) -> Version:
        """The newest version; a pre-release if there is nothing else."""
        final = (each for each in self.versions if not each.is_prerelease)
        return next(final, self.pages[0].row.version)

    def texts(self, summaries: Mapping[str, Summary]) -> dict[str, str]:
        """The files of the project, but for those of its artifacts; ``summaries`` by page."""
        verdicts = [page.row.verdict for page in self.versions[self.latest]]
        tone, message = latest_claim(verdicts)
        title = f"{self.name} {self.latest}: {message}"
        site = self.chrome.at(2, (self.name, ""))
        return {
            "index.html": render(
                "site/project.html",
                site=site,
                project=self,
                tone=tone,
                message=message,
                latest=str(self.latest),
                summaries=summaries,
                history=_history(self.versions) if len(self.versions) > 1 else None,
                verified=sum(v in ("identical", "equivalent") for v in verdicts),
                of=len(verdicts),
            ),
            "index.json": _json(self._document(summaries, message)),
            "badge.svg": badges.badge(tone, message, title),
            "badge.json": badges.endpoint(tone, message),
        }

    def _document(self, summaries: Mapping[str, Summary], message: str) -> dict[str, object]:
        return {
            "version": 1,
            "project": self.name,
            "latest": {"version": str(self.latest), "message": message},
            "artifacts": [
                {
                    "filename": page.row.filename,
                    "sha256": str(page.row.sha256),
                    "version": str(page.row.version),
                    "verdict": page.row.verdict,
                    "what": summaries[page.name].what,
                    "backend": page.row.backend,
                    "uploaded": page.row.uploaded and page.row.uploaded.isoformat(),
                    "yanked": page.row.yanked,
                    "finished_at": page.row.finished_at and page.row.finished_at.isoformat(),
                    "page": link(f"{page.name}.html"),
                    "document": link(f"{page.name}.json"),
                }
                for page in self.pages
            ],
        }


class Maker:
    """Makes the files of artifacts; ``entries`` is the documentation of kinds and causes by id."""

    def __init__(self, chrome: Chrome, entries: Mapping[str, str]) -> None:
        self._chrome = chrome
        self._entries = entries

    def texts(self, page: Page, documents: Documents) -> tuple[dict[str, str], Summary]:
        """The files of an artifact by their suffixes, and what it comes to."""
        row = page.row
        if documents is None:
            reason = _NO_VERDICT if row.record is None else _DAMAGED
            error = UserError(reason, hint=_AGAIN)
            failed = results_document([], failed=[Failed(artifact=row.filename, error=error)])
            summary = Summary(what="" if row.record is None else "its record is damaged")
            if row.record is not None:
                summary = Summary(what=summary.what, is_whole=False)
            html = self._html(page, None, reason, is_compared=False)
            return {".html": html, ".json": _json(failed)}, summary
        result, comparison = documents
        is_compared = ".report.html" in page.unit.suffixes and comparison is not None
        texts = {
            ".html": self._html(page, result, "", is_compared=is_compared),
            ".json": _json(results_document([result])),
        }
        if is_compared and comparison is not None:
            texts[".report.html"] = self._report(page, result, comparison)
        return texts, Summary.of(result)

    def _html(self, page: Page, result: Result | None, reason: str, *, is_compared: bool) -> str:
        project = page.project
        trail = ((project.name, "index.html"), (page.row.filename, ""))
        causes = [each["cause"] for each in result["causes"]] if result else []
        differences = (result["corrections"] or result["differences"]) if result else []
        return render(
            "site/artifact.html",
            site=self._chrome.at(2, *trail),
            entries={name: self._entries[name] for name in causes if name in self._entries},
            titles={each["cause"]: each["title"] for each in result["causes"]} if result else {},
            page=page,
            row=page.row,
            file=file_values(result, None) if result else None,
            reason=reason,
            report=link(f"{page.name}.report.html") if is_compared else "",
            document=link(f"{page.name}.json"),
            kinds=list(_shown(differences)),
            most=_MOST,
            rows=_ROWS,
            phases=PHASES,
            signatures=SIGNATURES,
            command=_command(page.row, result),
        )

    def _report(self, page: Page, result: Result, comparison: ComparisonDocument) -> str:
        project = page.project
        trail = (
            (project.name, "index.html"),
            (page.row.filename, link(f"{page.name}.html")),
            ("Comparison", ""),
        )
        shown = Shown(spoken=spoken)
        pair = shown.pair(comparison)
        return shown.page(
            "site/report.html",
            self._entries,
            site=self._chrome.at(2, *trail),
            file=file_values(result, pair),
            pair=pair,
            sides=("Published", "Rebuilt"),
            phases=PHASES,
            back=link(f"{page.name}.html"),
        )


_NO_VERDICT = "It is not verified yet."
_DAMAGED = "What the store holds of this artifact is damaged, and not shown."
_AGAIN = "Run samebytes audit again."


def _shown(differences: Sequence[Mapping[str, Any]]) -> Iterable[dict[str, object]]:
    for (level, kind), rows in kinds(differences).items():
        title = spoken(KINDS[kind].title if kind in KINDS else kind)
        shown = [{**row, "member": row["member"] or "the archive"} for row in rows[:_ROWS]]
        yield {"level": level, "kind": kind, "title": title, "count": len(rows), "rows": shown}


def _command(row: Row, result: Result | None) -> str:
    """What verifies the release again; a commit has to be got first."""
    words = ["samebytes verify", shlex.quote(f"{row.project}=={row.version}")]
    recipe = result and result["recipe"]
    if recipe and recipe["source"]["kind"] == "git":
        words.append(f"--source CHECKOUT --rev {recipe['source']['commit']}")
    if found := _EFFORT.search(row.terms):
        attempts, timeout = int(found[1]), float(found[2])
        words += [f"--max-attempts {attempts}"] if attempts != Effort().attempts else []
        words += [f"--timeout {timeout:g}"] if timeout != Effort().timeout else []
    if result and result["attempts"] and not result["sandboxed"]:
        words.append("--no-sandbox")
    return " ".join(words)


def _history(versions: Mapping[Version, Sequence[Page]]) -> plots.Columns:
    """The oldest first, as time goes."""
    named = []
    for version, pages in list(versions.items())[:_HISTORY]:
        counts: dict[str, int] = {}
        for page in pages:
            counts[page.row.verdict] = counts.get(page.row.verdict, 0) + 1
        named.append((str(version), counts))
    return plots.columns(named[::-1], "version")


def _age(row: Row) -> tuple[float, float]:
    times = (row.uploaded, row.finished_at)
    uploaded, finished = (each.timestamp() if each else 0.0 for each in times)
    return uploaded, finished


def _stamp(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "backslashreplace"), digest_size=16).hexdigest()


def _json(document: Mapping[str, object]) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n"
