"""``samebytes audit``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import click
from rich.console import RenderableType

from samebytes.cli.console import (
    Terminal,
    check_target,
    errors_in,
    print_json,
    print_report,
)
from samebytes.cli.options import json_option
from samebytes.cli.verifying import (
    Desk,
    EffortOptions,
    effort_options,
    note_skipped,
    outcome,
    steps_of,
)
from samebytes.errors import ArtifactError, SamebytesError, UserError
from samebytes.fleet.batch import Done
from samebytes.fleet.entries import Lock
from samebytes.fleet.inventory import Inventory, is_lasting, key_of, take_inventory, terms_of
from samebytes.fleet.locks import read_lock
from samebytes.fleet.old_store import Key, Store
from samebytes.places import data_folder
from samebytes.report.verification import (
    Failed,
    is_verified,
    result_report,
    results_document,
    results_table,
    summary,
    unmatched_line,
)
from samebytes.report.visible import visible
from samebytes.verify.document import Result
from samebytes.verify.kept import is_whole
from samebytes.verify.targets import NotVerified, Unmatched, reasons
from samebytes.verify.task import Task

#: Reasons why there is nothing to verify that are shown.
_REASONS = 5


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
    envvar="SAMEBYTES_STORE",
    show_envvar=True,
    metavar="FILE",
    help="Where results are kept. What is in it is believed, and not verified again. [default: "
    "audit.sqlite in the user's data folder]",
)
@click.option("--again", is_flag=True, help="Verify all, whatever the store has.")
@click.option(
    "--allow-skipped",
    is_flag=True,
    help="Entries of a lock that cannot be verified (not pinned, from a URL ...) are no finding.",
)
@effort_options
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

    Every hash in a lock has to be that of a file of the release; every entry has to be pinned.

    \b
    Examples:
      samebytes audit -r requirements.txt
      samebytes audit -r uv.lock --workers 4 --store audit.sqlite
      samebytes audit click==8.1.8 six==1.17.0 --json report.json

    Exit codes: 0 all verified, 1 one is different, unbuildable or skipped, or the lock names a
    hash that no file has, 2 some could not be looked at, or nothing could be verified.
    """
    options = _Options(**values)
    terminal = Terminal(quiet=options.quiet, verbose=False)
    found = _Found(allow_skipped=options.allow_skipped)
    try:
        with errors_in(options.json_file, found.document):
            _check(options)
            _audit(options, terminal, found)
    except SamebytesError:
        if options.json_file != "-" and (found.results or found.unmatched):
            print_report(_report(options, found))
        raise
    if options.json_file is not None:
        print_json(found.document(), options.json_file)
    if options.json_file != "-":
        print_report(_report(options, found))
    for each in found.failed:
        terminal.error(each.error)
    context.exit(_status(found))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options(EffortOptions):
    """The command line, as click read it."""

    requirements: tuple[str, ...]
    locks: tuple[Path, ...]
    store: Path | None
    again: bool
    allow_skipped: bool
    json_file: str | None
    verbose: bool
    quiet: bool


@dataclass(slots=True, kw_only=True)
class _Found:
    """What was found so far; ``results`` by the artifact's name."""

    allow_skipped: bool
    results: dict[str, Result] = field(default_factory=dict)
    skipped: list[NotVerified] = field(default_factory=list)
    unmatched: list[Unmatched] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)

    @property
    def sorted(self) -> list[Result]:
        return [self.results[name] for name in sorted(self.results)]

    @property
    def entries(self) -> int:
        """How many entries of the locks nobody looked at."""
        return sum(each.is_entry for each in self.skipped)

    @property
    def has_gaps(self) -> bool:
        """Whether there is a finding that is no verdict."""
        return bool(self.unmatched or (self.entries and not self.allow_skipped))

    def document(self, error: SamebytesError | None = None) -> dict[str, object]:
        return results_document(
            self.sorted,
            self.skipped,
            self.failed,
            error,
            unmatched=self.unmatched,
            has_gaps=self.has_gaps,
        )


def _check(options: _Options) -> None:
    if options.json_file is not None:
        check_target(options.json_file, "json")
    if not options.locks and not options.requirements:
        raise UserError(
            "There is nothing to audit.", hint="Name a lock file with -r FILE, or NAME==VERSION."
        )


def _audit(options: _Options, terminal: Terminal, found: _Found) -> None:
    desk = Desk.prepare(options, terminal)
    lock = Lock.joined(map(read_lock, options.locks))
    place = options.store or _own_store()
    with Store.open(place) as store:
        with terminal.working(len(lock.entries) + len(options.requirements)):
            inventory = take_inventory(lock, options.requirements, desk.index, terminal)
        _note(inventory, terminal, found)
        assert desk.settings.here is not None
        terms = terms_of(desk.settings.here.means)
        notebook = _Notebook(store, terms, again=options.again)
        for task in inventory.tasks:
            if (kept := notebook.known(task)) is not None:
                found.results[task.filename] = kept
        if found.results:
            terminal.fact("kept", f"{len(found.results)} of {len(inventory.tasks)} from {place}")
        tasks = [task for task in inventory.tasks if task.filename not in found.results]
        with (
            terminal.working(steps_of(tasks, desk.workers)),
            desk.verifying(tasks) as stream,
        ):
            for number, done in enumerate(stream, 1):
                result = outcome(done, sandboxed=desk.is_sandboxed)
                if isinstance(result, Failed):
                    found.failed.append(result)
                else:
                    found.results[done.task.filename] = result
                    notebook.note(done, result)
                terminal.step(f"{number} of {len(tasks)}: {done.task.filename}")
    if not found.results and not found.failed:
        raise UserError(
            "There is nothing in it that can be verified.",
            hint=visible("; ".join(islice(reasons(found.skipped), _REASONS))),
        )


class _Notebook:
    """What was found out before, on these ``terms``, and what is now."""

    def __init__(self, store: Store, terms: str, *, again: bool) -> None:
        self._store = store
        self._terms = terms
        self._again = again

    def known(self, task: Task) -> Result | None:
        """What is kept; None, too, where the store has what is no result."""
        key = self._key(task)
        found = None if key is None or self._again else self._store.find(key)
        if found is None or not is_whole(found.document, found.key.filename, found.key.digest):
            return None
        return {**found.document, "kept": found.finished_at.isoformat()}

    def note(self, done: Done, result: Result) -> None:
        found, key = done.verification, self._key(done.task)
        if found is not None and key is not None and is_lasting(found):
            self._store.put(key, found.verdict, result, found.seconds)

    def _key(self, task: Task) -> Key | None:
        try:
            return key_of(task, self._terms)
        except ArtifactError:
            return None  # it has no hash: what is found of it is of no other file


def _own_store() -> Path:
    # Not in the current folder, where whoever sends a change could put one that says anything.
    folder = data_folder()
    folder.mkdir(parents=True, exist_ok=True)
    return folder / "audit.sqlite"


def _note(inventory: Inventory, terminal: Terminal, found: _Found) -> None:
    found.skipped += inventory.skipped
    found.unmatched += inventory.unmatched
    found.failed += [Failed(artifact=name, error=error) for name, error in inventory.failed]
    note_skipped(inventory.skipped, terminal)
    for text in inventory.warnings:
        terminal.warn(visible(text))


def _status(found: _Found) -> int:
    if found.failed:
        return 2
    return 0 if all(map(is_verified, found.results.values())) and not found.has_gaps else 1


def _report(options: _Options, found: _Found) -> Iterator[RenderableType]:
    if options.verbose:
        for each in found.sorted:
            yield from result_report(each, verbose=True)
    elif not options.quiet:
        if found.results:
            yield results_table(found.sorted)
        for each in found.sorted:
            if not is_verified(each):
                yield from result_report(each, verbose=False)
    yield from map(unmatched_line, found.unmatched)
    yield summary(found.sorted, found.failed, skipped=found.entries, unmatched=len(found.unmatched))
