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
from functools import partial
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
            return super().submit(_run, partial(fn, *args, **kwargs))
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin() -> None:
    """Be ended when the parent says so, or dies; without a word, as nothing is to be cleaned."""
    warnings.simplefilter("ignore")  # of libraries, for their developers
    # Whoever started us says what there is to say.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    _handle_signals(signal.SIG_DFL)
    threading.Thread(target=_follow, daemon=True).start()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)


def _run(task: Callable[[], _T]) -> _T:
    """Do a task, which signals end like Ctrl-C, so that nothing is left behind."""
    try:
        _handle_signals(_interrupt)
        try:
            return task()
        finally:
            _handle_signals(signal.SIG_DFL)
    except KeyboardInterrupt:
        os._exit(1)  # to wait for another task would be to wait for one that does not come


def _follow() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE_SECONDS)
    os._exit(1)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    _handle_signals(signal.SIG_IGN)  # cleaning up is not interrupted in its turn
    raise KeyboardInterrupt


def _handle_signals(handler: signal.Handlers | Callable[[int, FrameType | None], None]) -> None:
    for number in _STOPPING:
        signal.signal(number, handler)
