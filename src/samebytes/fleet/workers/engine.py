"""What does the work: an executor, and what an audit has to know of it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """An executor of any kind, local or not.

    ``slots`` says how many tasks there should be under way at present; 0: nobody is there to do
    any. ``terms`` are those of its workers: what was found before on any of these is not found
    again. ``deaths`` says of an exception of a future how many workers it is the end of; 0: it is
    of something else. ``patience`` is after how many seconds a task is given up on that nothing is
    heard of; ``end`` then ends who works on it. ``notes`` are what people should know, once each.
    """

    name: str
    executor: Executor
    slots: Callable[[], int]
    terms: frozenset[str]
    deaths: Callable[[BaseException], int]
    patience: float
    end: Callable[[Future[Any]], None]
    notes: Callable[[], tuple[str, ...]] = tuple
