"""What the commands that verify have in common."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click

from samebytes.cli.console import Terminal
from samebytes.fleet.audit import Done, run_all, run_here
from samebytes.fleet.pool import local_processes
from samebytes.fleet.work import Settings
from samebytes.index.client import Index
from samebytes.report.visible import visible
from samebytes.request import Workshop
from samebytes.verify.means import Effort, Means
from samebytes.verify.targets import NotVerified
from samebytes.verify.task import Task

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


def make_settings(workshop: Workshop, effort: Effort, *, sandboxed: bool) -> Settings:
    """Raises UserError where there is no sandbox, but should be one."""
    return Settings(
        means=Means.prepare(workshop, effort, sandboxed=sandboxed),
        index=workshop.index,
        cache=workshop.cache,
        base=workshop.base,
    )


@contextmanager
def verifying(
    tasks: Sequence[Task], settings: Settings, workshop: Workshop, workers: int, index: Index
) -> Iterator[Iterator[Done]]:
    """What becomes of each task: in this process if it is one at a time, else in others."""
    if min(workers, len(tasks)) <= 1:
        yield run_here(tasks, lambda task: task.perform(settings.means, workshop, index))
        return
    with local_processes(min(workers, len(tasks))) as pool:
        yield run_all(tasks, settings, pool, min(workers, len(tasks)))


def warn_without_sandbox(terminal: Terminal) -> None:
    terminal.warn("Without a sandbox, builds of strangers may do all that you may.")


def note_skipped(skipped: Sequence[NotVerified], terminal: Terminal) -> None:
    """Say what is not verified: a line for each reason."""
    reasons = defaultdict[str, list[str]](list)
    for each in skipped:
        reasons[each.reason].append(each.filename)
    for reason, names in reasons.items():
        what = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
        terminal.fact("skipped", f"{visible(what)}: {visible(reason)}")
