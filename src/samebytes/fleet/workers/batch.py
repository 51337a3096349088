"""Some tasks at once, on any executor, of which nothing is kept: results as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from dataclasses import dataclass
from functools import partial
from itertools import islice

from samebytes.errors import SamebytesError, UserError
from samebytes.fleet.workers.work import Settings, unexpected, verified
from samebytes.verify.task import Task
from samebytes.verify.verification import Verification


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What became of a task: a verification, or the error that prevented one."""

    task: Task
    verification: Verification | None = None
    error: SamebytesError | None = None


def run_all(
    tasks: Iterable[Task], settings: Settings, executor: Executor, in_flight: int
) -> Iterator[Done]:
    """Every task once, in the order in which they are done."""
    waiting = iter(tasks)
    running: dict[Future[Verification], Task] = {}
    while True:
        for task in islice(waiting, in_flight - len(running)):
            running[executor.submit(verified, task, settings)] = task
        if not running:
            return
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            yield _done(running.pop(future), future.result)


def run_here(tasks: Iterable[Task], perform: Callable[[Task], Verification]) -> Iterator[Done]:
    """Every task once, one after the other, in this process."""
    for task in tasks:
        yield _done(task, partial(perform, task))


def _done(task: Task, result: Callable[[], Verification]) -> Done:
    try:
        return Done(task=task, verification=result())
    except SamebytesError as error:
        return Done(task=task, error=error)
    except BrokenExecutor:
        killed = UserError(
            f"The process that verified {task.filename} was killed.",
            hint="Perhaps the machine has too little memory: try fewer with --workers N.",
        )
        return Done(task=task, error=killed)
    except Exception as error:
        # Strangers make these files: one that trips us is not to hide the others.
        return Done(task=task, error=unexpected(error))
