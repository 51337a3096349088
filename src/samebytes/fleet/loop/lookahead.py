"""Asks the index for what is wanted, some way ahead of the work, and in its order."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from samebytes.errors import SamebytesError
from samebytes.fleet.inputs.wanted import Wanted
from samebytes.fleet.loop.outage import Delay
from samebytes.fleet.plan import Planned
from samebytes.fleet.workers.work import unexpected

#: How many pages of the index are asked for at a time.
_REQUESTS = 8
#: For how long others wait for one of them, so that the order is kept.
_SLOW_SECONDS = 5.0


@dataclass(slots=True, kw_only=True, eq=False)
class Query:
    """Something wanted, of which the index is asked."""

    wanted: Wanted
    asked_at: float = 0.0
    delay: Delay | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of a query: one of both."""

    query: Query
    planned: Planned | None = None
    error: SamebytesError | None = None


_Order = tuple[Wanted, Future[Planned]]


class Planner:
    """Belongs to one thread; ``done`` is called in others, when there is an answer."""

    def __init__(
        self,
        wanted: Iterable[Wanted],
        plan: Callable[[Wanted], Planned],
        done: Callable[[Future[Any]], None],
    ) -> None:
        self._wanted = iter(wanted)
        self._plan = plan
        self._done = done
        self._asked: deque[tuple[Query, Future[Planned]]] = deque()
        self._is_exhausted = False
        self._is_given_up = False
        self._orders: queue.SimpleQueue[_Order | None] = queue.SimpleQueue()
        self._threads = 0

    @property
    def is_complete(self) -> bool:
        """Whether all that is wanted was asked for, and all answers were taken."""
        return self._is_exhausted and not self._asked

    @property
    def is_done(self) -> bool:
        """Whether nothing more comes."""
        return not self.has_more and not self._asked

    @property
    def has_more(self) -> bool:
        """Whether there may be something that was not asked for yet."""
        return not (self._is_exhausted or self._is_given_up)

    def ask(self) -> Query | None:
        """Ask for the next, if there is any, and not as much is asked for as may be at a time."""
        if not self.has_more or len(self._asked) >= _REQUESTS:
            return None
        wanted = next(self._wanted, None)
        if wanted is None:
            self._is_exhausted = True
            return None
        query = Query(wanted=wanted)
        self._asked.append((query, self._begun(query)))
        return query

    def give_up(self) -> None:
        """Ask for nothing more."""
        self._is_given_up = True

    def again(self, query: Query) -> None:
        """Ask once more, before all others."""
        self._asked.appendleft((query, self._begun(query)))

    def answer(self) -> Answer | None:
        """The next one, in the order of what is wanted; None: it is not there yet.

        One that comes slowly holds up nothing behind it for longer than ``_SLOW_SECONDS``.
        """
        now = time.monotonic()
        for number, (query, future) in enumerate(self._asked):
            if future.done():
                del self._asked[number]
                return _answer(query, future)
            if now - query.asked_at < _SLOW_SECONDS:
                return None
        return None

    def left(self) -> int:
        """How many of those that are wanted nobody looked at; to be called at the end."""
        return len(self._asked) + sum(1 for _ in self._wanted)

    def stop(self) -> None:
        """Have the threads end, as soon as they have an answer."""
        for _ in range(self._threads):
            self._orders.put(None)

    def _begun(self, query: Query) -> Future[Planned]:
        query.asked_at = time.monotonic()
        future: Future[Planned] = Future()
        future.add_done_callback(self._done)
        self._orders.put((query.wanted, future))
        if self._threads < _REQUESTS:
            # Not of a pool, for which Python waits when it ends: an index can be slow to answer.
            threading.Thread(target=self._answer_all, daemon=True).start()
            self._threads += 1
        return future

    def _answer_all(self) -> None:
        while order := self._orders.get():
            wanted, future = order
            try:
                planned = self._plan(wanted)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(planned)
            del order, future


def _answer(query: Query, future: Future[Planned]) -> Answer:
    error = future.exception()
    if error is None:
        return Answer(query=query, planned=future.result())
    if isinstance(error, SamebytesError):
        return Answer(query=query, error=error)
    if isinstance(error, Exception):
        return Answer(query=query, error=unexpected(error))
    raise error
