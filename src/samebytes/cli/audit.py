"""``samebytes audit``."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from tempfile import TemporaryFile
from typing import Any

import click
from click.core import ParameterSource

from samebytes.cli.auditing.found import Found, Skipped
from samebytes.cli.auditing.live import show_status
from samebytes.cli.auditing.options import SECTIONS, AuditOptions, audit_options, check_together
from samebytes.cli.auditing.outputs import check_json, write_of_store, write_outputs
from samebytes.cli.auditing.running import command_of, run_audit
from samebytes.cli.console import Terminal, errors_in, print_json, print_report
from samebytes.cli.sections import SectionedCommand
from samebytes.errors import SamebytesError
from samebytes.report.audit import audit_report
from samebytes.report.verification import Failed
from samebytes.report.visible import counted

_STATUS = {"verified": 0, "finding": 1, "failed": 2}
#: Errors that are told one by one.
_ERRORS = 20


@click.command(
    "audit",
    cls=SectionedCommand,
    sections=SECTIONS,
    short_help="Verify all that a lock file installs, or all of an index.",
)
@click.argument("requirements", nargs=-1, metavar="[REQUIREMENT ...]")
@audit_options
@click.pass_context
def audit_command(context: click.Context, /, **values: Any) -> None:
    """Verify all that a lock file installs, or a list of projects publishes.

    Every wheel of what the lock files, the lists of projects, and REQUIREMENTs (NAME, or
    NAME==VERSION) name is verified against its published sdist, as by samebytes verify: several at
    a time, on this machine or on a cluster, the most used first. Each result is kept in the store
    as soon as there is one: an audit that was interrupted goes on where it was, and one that is
    run again does only what is new.

    Every hash in a lock has to be that of a file of the release; every entry has to be pinned.

    \b
    Examples:
      samebytes audit -r requirements.txt
      samebytes audit -r uv.lock --workers 4 --store audit.sqlite
      samebytes audit click==8.1.8 six --json report.json
      samebytes audit --projects top.json --limit 1000 --html site
      samebytes audit --projects names.txt --versions since:2026-01-01 --deadline 8h
      samebytes audit --projects top.json --cluster tcp://scheduler:8786
      samebytes audit --status audit.sqlite --follow
      samebytes audit --store audit.sqlite --html site --export all.parquet

    Exit codes: 0 all verified, 1 one is different, unbuildable, skipped or left for later, or the
    lock names a hash that no file has, 2 some could not be looked at, or nothing could be verified.
    """
    options = AuditOptions(**values)
    terminal = Terminal(quiet=options.quiet, verbose=False)
    with ExitStack() as stack:
        spool = stack.enter_context(TemporaryFile("w+", encoding="utf-8"))
        found = Found(allow_skipped=options.allow_skipped, skipped=Skipped(spool=spool))
        check_json(options)  # not even an error is written there
        with errors_in(options.json_file, found.document):
            check_together(options, _given(context))
            if options.watched is None and options.names_something:
                _audit(options, terminal, found, stack)
        if options.watched is not None:
            show_status(options.watched, follow=options.follow, json_file=options.json_file)
        elif not options.names_something:
            write_of_store(options, terminal)
        else:
            _tell(options, terminal, found)
            context.exit(_STATUS[found.facts().status])


def _given(context: click.Context) -> list[str]:
    """Which parameters the command line has."""
    given = ParameterSource.COMMANDLINE
    return [name for name in context.params if context.get_parameter_source(name) is given]


def _audit(options: AuditOptions, terminal: Terminal, found: Found, stack: ExitStack) -> None:
    try:
        run_audit(options, terminal, found, stack)
    except SamebytesError:
        if options.json_file != "-" and (found.facts().total or found.unmatched):
            _print(options, found)
        raise


def _tell(options: AuditOptions, terminal: Terminal, found: Found) -> None:
    if options.json_file is not None:
        print_json(found.document(), options.json_file)
    if options.json_file != "-":
        _print(options, found)
    if found.store is not None:
        command = command_of(options)
        write_outputs(options, terminal, found.store, run=found.run, command=command)
    _tell_errors(terminal, found.failed)


def _print(options: AuditOptions, found: Found) -> None:
    report = audit_report(
        found.facts(), found.results, found.groups, verbose=options.verbose, quiet=options.quiet
    )
    print_report(report)


def _tell_errors(terminal: Terminal, failed: Sequence[Failed]) -> None:
    """Each once: an index that is away is the same error for all."""
    errors = {each.error.message: each.error for each in failed}
    for error in [*errors.values()][:_ERRORS]:
        terminal.error(error)
    if (more := len(errors) - _ERRORS) > 0:
        terminal.notice(f"and {counted(more, 'more error')}: --json has all")
