"""What does the work: an executor, and what an audit has to know of it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """An executor of any kind, local or not.

    ``slots`` says how many tasks there should be under way at present, at least one. ``terms`` are
    those of its workers: what was found before on any of these is not found again. ``deaths`` says
    of an exception of a future how many workers it is the end of; 0: it is of something else.
    ``patience`` is after how many seconds a task is given up on that nothing is heard of.
    """

    name: str
    executor: Executor
    slots: Callable[[], int]
    terms: frozenset[str]
    deaths: Callable[[BaseException], int]
    patience: float
