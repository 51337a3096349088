"""How far a run is, in a time that does not depend on how much there is."""

from __future__ import annotations

import math
import sqlite3
import time
from dataclasses import dataclass
from datetime import datetime

from samebytes.compare.model import Verdict
from samebytes.fleet.store.documents import moment
from samebytes.fleet.store.owner import Owner

#: What an attempt ended with; None: it is under way.
OUTCOMES = ("done", "lost", "error", "unreachable", "cancelled", "interrupted")
#: How many are shown, and of how many the present rate is.
_SHOWN, _RECENT = 5, 200
_UNDER_WAY = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Doing:
    """An attempt that is under way, or was; ``seconds`` is how long."""

    filename: str
    seconds: float
    worker: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Why an attempt gave no verdict, or none to be glad of."""

    filename: str
    outcome: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """One run. ``counts`` are verdicts, those that are ``kept`` from an earlier run among them.

    ``planned`` is how many artifacts there are to be, as far as is known: ``is_planned`` says that
    these are all. ``rate`` is artifacts a minute, of late. ``left`` were not begun, because of a
    limit, ``failed`` are without a verdict. ``is_alive``: a process works on it.
    """

    run: int
    engine: str
    workers: int
    command: str
    host: str
    pid: int
    begun_at: datetime
    seen_at: datetime
    ended_at: datetime | None
    is_alive: bool
    planned: int
    is_planned: bool
    kept: int
    left: int
    failed: int
    counts: dict[str, int]
    rate: float
    under_way: tuple[Doing, ...]
    slowest: tuple[Doing, ...]
    failures: tuple[Trouble, ...]

    @property
    def done(self) -> int:
        """How many have a verdict, kept or new, or will have none."""
        return sum(self.counts.values()) + self.failed

    @property
    def seconds(self) -> float:
        """How long it took until it ended, or was last heard of."""
        return max(0.0, ((self.ended_at or self.seen_at) - self.begun_at).total_seconds())

    @property
    def remaining(self) -> float | None:
        """How many seconds more it takes at this rate; None: nobody knows."""
        if not self.is_alive or not self.is_planned or not self.rate:
            return None
        return max(0, self.planned - self.done - self.left) / self.rate * 60


def read_status(connection: sqlite3.Connection) -> Status | None:
    """The last run; None if there was none. Raises one of ``DAMAGE`` for what is no run of ours."""
    now = time.time()
    cursor = connection.execute("SELECT * FROM run ORDER BY id DESC LIMIT 1")
    row = cursor.fetchone()
    if row is None:
        return None
    run = dict(zip((column[0] for column in cursor.description), row, strict=True))
    owner = Owner(host=_text(run["host"]), pid=_count(run["pid"]), process=_text(run["process"]))
    ended_at, seen_at = run["ended_at"], run["seen_at"]
    is_alive = ended_at is None and owner.is_alive(now - seen_at)
    return Status(
        run=run["id"],
        engine=_text(run["engine"]),
        workers=_count(run["workers"]),
        command=_text(run["command"]),
        host=owner.host,
        pid=owner.pid,
        begun_at=moment(run["begun_at"]),
        seen_at=moment(seen_at),
        ended_at=None if ended_at is None else moment(ended_at),
        is_alive=is_alive,
        planned=_count(run["planned"]),
        is_planned=bool(run["is_planned"]),
        kept=_count(run["kept"]),
        left=_count(run["left"]),
        failed=_count(run["failed"]),
        counts={str(verdict): _count(run[verdict]) for verdict in Verdict},
        rate=_rate(connection, run["id"], now if ended_at is None else ended_at),
        under_way=_doing(
            connection,
            "SELECT filename, ? - begun_at, worker FROM attempt"
            " JOIN artifact ON artifact.id = attempt.artifact"
            " WHERE attempt.run = ? AND outcome IS NULL ORDER BY attempt.id LIMIT ?",
            # Nobody knows what became of those of a run that is gone.
            (now if is_alive else seen_at, run["id"], _UNDER_WAY),
        ),
        slowest=_doing(
            connection,
            "SELECT filename, ended_at - begun_at, worker FROM attempt"
            " JOIN artifact ON artifact.id = attempt.artifact"
            " WHERE attempt.run = ? AND outcome IN ('done', 'lost', 'error')"
            " ORDER BY ended_at - begun_at DESC LIMIT ?",
            (run["id"], _SHOWN),
        ),
        failures=_failures(connection, run["id"]),
    )


def _doing(
    connection: sqlite3.Connection, query: str, values: tuple[float, ...]
) -> tuple[Doing, ...]:
    return tuple(
        Doing(filename=_text(filename), seconds=_seconds(seconds), worker=_text(worker))
        for filename, seconds, worker in connection.execute(query, values)
    )


def _failures(connection: sqlite3.Connection, run: int) -> tuple[Trouble, ...]:
    rows = connection.execute(
        "SELECT filename, outcome, reason FROM attempt"
        " JOIN artifact ON artifact.id = attempt.artifact"
        " WHERE attempt.run = ? AND reason <> '' ORDER BY attempt.id DESC LIMIT ?",
        (run, _SHOWN),
    )
    return tuple(
        Trouble(filename=_text(filename), outcome=_outcome(outcome), reason=_text(reason))
        for filename, outcome, reason in rows
    )


def _count(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("a run counts what is no number")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("a run has a name that is no text")
    return value


def _seconds(value: float) -> float:
    """A clock may be set back meanwhile."""
    if not math.isfinite(value):
        raise ValueError("a time has no end")
    return max(0.0, value)


def _outcome(value: object) -> str:
    if value not in OUTCOMES:
        raise ValueError("an attempt ended as none does")
    return str(value)


def _rate(connection: sqlite3.Connection, run: int, now: float) -> float:
    """Artifacts a minute among the last attempts that came to an end."""
    count, since = connection.execute(
        "SELECT count(*), min(begun_at) FROM (SELECT begun_at, ended_at FROM attempt"
        " WHERE run = ? AND outcome = 'done' AND id > (SELECT max(id) - ? FROM attempt))",
        (run, _RECENT),
    ).fetchone()
    return float(count) / max(now - since, 0.001) * 60 if count else 0.0
