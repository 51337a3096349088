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
from hashlib import sha256
from typing import Any

from samebytes.errors import SamebytesError, UnreachableError, UserError
from samebytes.fleet import plan as planning
from samebytes.fleet.inputs.wanted import Wanted
from samebytes.fleet.loop.lookahead import Answer, Planner, Query
from samebytes.fleet.loop.outage import Outage
from samebytes.fleet.loop.rounds import ROUND_SECONDS, News, Policy, Round, Settled, UnderWay
from samebytes.fleet.loop.tickets import Ticket
from samebytes.fleet.plan import Job, Planned
from samebytes.fleet.record import Record
from samebytes.fleet.store.store import Store
from samebytes.fleet.workers import work
from samebytes.fleet.workers.engine import Engine
from samebytes.fleet.workers.work import Settings, UnfitError, unexpected
from samebytes.index.client import Index
from samebytes.verify.task import Task

#: After workers were lost with what they were at, or are of no use.
_PAUSE_SECONDS = 0.5
#: How many artifacts are ready before any is wanted, at least.
_READY = 16


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
        self._outage: Outage[Query | Ticket] = Outage(policy.patience, now)
        self._ready: deque[Ticket] = deque()
        #: Those that were begun before.
        self._again: deque[Ticket] = deque()
        self._running: dict[Future[Record], _Attempt] = {}
        self._known: set[bytes] = set()
        self._news = News()
        self._told: set[str] = set()
        self._begun = 0
        self._failed = 0
        self._left = 0
        self._is_stopped = False
        self._rest_until = 0.0
        self._away_since: float | None = None
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
            self._plan()
            self._begin_more(now)

    def _begin_more(self, now: float) -> None:
        slots = self._engine.slots()
        self._note_absence(slots, now)
        if now < self._rest_until:
            return
        while len(self._running) < slots:
            ticket = self._next()
            if ticket is None:
                return
            self._begin(ticket)

    def _next(self) -> Ticket | None:
        if self._again:
            return self._again.popleft()
        if len(self._outage) > self._engine.slots() or not self._ready or self._is_full:
            return None
        self._begun += 1
        return self._ready.popleft()

    @property
    def _is_full(self) -> bool:
        """Whether as many were begun as may be."""
        return self._policy.limit is not None and self._begun >= self._policy.limit

    def _begin(self, ticket: Ticket) -> None:
        ticket.attempts += 1
        number = self._store.attempt(ticket.job.artifact, ticket.attempts)
        self._news.happened()
        future = self._engine.executor.submit(self._perform, ticket.job.task, self._settings)
        self._running[future] = _Attempt(ticket=ticket, number=number, begun_at=time.monotonic())
        future.add_done_callback(self._done.put)

    def _try_again(self, now: float) -> None:
        while (item := self._outage.next(now)) is not None:
            if isinstance(item, Ticket):
                self._again.append(item)
            else:
                self._planner.again(item)

    # What is planned

    def _plan(self) -> None:
        enough = max(_READY, 2 * self._engine.slots())
        if len(self._outage) <= self._engine.slots():
            self._planner.ask()
        while (self._is_full or len(self._ready) < enough) and (answer := self._planner.answer()):
            self._take(answer)
            self._planner.ask()

    def _take(self, answer: Answer) -> None:
        now = time.monotonic()
        if isinstance(answer.error, UnreachableError):
            self._outage.wait(answer.query, answer.error, now)
            return
        self._outage.answered(answer.query, now)
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
        self._news.unplanned.append((query.wanted, error))
        self._news.happened()

    def _choose(self, job: Job) -> None:
        """Have an artifact verified, unless it was before, or is already."""
        name = sha256(f"{job.artifact.digest} {job.artifact.filename}".encode()).digest()
        if name in self._known:
            return
        self._known.add(name)
        kept = None
        if not self._policy.again:
            kept = self._store.find(job.artifact, job.key, self._engine.terms)
        self._store.select(job.artifact, kept=kept is not None)
        if kept is not None:
            settled = Settled(artifact=job.artifact, record=kept.record, kept=kept.finished_at)
            self._news.settled.append(settled)
        elif self._is_full:
            self._left += 1
        else:
            self._ready.append(Ticket(job=job))

    # What comes back

    def _listen(self) -> None:
        """Wait for something to be done, for as long as there is nothing else to do."""
        wait = self._news.due_in()
        if not self._is_stopped:
            wait = min(wait, self._outage.next_at() - time.monotonic())
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
            self._outage.left(ticket)
        if future.cancelled():
            self._cancelled(attempt, "")
        elif error is None:
            self._verified(attempt, future.result())
        elif workers := self._engine.deaths(error):
            self._lost(attempt, workers, "it was killed")
        else:
            self._failed_by(attempt, error)

    def _verified(self, attempt: _Attempt, record: Record) -> None:
        self._outage.answered(attempt.ticket, time.monotonic())
        self._store.ended(attempt.number, "done", worker=record.worker)
        self._keep(attempt.ticket, record)

    def _keep(self, ticket: Ticket, record: Record) -> None:
        self._store.put(ticket.job.artifact, ticket.job.key, record)
        self._news.settled.append(Settled(artifact=ticket.job.artifact, record=record))

    def _cancelled(self, attempt: _Attempt, reason: str) -> None:
        """It is nobody's fault; a scheduler that was restarted knows nothing of it."""
        self._store.ended(attempt.number, "cancelled", reason)
        self._again.appendleft(attempt.ticket)
        self._rest_until = time.monotonic() + _PAUSE_SECONDS

    def _lost(self, attempt: _Attempt, workers: int, reason: str) -> None:
        self._store.ended(attempt.number, "lost", reason)
        attempt.ticket.lost(workers, reason)
        self._once_more(attempt.ticket, None)

    def _failed_by(self, attempt: _Attempt, error: BaseException) -> None:
        ticket = attempt.ticket
        match error:
            case UnreachableError():
                self._store.ended(attempt.number, "unreachable", error.message)
                self._outage.wait(ticket, error, time.monotonic())
            case UnfitError():
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
        deadline = self._policy.deadline
        if deadline is not None and now - self._started >= deadline:
            self._is_stopped = True
        if self._outage.is_hopeless(now):
            self._give_up()
        for item in self._outage.expired(now):
            self._without_verdict(item)

    def _give_up(self) -> None:
        """There is no index, and what needs one stays without a verdict."""
        waiting = list(self._outage.forget())
        error = next(item.delay.error for item in waiting if item.delay is not None)
        for item in waiting:
            self._without_verdict(item)
        for ticket in (*self._again, *self._ready):
            self._fail(ticket, error)
        self._again.clear()
        self._ready.clear()
        self._is_stopped = True

    def _without_verdict(self, item: Query | Ticket) -> None:
        assert item.delay is not None
        if isinstance(item, Ticket):
            self._fail(item, item.delay.error)
        else:
            self._not_planned(item, item.delay.error)

    def _fail(self, ticket: Ticket, error: SamebytesError) -> None:
        self._failed += 1
        self._news.settled.append(Settled(artifact=ticket.job.artifact, error=error))
        self._news.happened()

    def _note_absence(self, slots: int, now: float) -> None:
        """Raises UserError when the engine was away for too long."""
        if slots:
            self._away_since = None
            return
        if self._away_since is None:
            self._away_since = now
            self._news.notes.append("No worker is there: waiting for one.")
        if now - self._away_since >= self._policy.patience:
            raise UserError(
                f"There was no worker for {now - self._away_since:,.0f} seconds: "
                f"{self._engine.name}.",
                hint="What was found is kept: start the audit again when there are workers.",
            )

    # How far it is

    def _is_over(self) -> bool:
        if self._running:
            return False
        is_begun = not self._again and not self._outage
        is_all = self._planner.is_done and (self._is_full or not self._ready)
        return self._is_stopped or (is_begun and is_all)

    def _close(self) -> None:
        for item in self._outage.forget():
            self._without_verdict(item)
        self._left += len(self._ready) + len(self._again) + self._planner.left()
        self._store.counted(left=self._left)
        self._news.happened()

    def _round(self) -> Round:
        now = time.monotonic()
        is_planned = self._planner.is_done and not self._outage
        self._store.counted(planned=len(self._known), is_planned=is_planned, failed=self._failed)
        self._store.commit()
        news, self._news = self._news, News()
        return Round(
            settled=tuple(news.settled),
            skipped=tuple(news.skipped),
            unmatched=tuple(news.unmatched),
            unplanned=tuple(news.unplanned),
            notes=tuple(news.notes),
            under_way=tuple(
                UnderWay(artifact=each.ticket.job.artifact, seconds=now - each.begun_at)
                for each in self._running.values()
            ),
            planned=len(self._known),
            is_planned=is_planned,
            left=self._left,
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
