"""The audit itself: plans, has an engine verify, and keeps what is found; one straight loop.

Whatever goes wrong, each artifact has one final record, or none and the next audit makes it.
"""

from __future__ import annotations

import queue
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from samebytes.errors import (
    ArtifactError,
    LimitError,
    SamebytesError,
    UnreachableError,
    UserError,
)
from samebytes.fleet import plan as planning
from samebytes.fleet.inputs.wanted import Wanted
from samebytes.fleet.loop.backlog import Backlog
from samebytes.fleet.loop.lookahead import Answer, Planner, Query
from samebytes.fleet.loop.outage import Absence, Outage
from samebytes.fleet.loop.rounds import ROUND_SECONDS, News, Policy, Round, Settled
from samebytes.fleet.loop.tickets import Ticket
from samebytes.fleet.plan import Job, Planned
from samebytes.fleet.record import Record
from samebytes.fleet.store.store import Store
from samebytes.fleet.store.tried import has_passing
from samebytes.fleet.workers import work
from samebytes.fleet.workers.engine import Engine
from samebytes.fleet.workers.work import Settings, UnfitError, unexpected
from samebytes.index.client import Index
from samebytes.verify.task import Task

#: After workers were lost with what they were at, or are of no use.
_PAUSE_SECONDS = 0.5
#: How many artifacts are ready before any is wanted, at least.
_READY = 16
#: Between looks at what can be begun, where nothing else is to be waited for.
_LEAST_PAUSE_SECONDS = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempt:
    ticket: Ticket
    number: int
    begun_at: float


class Audit:
    """One run. All is done in the thread that calls, but for asking the index, and the work."""

    def __init__(
        self,
        *,
        wanted: Iterable[Wanted],
        index: Index,
        engine: Engine,
        settings: Settings,
        store: Store,
        policy: Policy,
        perform: Callable[[Task, Settings], Record] = work.perform,
        plan: Callable[[Wanted, Index], Planned] = planning.plan,
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._store = store
        self._policy = policy
        self._perform = perform
        self._done: queue.SimpleQueue[Future[Any]] = queue.SimpleQueue()
        self._planner = Planner(wanted, lambda each: plan(each, index), self._done.put)
        self._started = now = time.monotonic()
        # Two, as an index can have pages, but no files.
        self._pages: Outage[Query] = Outage(policy.patience)
        self._files: Outage[Ticket] = Outage(policy.patience)
        self._backlog = Backlog(policy.limit)
        #: Those that were begun before.
        self._again: deque[Ticket] = deque()
        self._running: dict[Future[Record], _Attempt] = {}
        self._news = News()
        self._told: set[str] = set()
        self._failed = 0
        self._unplanned = 0
        self._is_stopped = False
        self._rest_until = 0.0
        self._absence = Absence(engine.name, policy.patience)
        self._looked_at = now

    def rounds(self) -> Iterator[Round]:
        """What happens, at least each half second; all of it is kept when it is told.

        Raises UserError when the engine is of no use for longer than the patience of the policy,
        or the store cannot be written.
        """
        try:
            while not self._is_over():
                self._fill()
                self._listen()
                if self._news.is_due():
                    yield self._round()
            self._close()
            yield self._round()
        except BaseException:
            self._interrupted()
            raise
        finally:
            self._planner.stop()

    # What is begun

    def _fill(self) -> None:
        now = time.monotonic()
        self._look_after(now)
        if not self._is_stopped:
            self._try_again(now)
            self._plan(now)
            self._begin_more(now)

    def _begin_more(self, now: float) -> None:
        slots = self._engine.slots()
        self._news.notes += self._absence.noted(slots, now)
        if now < self._rest_until:
            return
        while len(self._running) < slots:
            ticket = self._next(now)
            if ticket is None:
                return
            self._begin(ticket)

    def _next(self, now: float) -> Ticket | None:
        if self._again:
            return self._again.popleft()
        if not self._files.lets(now) or not self._has_next:
            return None
        ticket = self._backlog.next()
        self._files.begun(ticket)
        return ticket

    @property
    def _has_next(self) -> bool:
        return self._backlog.has_next(is_all=self._planner.is_done)

    def _begin(self, ticket: Ticket) -> None:
        ticket.attempts += 1
        number = self._store.attempt(ticket.job.artifact, ticket.attempts)
        self._news.happened()
        future = self._engine.executor.submit(self._perform, ticket.job.task, self._settings)
        self._running[future] = _Attempt(ticket=ticket, number=number, begun_at=time.monotonic())
        future.add_done_callback(self._done.put)

    def _try_again(self, now: float) -> None:
        """What waits, unless something new can be tried, which says more."""
        if not (self._files.is_away and self._has_next):
            while (ticket := self._files.next(now)) is not None:
                self._again.append(ticket)
        if not (self._pages.is_away and self._planner.has_more):
            while (query := self._pages.next(now)) is not None:
                self._planner.again(query)

    # What is planned

    def _plan(self, now: float) -> None:
        enough = max(_READY, 2 * self._engine.slots())
        self._ask(now)
        while not self._backlog.has_enough and self._backlog.ready < enough:
            if (answer := self._planner.answer()) is None:
                return
            self._take(answer)
            self._ask(now)

    def _ask(self, now: float) -> None:
        while not self._backlog.has_enough and self._pages.lets(now):
            if (query := self._planner.ask()) is None:
                return
            self._pages.begun(query)

    def _take(self, answer: Answer) -> None:
        now = time.monotonic()
        if isinstance(answer.error, UnreachableError):
            self._pages.wait(answer.query, answer.error, now)
            return
        self._pages.answered(answer.query, now)
        if answer.planned is None:
            assert answer.error is not None
            self._not_planned(answer.query, answer.error)
            return
        self._news.skipped += answer.planned.skipped
        self._news.unmatched += answer.planned.unmatched
        for job in answer.planned.jobs:
            self._choose(job)
        self._news.happened()

    def _not_planned(self, query: Query, error: SamebytesError) -> None:
        self._failed += 1
        self._unplanned += 1
        self._news.unplanned.append((query.wanted, error))
        self._news.happened()

    def _choose(self, job: Job) -> None:
        """Have an artifact verified, unless it was before, or is already."""
        if not self._backlog.is_new(job.artifact):
            return
        kept, is_last = None, False
        if not self._policy.again:
            kept = self._store.find(job.artifact, job.key, self._engine.terms)
            is_last = kept is None and has_passing(self._store, job.artifact, job.key)
        self._store.select(job.artifact, kept=kept is not None)
        if kept is not None:
            settled = Settled(artifact=job.artifact, record=kept.record, kept=kept.finished_at)
            self._news.settled.append(settled)
        else:
            self._backlog.add(Ticket(job=job), is_last=is_last)

    # What comes back

    def _listen(self) -> None:
        """Wait for something to be done, for as long as there is nothing else to do."""
        wait = self._news.due_in()
        if not self._is_stopped:
            at = min(self._files.next_at(), self._pages.next_at())
            wait = min(wait, max(at - time.monotonic(), _LEAST_PAUSE_SECONDS))
        try:
            future = self._done.get(timeout=max(0.0, wait))
            while True:
                self._heard(future)
                future = self._done.get_nowait()
        except queue.Empty:
            return

    def _heard(self, future: Future[Any]) -> None:
        attempt = self._running.pop(future, None)
        if attempt is None:
            return  # of the planner; or nobody waits for it any more
        ticket, now = attempt.ticket, time.monotonic()
        ticket.seconds += now - attempt.begun_at
        self._news.happened()
        error = None if future.cancelled() else future.exception()
        if not isinstance(error, UnreachableError):
            self._files.left(ticket)
        if future.cancelled():
            self._cancelled(attempt, "")
        elif error is None:
            self._verified(attempt, future.result())
        elif workers := self._engine.deaths(error):
            self._lost(attempt, workers, "it was killed")
        else:
            self._failed_by(attempt, error)

    def _verified(self, attempt: _Attempt, given: object) -> None:
        ticket = attempt.ticket
        self._files.answered(ticket, time.monotonic())
        try:
            record = ticket.checked(given)
            self._keep(ticket, record)
        except (ArtifactError, LimitError) as error:
            self._failed_by(attempt, error)
        else:
            self._store.ended(attempt.number, "done", worker=record.worker)

    def _keep(self, ticket: Ticket, record: Record) -> None:
        """Raises LimitError where it is too large, UserError where nothing can be kept."""
        self._store.put(ticket.job.artifact, ticket.job.key, record)
        self._news.settled.append(Settled(artifact=ticket.job.artifact, record=record))

    def _cancelled(self, attempt: _Attempt, reason: str) -> None:
        """It is nobody's fault; a scheduler that was restarted knows nothing of it."""
        self._store.ended(attempt.number, "cancelled", reason)
        self._again.appendleft(attempt.ticket)
        self._rest_until = time.monotonic() + _PAUSE_SECONDS

    def _lost(self, attempt: _Attempt, workers: int, reason: str) -> None:
        self._files.left(attempt.ticket)
        self._store.ended(attempt.number, "lost", reason)
        attempt.ticket.lost(workers, reason)
        self._once_more(attempt.ticket, None)

    def _failed_by(self, attempt: _Attempt, error: BaseException) -> None:
        ticket = attempt.ticket
        match error:
            case UnreachableError():
                self._store.ended(attempt.number, "unreachable", error.message)
                self._files.wait(ticket, error, time.monotonic())
            case UnfitError() if ticket.may_wait(self._policy.patience, time.monotonic()):
                self._note(error.message)
                self._cancelled(attempt, error.message)
            case SamebytesError():
                self._store.ended(attempt.number, "error", error.message)
                ticket.failed(error)
                self._once_more(ticket, error)
            case Exception():
                self._failed_by(attempt, unexpected(error))
            case _:
                raise error

    def _once_more(self, ticket: Ticket, error: SamebytesError | None) -> None:
        if not ticket.is_hopeless(self._policy.retries, error):
            self._again.append(ticket)
            return
        terms = min(self._engine.terms, default="")
        sandboxed = self._settings.bounds is not None
        self._keep(ticket, ticket.set_aside(error, terms, sandboxed=sandboxed))

    # What takes too long

    def _look_after(self, now: float) -> None:
        deadline = self._policy.deadline
        if deadline is not None and now - self._started >= deadline:
            self._is_stopped = True
        if now - self._looked_at < ROUND_SECONDS:
            return
        self._looked_at = now
        for note in self._engine.notes():
            self._note(note)
        overdue = [
            (future, attempt)
            for future, attempt in self._running.items()
            if now - attempt.begun_at >= self._engine.patience
        ]
        for future, attempt in overdue:
            del self._running[future]
            self._engine.end(future)
            attempt.ticket.seconds += now - attempt.begun_at
            self._lost(attempt, 1, f"nothing was heard of it for {now - attempt.begun_at:,.0f} s")
        self._look_after_outages(now)

    def _look_after_outages(self, now: float) -> None:
        """Where there is no index, nothing that needs one is begun any more."""
        if self._files.is_hopeless(now):
            self._is_stopped = True
        if self._pages.is_hopeless(now):
            self._planner.give_up()
        self._without(self._pages.expired(now), self._files.expired(now))

    def _without(self, queries: Iterable[Query], tickets: Iterable[Ticket]) -> None:
        """There is no answer, and no verdict, and this run does not wait for any."""
        for query in queries:
            assert query.delay is not None
            self._not_planned(query, query.delay.error)
        for ticket in tickets:
            assert ticket.delay is not None
            self._failed += 1
            settled = Settled(artifact=ticket.job.artifact, error=ticket.delay.error)
            self._news.settled.append(settled)
            self._news.happened()

    # How far it is

    def _is_over(self) -> bool:
        if self._running:
            return False
        if self._is_stopped:
            return True
        if self._again or self._files:
            return False
        if self._backlog.is_full:
            return True
        return self._planner.is_done and not self._pages and not self._backlog

    def _close(self) -> None:
        self._without(self._pages.forget(), self._files.forget())
        left = len(self._backlog) + len(self._again) + self._planner.left()
        self._store.counted(left=left)
        self._news.happened()

    def _round(self) -> Round:
        is_planned = self._planner.is_complete and not self._pages
        planned = self._backlog.known + self._unplanned
        self._store.counted(planned=planned, is_planned=is_planned, failed=self._failed)
        self._store.commit()
        news, self._news = self._news, News()
        return Round(
            settled=tuple(news.settled),
            skipped=tuple(news.skipped),
            unmatched=tuple(news.unmatched),
            unplanned=tuple(news.unplanned),
            notes=tuple(news.notes),
        )

    def _note(self, text: str) -> None:
        """Tell people something, once."""
        if text not in self._told:
            self._told.add(text)
            self._news.notes.append(text)

    def _interrupted(self) -> None:
        with suppress(UserError):
            for attempt in self._running.values():
                self._store.ended(attempt.number, "interrupted")
            self._store.commit()
        self._running.clear()
