"""What an audit finds: results, which are in the store, and what is not a result."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, Any

from samebytes.compare.model import Verdict
from samebytes.errors import SamebytesError, UserError
from samebytes.fleet.store.figures import Figures
from samebytes.fleet.store.status import Status
from samebytes.fleet.store.store import Store
from samebytes.report.audit import Facts, audit_document
from samebytes.report.verification import Failed, skipped_document
from samebytes.verify.document import Result
from samebytes.verify.targets import NotVerified, Unmatched


@dataclass(slots=True, kw_only=True)
class Skipped:
    """What is not verified: counted by reason, and in a file of their own, as it may be millions.

    ``reasons`` has of each how many there are, and the first one's name.
    """

    spool: IO[str]
    reasons: dict[str, tuple[int, str]] = field(default_factory=dict)
    entries: int = 0

    def add(self, found: Iterable[NotVerified]) -> None:
        for each in found:
            count, first = self.reasons.get(each.reason, (0, each.filename))
            self.reasons[each.reason] = (count + 1, first)
            self.entries += each.is_entry
            self.spool.write(json.dumps(skipped_document(each)) + "\n")

    def documents(self) -> Iterator[dict[str, Any]]:
        self.spool.seek(0)
        yield from map(json.loads, self.spool)
        self.spool.seek(0, 2)

    def lines(self) -> Iterator[str]:
        """Why what is not verified, a line for each reason."""
        for reason, (count, first) in self.reasons.items():
            yield f"{first if count == 1 else f'{first} and {count - 1:,} more'}: {reason}"


@dataclass(slots=True, kw_only=True)
class Found:
    """What was found so far, by a run of ``store``, which has the results.

    ``status`` is how far it came; None: it was not even begun.
    """

    allow_skipped: bool
    skipped: Skipped
    store: Store | None = None
    run: int | None = None
    status: Status | None = None
    unmatched: list[Unmatched] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)

    def begin(self, store: Store) -> None:
        """To be called when a run was begun."""
        self.store, self.run = store, store.run

    def end(self) -> None:
        """To be called when it is over, be it by an error, and before another may be begun."""
        if self.store is not None:
            with suppress(UserError):
                self.status = self.store.status()

    def results(self, verdicts: Collection[str] = frozenset(Verdict)) -> Iterator[Result]:
        """Those of this run, from the store; what was kept of an earlier one says so."""
        if self.store is None or self.status is None:
            return
        figures = Figures(self.store, self.run)
        for row in figures.rows():
            is_wanted = row.settled and row.verdict in verdicts
            documents = figures.documents(row) if is_wanted else None
            if documents is not None and row.finished_at is not None:
                is_kept = row.found_in != self.run
                kept = row.finished_at.isoformat(timespec="seconds") if is_kept else None
                yield {**documents[0], "kept": kept}
            with suppress(UserError):  # which is told when something is to be kept
                self.store.commit()  # says that the audit goes on

    def groups(self) -> Mapping[tuple[str, str | None, str | None], int]:
        """How many artifacts of this run there are of each verdict, backend and month."""
        return Figures(self.store, self.run).groups() if self.store else {}

    def facts(self) -> Facts:
        return Facts(
            counts=self.status.counts if self.status else {},
            left=self.status.left if self.status else 0,
            entries=self.skipped.entries,
            unmatched=self.unmatched,
            failed=self.failed,
            allow_skipped=self.allow_skipped,
            is_planned=self.status is None or self.status.is_planned,
        )

    def document(self, error: SamebytesError | None = None) -> dict[str, object]:
        """Some of its members are iterators: see ``wire.document_pieces``."""
        return audit_document(self.facts(), self.results(), self.skipped.documents(), error)
