"""Local processes that end with us, however we end, and say nothing about it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from concurrent import futures
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from types import FrameType
from typing import Any, ParamSpec, TypeVar

from samebytes.fleet.workers.engine import Engine
from samebytes.fleet.workers.work import Settings, describe
from samebytes.process import STOPPING

_P = ParamSpec("_P")
_T = TypeVar("_T")

#: What a process has to clean up after its task; then a guard does it.
_GRACE_SECONDS = 5.0
#: What a task may take that no bound is on, besides twice what its builds may.
_SLACK_SECONDS = 1800.0


@contextmanager
def local_engine(count: int, settings: Settings) -> Iterator[Engine]:
    """So many processes of this machine; they end when the block does.

    Raises UserError where they could do nothing here.
    """
    with local_processes(count) as processes:
        yield Engine(
            name=f"{count} local process{'es' if count > 1 else ''}",
            executor=processes,
            slots=lambda: count,
            terms=frozenset({describe(settings).terms}),
            deaths=deaths,
            patience=patience_of(settings),
            end=processes.end,
        )


def deaths(error: BaseException) -> int:
    """How many of our processes an exception is the end of."""
    return int(isinstance(error, BrokenExecutor))


def patience_of(settings: Settings) -> float:
    """After how many seconds a task hangs, as nothing that it does takes so long."""
    return 2 * settings.effort.total + _SLACK_SECONDS


@contextmanager
def local_processes(count: int) -> Iterator[Processes]:
    """An executor; when the block is left by an exception, what its processes do is ended."""
    resource_tracker.ensure_running()  # which, when it starts, lets signals through
    pool = Processes(count)
    try:
        yield pool
    except BaseException:
        pool.stop()
        raise
    pool.shutdown()


@dataclass(slots=True, kw_only=True)
class _Order:
    """A call that somebody waits for."""

    future: Future[Any]
    call: Callable[[], Any]


class Processes(Executor):
    """So many processes, each by itself: one that is killed takes nothing with it but its task.

    Another is started in its place. That is the difference from one ProcessPoolExecutor, which is
    of no more use when one of its processes was killed, and does not say which task it was at.
    """

    def __init__(self, count: int) -> None:
        self._lock = threading.RLock()
        self._idle = [_Pool.one() for _ in range(count)]
        self._busy: dict[Future[Any], _Pool] = {}
        self._orders: deque[_Order] = deque()
        self._broken: list[_Pool] = []
        self._is_closed = False

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        future: Future[_T] = Future()
        while self._broken:
            self._broken.pop().shutdown(wait=False)
        with self._lock:
            if self._is_closed:
                raise RuntimeError("the processes were told to end")
            self._orders.append(_Order(future=future, call=partial(fn, *args, **kwargs)))
            self._next()
        return future

    def end(self, future: Future[Any]) -> None:
        """Kill the process that works on it, or forget it if none does yet."""
        with self._lock:
            pool = self._busy.get(future)
        if pool is None:
            future.cancel()
        else:
            pool.kill()

    def stop(self) -> None:
        """End what they do, at once."""
        with self._lock:
            self._is_closed = True
            pools = [*self._busy.values(), *self._idle, *self._broken]
            left = self._forgotten()
        for order in left:
            order.future.cancel()
        for pool in pools:
            pool.terminate()
        for pool in pools:
            pool.shutdown(wait=True, cancel_futures=True)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Without ``wait``, too, what has not begun is forgotten."""
        with self._lock:
            left = self._forgotten() if cancel_futures or not wait else []
            pending = [*self._busy, *(order.future for order in self._orders)]
        for order in left:
            order.future.cancel()
        if wait:
            futures.wait(pending)
        with self._lock:
            self._is_closed = True
            pools = [*self._busy.values(), *self._idle, *self._broken]
        for pool in pools:
            pool.shutdown(wait=wait)

    def _forgotten(self) -> list[_Order]:
        orders, self._orders = self._orders, deque()
        return list(orders)

    def _next(self) -> None:
        """Have those who are idle do what is to be done."""
        while self._idle and self._orders and not self._is_closed:
            order = self._orders.popleft()
            if order.future.set_running_or_notify_cancel():
                pool, done = self._given(order)
                self._busy[order.future] = pool
                done.add_done_callback(partial(self._done, order.future, pool))

    def _given(self, order: _Order) -> tuple[_Pool, Future[Any]]:
        pool = self._idle.pop()
        try:
            return pool, pool.submit(order.call)
        except BrokenExecutor:  # it was killed while it had nothing to do
            self._broken.append(pool)
            pool = _Pool.one()
            return pool, pool.submit(order.call)

    def _done(self, future: Future[Any], pool: _Pool, done: Future[Any]) -> None:
        error = BrokenExecutor() if done.cancelled() else done.exception()
        with self._lock:
            del self._busy[future]
            if isinstance(error, BrokenExecutor) and not self._is_closed:
                # Where this is called it cannot be shut down: that takes a lock that is held.
                self._broken.append(pool)
                pool = _Pool.one()
            self._idle.append(pool)
            self._next()
        if error is None:
            future.set_result(done.result())
        else:
            future.set_exception(error)


class _Pool(ProcessPoolExecutor):
    """Its process starts with signals held back, until it knows what to do about them."""

    @classmethod
    def one(cls) -> _Pool:
        context = multiprocessing.get_context("spawn")
        return cls(max_workers=1, mp_context=context, initializer=_begin)

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
        try:
            return super().submit(_run, partial(fn, *args, **kwargs))
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def kill(self) -> None:
        for process in self._of_ours():
            process.kill()

    def terminate(self) -> None:
        for process in self._of_ours():
            process.terminate()

    def _of_ours(self) -> list[multiprocessing.process.BaseProcess]:
        # There is a public way from Python 3.14 on: terminate_workers and kill_workers.
        return list((self._processes or {}).values())


def _begin() -> None:
    """Be ended when the parent says so, or dies; without a word, as nothing is to be cleaned."""
    warnings.simplefilter("ignore")  # of libraries, for their developers
    # Whoever started us says what there is to say.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    _handle_signals(signal.SIG_DFL)
    threading.Thread(target=_follow, daemon=True).start()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)


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
    for number in STOPPING:
        signal.signal(number, handler)
