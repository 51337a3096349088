"""``samebytes migrate``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from samebytes.cli.console import (
    Terminal,
    check_target,
    errors_in,
    print_json,
    print_report,
    write_target,
)
from samebytes.cli.options import (
    json_option,
    moment,
    offline_option,
    python_option,
    timeout_option,
    workspace_option,
)
from samebytes.cli.workshop import make_workshop
from samebytes.errors import UserError
from samebytes.git import Git
from samebytes.migrate.checkout import (
    check_clean,
    check_unmodified,
    check_untouched,
    patch,
    write_changes,
)
from samebytes.migrate.kit import OWN_FILES, find_kit
from samebytes.migrate.migration import Migration, MigrationRequest, migrate
from samebytes.migrate.stay import stay
from samebytes.migrate.wrapper import CANONICAL
from samebytes.report.migration import migration_document, migration_report
from samebytes.source import GitSource

#: Steps that a migration announces, for the progress bar.
_STEPS = 15


@click.command(
    "migrate", short_help="Move a project to hatchling, or wrap its backend; lose no file."
)
@click.argument("checkout", default=".", metavar="[CHECKOUT]")
@click.option(
    "--stay",
    is_flag=True,
    help="Stay on setuptools, or any other backend, and wrap it: samebytes_core.backend.",
)
@click.option(
    "--deflate",
    type=click.Choice([CANONICAL]),
    help="With --stay: compress archives by one implementation, the same bytes everywhere.",
)
@click.option(
    "--kit",
    metavar="NAME|PATH",
    help="Apply a kit as well: django, or the folder of your own kit.",
)
@click.option("--dry-run", is_flag=True, help="Print the diff of the tree; write nothing to it.")
@click.option(
    "--allow-dirty", is_flag=True, help="Migrate the last commit, whatever else is there."
)
@click.option("--keep", is_flag=True, help="Write the changes even if the proof fails.")
@python_option
@click.option(
    "--as-of",
    metavar="DATE|now",
    help="Use setuptools, and what else the project builds with, as of this time. [default: the "
    "time of the last commit]",
)
@offline_option
@timeout_option
@workspace_option
@click.option("--html", "html_file", metavar="FILE", help="Write what differs as a page; one file.")
@json_option
@click.option(
    "-v", "--verbose", is_flag=True, help="Show every difference, and what backends print."
)
@click.option("-q", "--quiet", is_flag=True, help="Print what is unexpected, and errors, only.")
@click.pass_context
def migrate_command(context: click.Context, /, **values: Any) -> None:
    """Move a project from setuptools to hatchling, or wrap its backend; prove that no file is lost.

    CHECKOUT is a git checkout (by default the current folder). Its last commit is built by
    setuptools and, with the new rules, by hatchling; every member and every field of the metadata
    is compared. pyproject.toml is rewritten, MANIFEST.in, setup.py and setup.cfg are removed where
    nothing is left in them. Nothing is committed, and without a proof nothing is written.

    With --stay, the project keeps its backend and all of its rules. pyproject.toml has
    samebytes_core.backend around it, so that python -m build, uv build and pip wheel give the same
    bytes to everybody. That is proved by building as before, and twice under varied conditions.

    \b
    Examples:
      samebytes migrate --dry-run              look at it first
      samebytes migrate                        this checkout
      samebytes migrate --stay                 keep the backend, and wrap it
      samebytes migrate --kit django ~/django  with what Django adds to its tree
      samebytes migrate --json - | jq .status

    Exit codes: 0 migrated, or nothing to do, 1 something unexpected differs, 2 it could not be
    done, or the project cannot be migrated.
    """
    options = _Options(**values)
    terminal = Terminal(quiet=options.quiet, verbose=options.verbose)
    for name, target in (("json", options.json_file), ("html", options.html_file)):
        if target is not None:
            check_target(target, name)
    if options.deflate is not None and not options.stay:
        raise UserError("--deflate is for --stay.", hint="Give both, or neither.")
    if options.json_file == options.html_file == "-":
        raise UserError("--json and --html both name stdout.", hint="Name a file for one of them.")
    with errors_in(
        options.json_file,
        lambda error: migration_document(None, "failed", terminal.warnings, error),
    ):
        migration = _migrate(options, terminal)
    _write_documents(migration, options, terminal)
    if "-" not in (options.json_file, options.html_file):
        print_report(_report(migration, options))
        if options.dry_run:
            lines = patch(
                migration.changes,
                migration.originals,
                below=migration.below,
                executable=migration.executable,
            )
            for line in lines:
                click.echo(line)  # as it is: a terminal's library would expand tabs
        print_report(_outcome(migration, options))
    context.exit(0 if migration.is_proved else 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    """The command line, as click read it."""

    checkout: str
    stay: bool
    deflate: str | None
    kit: str | None
    dry_run: bool
    allow_dirty: bool
    keep: bool
    python: str | None
    as_of: str | None
    offline: bool
    timeout: float
    workspace: Path
    html_file: str | None
    json_file: str | None
    verbose: bool
    quiet: bool

    def writes(self, migration: Migration) -> bool:
        return bool(migration.changes) and not self.dry_run and (migration.is_proved or self.keep)

    def status(self, migration: Migration) -> str:
        if not migration.is_proved:
            return "finding"
        if not migration.changes:
            return "unchanged"
        return "proved" if self.dry_run else "migrated"


def _migrate(options: _Options, terminal: Terminal) -> Migration:
    kit = None if options.kit is None else find_kit(options.kit)
    as_of = None if options.as_of is None else moment(options.as_of)
    workshop = make_workshop(terminal, offline=options.offline, workspace=options.workspace)
    path = Path(options.checkout)
    if not path.is_dir():
        raise UserError(f"There is no folder {options.checkout!r}.", hint="Name a git checkout.")
    git = Git(workshop.runner, workshop.environ)
    checkout = git.checkout_at(path)
    commit = git.commit_of(checkout, "HEAD")
    check_clean(git, checkout, allow_dirty=options.allow_dirty)
    if not options.dry_run:
        ours = ("pyproject.toml",) if options.stay else OWN_FILES
        check_unmodified(git, checkout, (*ours, *(kit.paths if kit else ())))
    source = GitSource(git=git, checkout=checkout, commit=commit)
    terminal.fact("source", str(source))
    request = MigrationRequest(
        source=source,
        kit=kit,
        python=options.python,
        as_of=as_of,
        newest=options.as_of == "now",
        timeout=options.timeout,
    )
    with terminal.working(_STEPS):
        if options.stay:
            migration = stay(request, workshop, deflate=options.deflate)
        else:
            migration = migrate(request, workshop)
    if options.writes(migration):
        check_untouched(checkout, migration.changes, migration.originals)
        folder = checkout.root / checkout.project
        write_changes(folder, migration.changes, migration.originals)
    return migration


def _write_documents(migration: Migration, options: _Options, terminal: Terminal) -> None:
    if options.json_file is not None:
        status = options.status(migration)
        document = migration_document(migration, status, terminal.warnings, None)
        print_json(document, options.json_file)
    if options.html_file is not None:
        from samebytes.report.document import Report
        from samebytes.report.document import document as report_document
        from samebytes.report.explanations import entries
        from samebytes.report.html import html_page  # which takes long to load

        comparisons = tuple(proof.comparison for proof in migration.proofs)
        first, second = migration.names
        report = Report(first=first, second=second, comparisons=comparisons)
        write_target(html_page(report_document(report), entries()), options.html_file, "html")


def _report(migration: Migration, options: _Options) -> Iterator[Text]:
    if not options.quiet or not migration.is_proved:
        yield from migration_report(migration, verbose=options.verbose)


def _outcome(migration: Migration, options: _Options) -> Iterator[Text]:
    if options.quiet:
        return
    if options.writes(migration):
        for word, gone in (("wrote", False), ("removed", True)):
            paths = [path for path, data in migration.changes.items() if (data is None) is gone]
            if paths:
                yield Text(f"{word}: {', '.join(sorted(paths))}")
        yield Text("Nothing is committed: look at 'git diff', run your tests, then commit.")
    elif not migration.is_proved:
        keep = "" if options.dry_run else "--keep writes it all the same; "
        yield Text(f"Nothing was written. {keep}--html shows what differs.")
    elif not migration.changes:
        yield Text("There is nothing to do.")
