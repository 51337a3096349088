"""``samebytes audit``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from rich.console import RenderableType

from samebytes.cli.console import Terminal, check_target, print_json, print_report
from samebytes.cli.options import json_option, offline_option, workspace_option
from samebytes.cli.verifying import (
    attempts_option,
    build_timeout_option,
    make_settings,
    memory_option,
    note_skipped,
    sandbox_option,
    verifying,
    warn_without_sandbox,
    workers_option,
)
from samebytes.cli.workshop import make_workshop
from samebytes.errors import SamebytesError, UserError
from samebytes.fleet.entries import Lock
from samebytes.fleet.inventory import Inventory, key_of, take_inventory
from samebytes.fleet.locks import read_lock
from samebytes.fleet.store import Store
from samebytes.index.client import Index
from samebytes.report.verification import (
    Failed,
    Result,
    is_verified,
    result_document,
    result_report,
    results_document,
    results_table,
    summary,
)
from samebytes.report.visible import visible
from samebytes.sandbox.bounds import Bounds
from samebytes.verify.means import Effort
from samebytes.verify.targets import NotVerified


@click.command("audit", short_help="Verify all that a lock file installs.")
@click.argument("requirements", nargs=-1, metavar="[REQUIREMENT ...]")
@click.option(
    "-r",
    "--requirement",
    "locks",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A lock file: requirements.txt, pylock.toml or uv.lock; may be given several times.",
)
@click.option(
    "--store",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("samebytes-audit.sqlite"),
    show_default=True,
    metavar="FILE",
    help="Where results are kept. What is in it is not verified again.",
)
@click.option("--again", is_flag=True, help="Verify all, whatever the store has.")
@attempts_option
@memory_option
@sandbox_option
@workers_option
@offline_option
@build_timeout_option
@workspace_option
@json_option
@click.option("-v", "--verbose", is_flag=True, help="Print all that was found on each artifact.")
@click.option("-q", "--quiet", is_flag=True, help="Print the summary only.")
@click.pass_context
def audit_command(context: click.Context, /, **values: Any) -> None:
    """Verify all that a lock file installs.

    Every wheel that the lock files, or REQUIREMENTs (NAME==VERSION), name is verified against its
    published sdist, as by samebytes verify, several at a time. Each result is kept in the store as
    soon as there is one: an audit that was interrupted goes on where it was, and one that is run
    again does only what is new.

    \b
    Examples:
      samebytes audit -r requirements.txt
      samebytes audit -r uv.lock --workers 4 --store audit.sqlite
      samebytes audit click==8.1.8 six==1.17.0 --json report.json

    Exit codes: 0 all verified, 1 one is different or unbuildable, 2 some could not be looked at.
    """
    options = _Options(**values)
    terminal = Terminal(quiet=options.quiet, verbose=False)
    if options.json_file is not None:
        check_target(options.json_file, "json")
    if not options.locks and not options.requirements:
        raise UserError(
            "There is nothing to audit.", hint="Name a lock file with -r FILE, or NAME==VERSION."
        )
    found = _Found()
    try:
        _audit(options, terminal, found)
    except SamebytesError as error:
        if options.json_file is not None:
            with suppress(UserError):
                print_json(found.document(error), options.json_file)
        raise
    if options.json_file is not None:
        print_json(found.document(), options.json_file)
    if options.json_file != "-":
        print_report(_report(options, found))
    for each in found.failed:
        terminal.error(each.error)
    context.exit(_status(found))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    """The command line, as click read it."""

    requirements: tuple[str, ...]
    locks: tuple[Path, ...]
    store: Path
    again: bool
    max_attempts: int
    max_memory: int
    no_sandbox: bool
    workers: int
    offline: bool
    timeout: float
    workspace: Path
    json_file: str | None
    verbose: bool
    quiet: bool


@dataclass(slots=True)
class _Found:
    """What was found so far, by the artifact's name."""

    results: dict[str, Result] = field(default_factory=dict)
    skipped: list[NotVerified] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)

    @property
    def sorted(self) -> list[Result]:
        return [self.results[name] for name in sorted(self.results)]

    def document(self, error: SamebytesError | None = None) -> dict[str, object]:
        return results_document(self.sorted, self.skipped, self.failed, error)


def _audit(options: _Options, terminal: Terminal, found: _Found) -> None:
    workshop = make_workshop(terminal, offline=options.offline, workspace=options.workspace)
    effort = Effort(attempts=options.max_attempts, timeout=options.timeout)
    bounds = None if options.no_sandbox else Bounds(memory=options.max_memory)
    settings = make_settings(workshop, effort, bounds)
    if options.no_sandbox:
        warn_without_sandbox(terminal)
    index = Index(workshop.index, workshop.cache / "downloads", terminal.received, terminal.notice)
    lock = Lock.joined(map(read_lock, options.locks))
    with Store.open(options.store) as store:
        with terminal.working(len(lock.entries) + len(options.requirements)):
            inventory = take_inventory(lock, options.requirements, index, terminal)
        _note(inventory, terminal, found)
        tasks = []
        for task in inventory.tasks:
            kept = None if options.again else store.find(key_of(task))
            if kept is None:
                tasks.append(task)
            else:
                found.results[task.filename] = kept
        if kept_count := len(inventory.tasks) - len(tasks):
            terminal.fact("kept", f"{kept_count} of {len(inventory.tasks)} from {options.store}")
        with (
            terminal.working(len(tasks)),
            verifying(tasks, settings, workshop, options.workers, index) as stream,
        ):
            for number, done in enumerate(stream, 1):
                if done.verification is not None:
                    result = result_document(done.verification)
                    verdict = done.verification.verdict
                    store.put(key_of(done.task), verdict, result, done.verification.seconds)
                    found.results[done.task.filename] = result
                elif done.error is not None:
                    found.failed.append(Failed(artifact=done.task.filename, error=done.error))
                terminal.step(f"{number} of {len(tasks)}: {done.task.filename}")


def _note(inventory: Inventory, terminal: Terminal, found: _Found) -> None:
    found.skipped += inventory.skipped
    found.failed += [Failed(artifact=name, error=error) for name, error in inventory.failed]
    note_skipped(inventory.skipped, terminal)
    for text in inventory.warnings:
        terminal.warn(visible(text))


def _status(found: _Found) -> int:
    if found.failed:
        return 2
    return 0 if all(map(is_verified, found.results.values())) else 1


def _report(options: _Options, found: _Found) -> Iterator[RenderableType]:
    if options.verbose:
        for each in found.sorted:
            yield from result_report(each, verbose=True)
    elif not options.quiet:
        yield results_table(found.sorted)
        for each in found.sorted:
            if not is_verified(each):
                yield from result_report(each, verbose=False)
    yield summary(found.sorted, found.failed)
