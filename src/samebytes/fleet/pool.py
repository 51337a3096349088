"""Local processes that end with us, however we end."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import wait
from types import FrameType

#: What a process has to clean up after its task; then a guard does it.
_GRACE_SECONDS = 5.0


@contextmanager
def local_processes(count: int) -> Iterator[ProcessPoolExecutor]:
    """An executor; when the block is left by an exception, what its processes do is ended."""
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(max_workers=count, mp_context=context, initializer=_begin)
    try:
        yield pool
    except BaseException:
        for child in multiprocessing.active_children():
            child.terminate()
        pool.shutdown(wait=True, cancel_futures=True)
        raise
    pool.shutdown()


def _begin() -> None:
    """Be ended like by Ctrl-C, so that nothing is left behind, when the parent says so, or dies."""
    warnings.simplefilter("ignore")  # of libraries, for their developers
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, _interrupt)
    threading.Thread(target=_follow, daemon=True).start()


def _follow() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())  # nobody is left to be told
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE_SECONDS)
    # We are told of no more tasks, and not that there are none: others like us could still write.
    os._exit(1)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
