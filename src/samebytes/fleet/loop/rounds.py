"""What an audit is told to do, and what it tells while it goes on."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime

from samebytes.errors import SamebytesError
from samebytes.fleet.inputs.wanted import Wanted
from samebytes.fleet.record import Artifact, Record
from samebytes.verify.targets import NotVerified, Unmatched

#: The longest that anything waits for its commit, and the shortest between two of them.
_COMMIT_SECONDS = 0.1
#: How long a round may take in which nothing happens.
ROUND_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """When to try again, and when to stop; times in seconds.

    ``retries`` is how often what kills its worker, or fails, is tried again. At most ``limit``
    artifacts are verified anew; after ``deadline`` no more are begun. ``patience`` is how long the
    index, or the cluster, may be away. ``again``: whatever was found before.
    """

    retries: int = 2
    limit: int | None = None
    deadline: float | None = None
    patience: float = 600.0
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What became of an artifact: a record, now or (``kept``) before; or why there is none."""

    artifact: Artifact
    record: Record | None = None
    error: SamebytesError | None = None
    kept: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What happened since the last one.

    ``unplanned`` are those on which the index gave no answer, or none that can be used; ``notes``
    are for people.
    """

    settled: tuple[Settled, ...]
    skipped: tuple[NotVerified, ...]
    unmatched: tuple[Unmatched, ...]
    unplanned: tuple[tuple[Wanted, SamebytesError], ...]
    notes: tuple[str, ...]


class News:
    """What is to be told, and since when."""

    def __init__(self) -> None:
        self.settled: list[Settled] = []
        self.skipped: list[NotVerified] = []
        self.unmatched: list[Unmatched] = []
        self.unplanned: list[tuple[Wanted, SamebytesError]] = []
        self.notes: list[str] = []
        self._due_at = time.monotonic() + ROUND_SECONDS
        self._has_any = False

    def happened(self) -> None:
        """Something that is to be on disk soon."""
        if not self._has_any:
            self._has_any = True
            self._due_at = min(self._due_at, time.monotonic() + _COMMIT_SECONDS)

    def due_in(self) -> float:
        return self._due_at - time.monotonic()

    def is_due(self) -> bool:
        return self.due_in() <= 0
