"""What does not answer: what waits for it, what is tried again when, and for how long."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from samebytes.errors import UnreachableError, UserError

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """Since when something waits, in seconds of the monotonic clock, and why."""

    since: float
    error: UnreachableError


class _Delayed(Protocol):
    delay: Delay | None


_Item = TypeVar("_Item", bound=_Delayed)


class Outage(Generic[_Item]):
    """What could not be done as something could not be reached; each waits ``patience`` seconds.

    It is taken to be away when something new failed, and nothing was answered since: that some
    things cannot be had is no reason not to try others. While it is away, one at a time is tried,
    after pauses that grow: something new if there is any. As soon as one of those that waited is
    answered, all others of them are tried.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._waiting: deque[_Item] = deque()
        self._free: deque[_Item] = deque()
        self._probe: _Item | None = None
        self._pause = _FIRST_PAUSE
        self._at = 0.0
        self._away_since: float | None = None

    def __len__(self) -> int:
        return len(self._waiting) + len(self._free)

    @property
    def is_away(self) -> bool:
        return self._away_since is not None

    def lets(self, now: float) -> bool:
        """Whether something new may be tried."""
        return not self.is_away or (self._probe is None and now >= self._at)

    def begun(self, item: _Item) -> None:
        """Something new is tried, as it may be."""
        if self.is_away:
            self._probe = item

    def wait(self, item: _Item, error: UnreachableError, now: float) -> None:
        """Have something wait, that was tried in vain."""
        if self._probe is item:
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)
            self._at = now + self._pause
        elif item.delay is None and not self.is_away:
            self._pause = _FIRST_PAUSE
            self._at = now + self._pause
        if item.delay is None and self._away_since is None:
            self._away_since = now
        item.delay = Delay(since=item.delay.since if item.delay else now, error=error)
        self._waiting.append(item)
        self.left(item)

    def answered(self, item: _Item, now: float) -> None:
        """Something could be done: it is not away, and who waits may be tried."""
        if self.is_away or item.delay is not None:
            self._away_since = None
            self._pause = _FIRST_PAUSE
            self._at = now
        if item.delay is not None:
            item.delay = None
            self._free.extend(self._waiting)
            self._waiting.clear()
        self.left(item)

    def left(self, item: _Item) -> None:
        """It was tried, and what came of it says nothing."""
        if self._probe is item:
            self._probe = None

    def next(self, now: float) -> _Item | None:
        """What waits and is to be tried now."""
        if self._free:
            return self._free.popleft()
        if now < self.next_at():
            return None
        self._probe = self._waiting.popleft()
        return self._probe

    def next_at(self) -> float:
        """When there is something to be tried that waits."""
        if self._free:
            return 0.0
        return self._at if self._waiting and self._probe is None else float("inf")

    def expired(self, now: float) -> Iterator[_Item]:
        """Those that waited for too long, which are forgotten."""
        for item in [*self._waiting]:
            if now - _since(item) >= self._patience:
                self._waiting.remove(item)
                yield item

    def forget(self) -> Iterator[_Item]:
        """All that waits, which is forgotten."""
        waiting = [*self._waiting, *self._free]
        self._waiting.clear()
        self._free.clear()
        yield from waiting

    def is_hopeless(self, now: float) -> bool:
        """Whether it was away for so long."""
        return self._away_since is not None and now - self._away_since >= self._patience


class Absence:
    """That nobody is there to do the work, for ``patience`` seconds at most."""

    def __init__(self, name: str, patience: float) -> None:
        self._name = name
        self._patience = patience
        self._since: float | None = None

    def noted(self, slots: int, now: float) -> tuple[str, ...]:
        """What people should know; raises UserError when it was so for too long."""
        if slots:
            self._since = None
        elif self._since is None:
            self._since = now
            return ("No worker is there: waiting for one.",)
        elif now - self._since >= self._patience:
            raise UserError(
                f"There was no worker for {now - self._since:,.0f} seconds: {self._name}.",
                hint="What was found is kept: start the audit again when there are workers.",
            )
        return ()


def _since(item: _Delayed) -> float:
    assert item.delay is not None
    return item.delay.since
