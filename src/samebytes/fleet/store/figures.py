"""What a store holds, counted and in order: for a site, and for exports."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from samebytes.compare.model import Verdict
from samebytes.digest import Digest
from samebytes.fleet.record import ComparisonDocument
from samebytes.fleet.store.documents import DAMAGE, documents, moment
from samebytes.fleet.store.file import errors
from samebytes.fleet.store.status import OUTCOMES
from samebytes.fleet.store.store import PENDING, Store
from samebytes.verify.document import Result

_PAGE = 2000
_ROWS = (
    "SELECT a.id, v.id, a.filename, a.sha256, a.project, a.version, a.uploaded, a.yanked,"
    " a.rank, a.state, a.backend, a.month, v.finished_at, v.seconds, v.compared, v.source,"
    " v.worker, v.inference, v.lasting, v.terms, a.settled, a.run, v.run"
    " FROM artifact a LEFT JOIN verdict v ON v.id = a.verdict"
    " WHERE (a.project, a.id) > (?, ?)"
)
_GROUPS = "SELECT state, backend, month, count(*) FROM artifact"
_MONTH = re.compile("[0-9]{4}-(0[1-9]|1[0-2])")
_STATES = frozenset((PENDING, *map(str, Verdict)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One artifact, and its final verdict; ``verdict`` may be ``pending``.

    ``month`` is that of its upload, ``2026-11``. ``number`` is that of the artifact in the store,
    ``record`` of its verdict, None when it has none; what was found by whom is then empty.
    ``settled``: in the last run that it was part of, the verdict was found, or found to be kept;
    otherwise it is of an earlier time, and this run did not come so far. ``found_in`` is the run
    that found the verdict, 0 or None where that is not known.
    """

    number: int
    record: int | None
    filename: str
    sha256: Digest
    project: NormalizedName
    version: Version
    uploaded: datetime | None
    yanked: str | None
    rank: int | None
    verdict: str
    backend: str | None
    month: str | None
    finished_at: datetime | None
    seconds: float | None
    has_comparison: bool
    source: str
    worker: str
    inference: int | None
    lasting: bool
    terms: str
    settled: bool
    found_in: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRow:
    """One time that a worker was given an artifact; ``outcome`` None: it is under way."""

    run: int
    number: int
    begun_at: datetime
    ended_at: datetime | None
    worker: str
    outcome: str | None
    reason: str


class Figures:
    """What is in a store, or of one of its runs: the artifacts that this was last part of.

    Everything is read in short steps, so that another process may write meanwhile; what it writes
    may then be in the one and not yet in the other. What is damaged is left out, and ``damaged``
    is told of it: a file's name, in words that may be anything.

    Raises UserError when the file cannot be read.
    """

    def __init__(
        self,
        store: Store,
        run: int | None = None,
        damaged: Callable[[str], object] = str,
    ) -> None:
        self._store = store
        self._run = run
        self.damaged = damaged

    def shares(self) -> Counter[str]:
        """How many artifacts there are of each verdict, the pending ones among them."""
        sums: Counter[str] = Counter()
        for (state, _, _), count in self.groups().items():
            sums[state] += count
        return sums

    def groups(self) -> Counter[tuple[str, str | None, str | None]]:
        """How many artifacts there are of each verdict, backend and month of upload."""
        condition = "" if self._run is None else " WHERE run = ?"
        rows = self._fetch(
            f"{_GROUPS}{condition} GROUP BY run, state, backend, month",
            () if self._run is None else (self._run,),
        )
        sums: Counter[tuple[str, str | None, str | None]] = Counter()
        for state, backend, month, count in rows:
            if state in _STATES:
                sums[state, backend, month] += count
        return sums

    def rows(self) -> Iterator[Row]:
        """Every artifact, by project, the newest version first."""
        for _, rows in groupby(self._pages(), key=attrgetter("project")):
            by_name = sorted(rows, key=attrgetter("filename"))
            yield from sorted(by_name, key=attrgetter("version"), reverse=True)

    def _pages(self) -> Iterator[Row]:
        """Some at a time: a query that is never done would keep SQLite's log growing.

        By what no other audit changes, so that each comes once, whatever is written meanwhile.
        """
        terms = dict(self._fetch("SELECT id, text FROM terms", ()))
        # The plus sign: by the index in whose order they are, and not by that of the run.
        condition = "" if self._run is None else " AND +a.run = ?"
        query = f"{_ROWS}{condition} ORDER BY a.project, a.id LIMIT ?"
        after: tuple[Any, ...] = ("", 0)
        while True:
            run = () if self._run is None else (self._run,)
            rows = self._fetch(query, (*after, *run, _PAGE))
            for row in rows:
                try:
                    yield _row(row, terms)
                except DAMAGE:
                    self.damaged(str(row[2]))
            if len(rows) < _PAGE:
                return
            after = (rows[-1][4], rows[-1][0])

    def documents(self, row: Row) -> tuple[Result, ComparisonDocument | None] | None:
        """What was found, and the comparison, if there was one; None: nothing, or it is damaged."""
        return self._documents(
            "SELECT v.verdict, d.result, d.comparison FROM verdict v"
            " JOIN document d ON d.verdict = v.id WHERE v.id = ?",
            row,
        )

    def result(self, row: Row) -> Result | None:
        """What was found, without the comparison; None: nothing, or it is damaged."""
        found = self._documents(
            "SELECT v.verdict, d.result, NULL FROM verdict v"
            " JOIN document d ON d.verdict = v.id WHERE v.id = ?",
            row,
        )
        return found[0] if found else None

    def _documents(self, query: str, row: Row) -> tuple[Result, ComparisonDocument | None] | None:
        try:
            for verdict, *found in self._fetch(query, (row.record,)):
                return documents(row.filename, row.sha256, verdict, *found)
        except DAMAGE:
            self.damaged(row.filename)
        return None

    def attempts(self, row: Row) -> list[AttemptRow]:
        """Those of all runs, in their order."""
        rows = self._fetch(
            "SELECT run, number, begun_at, ended_at, worker, outcome, reason FROM attempt"
            " WHERE artifact = ? ORDER BY id",
            (row.number,),
        )
        found = []
        for each in rows:
            try:
                found.append(_attempt(*each))
            except DAMAGE:
                self.damaged(row.filename)
        return found

    def _fetch(self, query: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        with errors(self._store.path):
            return self._store.connection.execute(query, values).fetchall()


def _row(values: tuple[Any, ...], terms: Mapping[int, str]) -> Row:
    number, record, filename, sha256, project, version, uploaded, yanked, rank, state = values[:10]
    backend, month, finished_at, seconds, compared, source, worker, inference = values[10:18]
    lasting, terms_id, settled, run, found_in = values[18:]
    if state not in _STATES or (record is None) != (state == PENDING):
        raise ValueError("no such verdict")
    if not all(map(_is_word, (backend, month, filename, project, yanked, source, worker))):
        raise ValueError("no text")
    if (
        canonicalize_name(project, validate=True) != project
        or "/" in filename
        or filename in ("", ".", "..")
    ):
        raise ValueError("no name of a project, or of a file")
    if month is not None and not _MONTH.fullmatch(month):
        raise ValueError("no month")
    return Row(
        number=number,
        record=record,
        filename=filename,
        sha256=Digest(sha256),
        project=NormalizedName(project),
        version=Version(version),
        uploaded=_time(uploaded),
        yanked=yanked,
        rank=rank and int(rank),
        verdict=state,
        backend=backend,
        month=month,
        finished_at=_time(finished_at),
        seconds=None if seconds is None else float(seconds),
        has_comparison=bool(compared),
        source=source or "",
        worker=worker or "",
        inference=inference and int(inference),
        lasting=bool(lasting),
        terms=terms.get(terms_id, ""),
        settled=settled == run,
        found_in=found_in and int(found_in),
    )


def _attempt(
    run: int,
    number: int,
    begun_at: float,
    ended_at: float | None,
    worker: str,
    outcome: str | None,
    reason: str,
) -> AttemptRow:
    if outcome is not None and outcome not in OUTCOMES:
        raise ValueError("no such outcome")
    return AttemptRow(
        run=int(run),
        number=int(number),
        begun_at=moment(begun_at),
        ended_at=_time(ended_at),
        worker=str(worker),
        outcome=outcome,
        reason=str(reason),
    )


def _is_word(value: object) -> bool:
    return value is None or isinstance(value, str)


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else moment(seconds)
