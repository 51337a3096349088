"""``samebytes check``."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

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
from samebytes.cli.workshop import config_settings, make_workshop, named_source
from samebytes.errors import UserError
from samebytes.report.check import check_document, check_report, claim, variations_table
from samebytes.variations.check import CheckResult, check
from samebytes.variations.choice import CheckRequest
from samebytes.variations.table import ALL, HELD, VARIATIONS, chosen, known, left_alone

#: Steps that a check announces if it finds nothing, for the progress bar.
_STEPS = 4


def _complete(_context: click.Context, _option: click.Parameter, text: str) -> list[CompletionItem]:
    *before, last = text.split(",")
    head = ",".join([*before, ""]) if before else ""
    titles = {each.id: each.title for each in VARIATIONS.values()} | {ALL: "all of them"}
    return [
        CompletionItem(head + each, help=titles[each]) for each in titles if each.startswith(last)
    ]


@click.command("check", short_help="Find out whether a project is reproducible, or what breaks it.")
@click.argument("source", default=".", metavar="[SOURCE]")
@click.option(
    "--rev", metavar="REV", help="Tag, branch, hash or other git revision. [default: HEAD]"
)
@click.option(
    "--vary",
    metavar="NAME,…",
    shell_complete=_complete,
    help="Vary these only; all for all there is, -NAME for all of the default but NAME.",
)
@click.option(
    "--require",
    metavar="NAME,…",
    shell_complete=_complete,
    help="Fail where one of these cannot be tried; all for all that are asked for.",
)
@click.option("--list-variations", is_flag=True, help="List what can be varied, and exit.")
@click.option(
    "--raw",
    is_flag=True,
    help="Build as python -m build does in a checkout: without SOURCE_DATE_EPOCH, and with the "
    "archives as the backend writes them.",
)
@python_option
@click.option(
    "--as-of",
    metavar="DATE|now",
    help="Resolve the build requirements as the index stood at this time, in ISO 8601 (UTC unless "
    "it names an offset). [default: the epoch of the source]",
)
@click.option(
    "-C",
    "--config-setting",
    "config_settings",
    multiple=True,
    metavar="KEY[=VALUE]",
    help="Passed to the build backend; may be given several times.",
)
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Put the files of the plain build into DIR/plain, those of the varied one into "
    "DIR/varied, for samebytes diff.",
)
@offline_option
@timeout_option
@workspace_option
@click.option("--html", "html_file", metavar="FILE", help="Write a report to look at; one file.")
@json_option
@click.option("-v", "--verbose", is_flag=True, help="List every member; show what backends print.")
@click.option("-q", "--quiet", is_flag=True, help="Print the verdict, warnings and errors only.")
@click.pass_context
def check_command(context: click.Context, /, **values: Any) -> None:
    """Find out whether a project builds reproducibly, and what breaks it.

    SOURCE is a git checkout (by default the current folder), an sdist file, or
    pypi:NAME==VERSION. It is built twice: plainly, and with everything varied that must not
    matter (the time, the folder, the user, the locale, Python's version …). If the bytes differ,
    further builds find out which variation makes each difference.

    \b
    Examples:
      samebytes check                          this checkout, as samebytes build builds it
      samebytes check --raw                    as python -m build builds it
      samebytes check pypi:six==1.17.0         a published sdist
      samebytes check --vary clock,timezone    these two only
      samebytes check --vary=-kernel           all but one
      samebytes check --require all --json -   for CI: nothing may be left out

    Exit codes: 0 reproducible, 1 not reproducible, 2 it could not be checked.
    """
    options = _Options(**values)
    if options.list_variations:
        print_report([variations_table()])
        return
    terminal = Terminal(quiet=options.quiet, verbose=options.verbose)
    for name, target in (
        ("json", options.json_file),
        ("html", options.html_file),
        ("keep", options.keep),
    ):
        if target is not None:
            check_target(str(target), name)
    targets = [each for each in (options.json_file, options.html_file) if each is not None]
    if len({each if each == "-" else Path(each).resolve() for each in targets}) < len(targets):
        raise UserError("--json and --html name the same file.", hint="Name two files.")
    with errors_in(options.json_file, lambda error: check_document(None, terminal.warnings, error)):
        result = _check(options, terminal)
    _write(result, options, terminal)
    context.exit(0 if result.is_reproducible else 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    """The command line, as click read it."""

    source: str
    rev: str | None
    vary: str | None
    require: str | None
    list_variations: bool
    raw: bool
    python: str | None
    as_of: str | None
    config_settings: tuple[str, ...]
    keep: Path | None
    offline: bool
    timeout: float
    workspace: Path
    html_file: str | None
    json_file: str | None
    verbose: bool
    quiet: bool


def _check(options: _Options, terminal: Terminal) -> CheckResult:
    variations = chosen(options.vary, raw=options.raw)
    names = [name.strip() for name in (options.require or "").split(",") if name.strip()]
    required = variations if ALL in names else frozenset(map(known, names))
    workshop = make_workshop(terminal, offline=options.offline, workspace=options.workspace)
    request = CheckRequest(
        source=named_source(options.source, options.rev, workshop, terminal),
        raw=options.raw,
        variations=variations | required,
        required=required,
        held=HELD - left_alone(options.vary),
        python=options.python,
        as_of=None if options.as_of is None else moment(options.as_of),
        newest=options.as_of == "now",
        config_settings=config_settings(options.config_settings),
        timeout=options.timeout,
        keep=options.keep,
    )
    gc.disable()  # what is read stays to the end, and is no cycle
    with terminal.working(_STEPS):
        result = check(request, workshop)
    terminal.fact("builds", f"{result.builds}, in {result.seconds:.1f} s")
    return result


def _write(result: CheckResult, options: _Options, terminal: Terminal) -> None:
    if options.json_file is not None:
        print_json(check_document(result, terminal.warnings), options.json_file)
    if options.html_file is not None:
        from samebytes.report.check_page import check_page  # which takes long to load
        from samebytes.report.explanations import entries

        page = check_page(check_document(result, []), claim(result), entries())
        write_target(page, options.html_file, "html")
    if "-" in (options.json_file, options.html_file):
        return
    report = check_report(result, verbose=options.verbose)
    print_report([next(report)] if options.quiet else report)
