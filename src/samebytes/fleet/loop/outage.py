"""An index that does not answer: what waits for it, what is tried again when, and for how long."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from samebytes.errors import UnreachableError

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
    """What could not be done as the index could not be reached; each for ``patience`` seconds.

    One of them is tried again at a time, after pauses that grow, to see whether there is an index
    once more; as soon as there is, all others are.
    """

    def __init__(self, patience: float, now: float) -> None:
        self._patience = patience
        self._waiting: deque[_Item] = deque()
        self._free: deque[_Item] = deque()
        self._probe: _Item | None = None
        self._pause = _FIRST_PAUSE
        self._at = now
        self._answered_at = now

    def __len__(self) -> int:
        return len(self._waiting) + len(self._free) + (self._probe is not None)

    def wait(self, item: _Item, error: UnreachableError, now: float) -> None:
        """Have something wait, that was tried in vain."""
        if self._probe is item:
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)
            self._at = now + self._pause
        elif not self:
            self._pause = _FIRST_PAUSE
            self._at = now + self._pause
        item.delay = Delay(since=item.delay.since if item.delay else now, error=error)
        self._waiting.append(item)
        self.left(item)

    def answered(self, item: _Item, now: float) -> None:
        """Something could be done: the index answers."""
        self._answered_at = now
        if item.delay is not None:
            item.delay = None
            self._pause = _FIRST_PAUSE
            self._free.extend(self._waiting)
            self._waiting.clear()
        self.left(item)

    def left(self, item: _Item) -> None:
        """It was tried, and what came of it says nothing of the index."""
        if self._probe is item:
            self._probe = None

    def next(self, now: float) -> _Item | None:
        """What is to be tried now."""
        if self._free:
            return self._free.popleft()
        if now < self.next_at():
            return None
        self._probe = self._waiting.popleft()
        return self._probe

    def next_at(self) -> float:
        """When there is something to be tried."""
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
        """Whether nothing at all was answered for so long, and something waits for it."""
        if not self._waiting:
            return False
        since = min(map(_since, self._waiting))
        return now - max(since, self._answered_at) >= self._patience


def _since(item: _Delayed) -> float:
    assert item.delay is not None
    return item.delay.since
