"""An index that does not answer: what waits for it, what is tried again when, and for how long."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from samebytes.errors import UnreachableError

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0


@dataclass(slots=True, kw_only=True)
class Delay:
    """Since when something waits, when it is tried again, and why; seconds, monotonic."""

    since: float
    at: float
    pause: float
    error: UnreachableError


class _Delayed(Protocol):
    delay: Delay | None


_Item = TypeVar("_Item", bound=_Delayed)


class Outage(Generic[_Item]):
    """What could not be done as the index could not be reached; each for ``patience`` seconds.

    One at a time is tried again, to see whether there is an index once more; as soon as it is, all
    others are.
    """

    def __init__(self, patience: float, now: float) -> None:
        self._patience = patience
        self._waiting: list[_Item] = []
        self._free: deque[_Item] = deque()
        self._probe: _Item | None = None
        self._answered_at = now

    def __len__(self) -> int:
        return len(self._waiting) + len(self._free) + (self._probe is not None)

    def wait(self, item: _Item, error: UnreachableError, now: float) -> None:
        """Have something wait, that was tried in vain."""
        before = item.delay
        pause = min(2 * before.pause, _LONGEST_PAUSE) if before else _FIRST_PAUSE
        since = before.since if before else now
        item.delay = Delay(since=since, at=now + pause, pause=pause, error=error)
        self._waiting.append(item)
        self.left(item)

    def answered(self, item: _Item, now: float) -> None:
        """Something could be done: the index answers."""
        self._answered_at = now
        if item.delay is not None:
            item.delay = None
            for each in self._waiting:
                assert each.delay is not None
                each.delay.pause = _FIRST_PAUSE / 2
            self._free.extend(self._waiting)
            self._waiting.clear()
        self.left(item)

    def left(self, item: _Item) -> None:
        """What is known of something that was tried again is not of the index."""
        if self._probe is item:
            self._probe = None

    def next(self, now: float) -> _Item | None:
        """What is to be tried now."""
        if self._free:
            return self._free.popleft()
        if self._probe is not None or not self._waiting:
            return None
        first = min(self._waiting, key=_moment)
        if _moment(first) > now:
            return None
        self._waiting.remove(first)
        self._probe = first
        return first

    def next_at(self) -> float:
        """When there is something to be tried."""
        if self._free:
            return 0.0
        if self._probe is not None:
            return float("inf")
        return min(map(_moment, self._waiting), default=float("inf"))

    def expired(self, now: float) -> Iterator[_Item]:
        """Those that waited for too long, which are forgotten."""
        for item in [*self._waiting]:
            if item.delay is not None and now - item.delay.since >= self._patience:
                self._waiting.remove(item)
                yield item

    def forget(self) -> Iterator[_Item]:
        """All that waits, which is forgotten."""
        waiting, self._waiting = [*self._waiting, *self._free], []
        self._free.clear()
        yield from waiting

    def is_hopeless(self, now: float) -> bool:
        """Whether nothing at all was answered for so long, and something waits for it."""
        since = min((_since(item) for item in self._waiting), default=now)
        return now - max(since, self._answered_at) >= self._patience and bool(self._waiting)


def _moment(item: _Delayed) -> float:
    return item.delay.at if item.delay else 0.0


def _since(item: _Delayed) -> float:
    assert item.delay is not None
    return item.delay.since
