"""What the commands that verify have in common."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

import click

from samebytes.cli.console import Terminal
from samebytes.cli.options import Size, offline_option, workspace_option
from samebytes.cli.workshop import make_index, make_workshop
from samebytes.fleet.workers.batch import Done, run_all, run_here
from samebytes.fleet.workers.pool import local_processes
from samebytes.fleet.workers.work import Here, Settings, unexpected
from samebytes.index.client import Index
from samebytes.report.verification import Failed
from samebytes.report.visible import visible
from samebytes.request import Workshop
from samebytes.sandbox.bounds import Bounds
from samebytes.verify.document import Result, result_document
from samebytes.verify.means import Effort, Means
from samebytes.verify.targets import NotVerified, reasons
from samebytes.verify.task import Task

Command = TypeVar("Command", bound=Callable[..., Any])

attempts_option = click.option(
    "--max-attempts",
    type=click.IntRange(min=1),
    default=Effort().attempts,
    show_default=True,
    metavar="N",
    help="How many recipes are tried for one artifact.",
)
build_timeout_option = click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=Effort().timeout,
    show_default=True,
    metavar="SECONDS",
    help="How long one hook of a backend may take.",
)
total_option = click.option(
    "--total-timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=Effort().total,
    show_default=True,
    metavar="SECONDS",
    help="How long the builds for one artifact may take together.",
)
memory_option = click.option(
    "--max-memory",
    type=Size(),
    default="4G",
    show_default=True,
    metavar="SIZE",
    help="How much memory a build may take in the sandbox.",
)
sandbox_option = click.option(
    "--no-sandbox",
    is_flag=True,
    help="Build without a sandbox: the code of strangers then may do all that you may.",
)
workers_option = click.option(
    "-j",
    "--workers",
    type=click.IntRange(min=1),
    default=lambda: os.cpu_count() or 1,
    metavar="N",
    help="How many artifacts are verified at a time. [default: one a processor]",
)


def effort_options(command: Command) -> Command:
    """The options that say how artifacts are verified."""
    options = (
        *(attempts_option, memory_option, sandbox_option, workers_option),
        *(offline_option, build_timeout_option, total_option, workspace_option),
    )
    for option in reversed(options):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True, kw_only=True)
class EffortOptions:
    """Their values, as click read them."""

    max_attempts: int
    max_memory: int
    no_sandbox: bool
    workers: int
    offline: bool
    timeout: float
    total_timeout: float
    workspace: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What verifying takes, here and in other processes, of which there are ``workers``."""

    workshop: Workshop
    settings: Settings
    index: Index
    workers: int

    @classmethod
    def prepare(
        cls, options: EffortOptions, terminal: Terminal, *, is_remote: bool = False
    ) -> Self:
        """``is_remote``: the work is done elsewhere, and workers find out what they have there.

        Raises UserError where there is no sandbox here, but should be one.
        """
        workshop = make_workshop(terminal, offline=options.offline, workspace=options.workspace)
        effort = Effort(
            attempts=options.max_attempts, timeout=options.timeout, total=options.total_timeout
        )
        bounds = None if options.no_sandbox else Bounds(memory=options.max_memory)
        here = None
        if not is_remote:
            means = Means.prepare(workshop, effort, bounds)
            here = Here(means=means, cache=workshop.cache, base=workshop.base)
        settings = Settings(effort=effort, bounds=bounds, index=workshop.index, here=here)
        if options.no_sandbox:
            terminal.warn("Without a sandbox, builds of strangers may do all that you may.")
        index = make_index(workshop, terminal)
        return cls(workshop=workshop, settings=settings, index=index, workers=options.workers)

    @property
    def is_sandboxed(self) -> bool:
        return self.settings.bounds is not None

    @contextmanager
    def verifying(self, tasks: Sequence[Task]) -> Iterator[Iterator[Done]]:
        """What becomes of each task: in this process if it is one at a time, else in others."""
        here = self.settings.here
        if here is not None and _is_here(tasks, self.workers):
            means, workshop, index = here.means, self.workshop, self.index
            yield run_here(tasks, lambda task: task.perform(means, workshop, index))
            return
        count = min(self.workers, len(tasks))
        with local_processes(count) as pool:
            yield run_all(tasks, self.settings, pool, count)


def steps_of(tasks: Sequence[Task], workers: int) -> int | None:
    """How many steps a progress bar has; None where each task has as many as it takes."""
    return None if _is_here(tasks, workers) else len(tasks)


def _is_here(tasks: Sequence[Task], workers: int) -> bool:
    return min(workers, len(tasks)) <= 1


def outcome(done: Done, *, sandboxed: bool) -> Result | Failed:
    """What is reported of a task that is done."""
    artifact = done.task.filename
    if done.verification is None:
        assert done.error is not None
        return Failed(artifact=artifact, error=done.error)
    try:
        return result_document(done.verification, sandboxed=sandboxed)
    except Exception as error:
        return Failed(artifact=artifact, error=unexpected(error))


def note_skipped(skipped: Sequence[NotVerified], terminal: Terminal) -> None:
    """Say what is not verified: a line for each reason."""
    for line in reasons(skipped):
        terminal.fact("skipped", visible(line))
