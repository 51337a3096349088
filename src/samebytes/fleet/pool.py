"""Local processes that end with us, however we end, and say nothing about it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from types import FrameType
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")

#: What a process has to clean up after its task; then a guard does it.
_GRACE_SECONDS = 5.0

_STOPPING = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


@contextmanager
def local_processes(count: int) -> Iterator[ProcessPoolExecutor]:
    """An executor; when the block is left by an exception, what its processes do is ended."""
    resource_tracker.ensure_running()  # which, when it starts, lets signals through
    context = multiprocessing.get_context("spawn")
    pool = _Pool(max_workers=count, mp_context=context, initializer=_begin)
    try:
        yield pool
    except BaseException:
        for child in multiprocessing.active_children():
            child.terminate()
        pool.shutdown(wait=True, cancel_futures=True)
        raise
    pool.shutdown()


class _Pool(ProcessPoolExecutor):
    """Its processes start with signals held back, until they know what to do about them."""

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)
        try:
            return super().submit(fn, *args, **kwargs)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin() -> None:
    """Be ended like by Ctrl-C, so that nothing is left behind, when the parent says so, or dies."""
    warnings.simplefilter("ignore")  # of libraries, for their developers
    # Whoever started us says what there is to say; an interrupted process prints where it was.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    for number in _STOPPING:
        signal.signal(number, _interrupt)
    threading.Thread(target=_follow, daemon=True).start()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)


def _follow() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE_SECONDS)
    # We are told of no more tasks, and not that there are none: others like us could still write.
    os._exit(1)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    for number in _STOPPING:
        signal.signal(number, signal.SIG_IGN)  # cleaning up is not interrupted in its turn
    raise KeyboardInterrupt
