"""What is to be begun, in which order, and how much of it."""

from __future__ import annotations

from collections import deque
from hashlib import sha256

from samebytes.fleet.loop.tickets import Ticket
from samebytes.fleet.record import Artifact


class Backlog:
    """At most ``limit`` are begun; None: all.

    First those on which there is no verdict. Those that have one, though none that lasts, come
    when nothing else does: else an audit with a limit would verify the same each night.
    """

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._begun = 0
        self._new: deque[Ticket] = deque()
        self._passing: deque[Ticket] = deque()
        self._known: set[bytes] = set()

    def __len__(self) -> int:
        return len(self._new) + len(self._passing)

    @property
    def ready(self) -> int:
        """How many are there to be begun before those that come last."""
        return len(self._new)

    @property
    def known(self) -> int:
        """How many artifacts there are, whatever becomes of them."""
        return len(self._known)

    @property
    def is_full(self) -> bool:
        """Whether as many were begun as may be."""
        return self._limit is not None and self._begun >= self._limit

    @property
    def has_enough(self) -> bool:
        """Whether there are as many, begun or to be begun, as may be."""
        return self._limit is not None and self._begun + len(self._new) >= self._limit

    def is_new(self, artifact: Artifact) -> bool:
        """Whether it is the first time that one comes along."""
        name = sha256(f"{artifact.digest} {artifact.filename}".encode()).digest()
        count = len(self._known)
        self._known.add(name)
        return len(self._known) > count

    def add(self, ticket: Ticket, *, is_last: bool) -> None:
        (self._passing if is_last else self._new).append(ticket)

    def has_next(self, *, is_all: bool) -> bool:
        """Whether one can be begun; ``is_all``: no more come."""
        return not self.is_full and bool(self._new or (is_all and self._passing))

    def next(self) -> Ticket:
        """The one that is begun now; to be called if there is one."""
        self._begun += 1
        return (self._new or self._passing).popleft()
