"""``samebytes verify``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from rich.console import RenderableType
from rich.text import Text

from samebytes.cli.console import (
    Terminal,
    check_target,
    errors_in,
    print_json,
    print_report,
    write_target,
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
from samebytes.compare.model import Comparison, Verdict
from samebytes.errors import SamebytesError, UserError
from samebytes.index.client import Index
from samebytes.report.verification import (
    Failed,
    is_verified,
    result_report,
    results_document,
    results_table,
    summary,
)
from samebytes.report.visible import visible
from samebytes.source import PYPI_PREFIX
from samebytes.verify.document import Result
from samebytes.verify.targets import NotVerified, Plan, plan_target, reasons
from samebytes.verify.task import NamedSource, Task


@click.command("verify", short_help="Say whether published files are what their source builds.")
@click.argument("targets", nargs=-1, required=True, metavar="ARTIFACT|REQUIREMENT ...")
@click.option(
    "--source",
    metavar="SOURCE",
    help="What it was built from: a git checkout, an sdist, or pypi:NAME==VERSION. [default: the "
    "sdist that the index has of the release]",
)
@click.option(
    "--rev",
    metavar="REV",
    help="Tag, branch, hash or other revision of --source. [default: the tag of the version]",
)
@click.option(
    "--exact", is_flag=True, help="Exit with 1 unless all are identical: equivalent is no success."
)
@effort_options
@click.option("--html", "html_file", metavar="FILE", help="Write a report to look at; one file.")
@json_option
@click.option(
    "-v",
    "--verbose",
    is_flag=True,
    help="Print all; of one artifact, or with -j 1, show what backends print.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print a line for each artifact only.")
@click.pass_context
def verify_command(context: click.Context, /, **values: Any) -> None:
    """Say whether published files are what their source builds.

    ARTIFACT is a wheel or an sdist; REQUIREMENT is NAME==VERSION: that release's wheels on the
    index, and with --source its sdists too. How the file was probably made (backend, requirements,
    Python, times) is read off it; then it is built again, in a sandbox, and compared.

    \b
    The verdict is one of these:
      identical    the same bytes
      equivalent   the listed corrections make the rebuilt file the same bytes; no content differs
      different    a member's content, name or executable bit differs: metadata, code, or phantom
                   members, which are in the published file only
      unbuildable  nothing could be built; it says why

    \b
    Examples:
      samebytes verify six==1.17.0                          its wheel against its sdist
      samebytes verify django==5.2.19 --source ../django    both against the tag 5.2.19
      samebytes verify dist/a-1.0-py3-none-any.whl --source . --rev v1.0
      samebytes verify click==8.1.8 rich==14.0.0 --json - | jq '.results[].verdict'

    Exit codes: 0 all verified, 1 one is different or unbuildable, 2 it could not run.
    """
    options = _Options(**values)
    terminal = Terminal(quiet=options.quiet, verbose=options.verbose)
    found = _Found(options.exact)
    with errors_in(options.json_file, found.document):
        _check(options)
        _verify(options, terminal, found)
    _write(options, found)
    if "-" not in (options.json_file, options.html_file):
        print_report(_report(options, found))
    for each in found.failed:
        terminal.error(each.error)
    context.exit(2 if found.failed else 0 if found.is_accepted else 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options(EffortOptions):
    """The command line, as click read it."""

    targets: tuple[str, ...]
    source: str | None
    rev: str | None
    exact: bool
    html_file: str | None
    json_file: str | None
    verbose: bool
    quiet: bool

    @property
    def asked(self) -> list[str]:
        """The part of the command line that decides what is found."""
        words = {"--source": self.source, "--rev": self.rev}
        given = (word for pair in words.items() if pair[1] is not None for word in pair)
        return [*self.targets, *map(str, given)]


@dataclass(slots=True)
class _Found:
    """What was found so far; ``plan`` is the order in which it was asked."""

    exact: bool
    plan: list[Task] = field(default_factory=list)
    done: dict[Task, tuple[Result | Failed, Comparison | None]] = field(default_factory=dict)
    skipped: list[NotVerified] = field(default_factory=list)

    @property
    def ordered(self) -> list[tuple[Result | Failed, Comparison | None]]:
        return [self.done[task] for task in self.plan if task in self.done]

    @property
    def results(self) -> list[Result]:
        return [each for each, _ in self.ordered if not isinstance(each, Failed)]

    @property
    def comparisons(self) -> list[Comparison | None]:
        """Those of the results."""
        return [found for each, found in self.ordered if not isinstance(each, Failed)]

    @property
    def failed(self) -> list[Failed]:
        return [each for each, _ in self.ordered if isinstance(each, Failed)]

    @property
    def is_accepted(self) -> bool:
        """Whether all verdicts are what was asked for."""
        accepted = {Verdict.IDENTICAL} if self.exact else {Verdict.IDENTICAL, Verdict.EQUIVALENT}
        return all(each["verdict"] in accepted for each in self.results)

    def document(self, error: SamebytesError | None = None) -> dict[str, object]:
        gaps = not self.is_accepted
        return results_document(self.results, self.skipped, self.failed, error, has_gaps=gaps)


def _check(options: _Options) -> None:
    for name, target in (("json", options.json_file), ("html", options.html_file)):
        if target is not None:
            check_target(target, name)
    if options.json_file is not None and options.json_file == options.html_file:
        raise UserError("--json and --html name the same file.", hint="Name two files.")
    if options.rev is not None and options.source is None:
        raise UserError(
            f"--rev {options.rev} was given, but no --source.", hint="Name the git checkout."
        )


def _verify(options: _Options, terminal: Terminal, found: _Found) -> None:
    desk = Desk.prepare(options, terminal)
    source = _named_source(options)
    with terminal.downloading():
        plan = _plan(options.targets, source, desk.index)
    found.plan += plan.tasks
    found.skipped += plan.skipped
    note_skipped(plan.skipped, terminal)
    with (
        terminal.working(steps_of(plan.tasks, desk.workers)),
        desk.verifying(plan.tasks) as stream,
    ):
        for each in stream:
            result = outcome(each, sandboxed=desk.is_sandboxed)
            comparison = each.verification.comparison if each.verification else None
            found.done[each.task] = (result, comparison)
            if len(plan.tasks) > 1:
                terminal.step(f"{len(found.done)} of {len(plan.tasks)}: {each.task.filename}")


def _named_source(options: _Options) -> NamedSource | None:
    if options.source is None:
        return None
    if not options.source.startswith(PYPI_PREFIX) and not Path(options.source).exists():
        raise UserError(
            f"There is no file or folder {options.source!r}.",
            hint="Give a git checkout, an sdist file, or pypi:NAME==VERSION.",
        )
    return NamedSource(text=options.source, revision=options.rev)


def _plan(targets: tuple[str, ...], source: NamedSource | None, index: Index) -> Plan:
    plans = [plan_target(target, source, index) for target in dict.fromkeys(targets)]
    tasks = tuple(dict.fromkeys(task for plan in plans for task in plan.tasks))
    skipped = tuple(each for plan in plans for each in plan.skipped)
    if not tasks:
        listed = "; ".join(reasons(skipped))
        raise UserError(
            f"There is nothing to verify in {', '.join(targets)}.",
            hint=f"Not verified: {visible(listed)}." if listed else "The release has no files.",
        )
    return Plan(tasks=tasks, skipped=skipped)


def _write(options: _Options, found: _Found) -> None:
    if options.json_file is not None:
        print_json(found.document(), options.json_file)
    if options.html_file is not None:
        from samebytes.report.explanations import entries
        from samebytes.report.verification_page import verification_page  # which takes long to load

        page = verification_page(options.asked, found.document(), found.comparisons, entries())
        write_target(page, options.html_file, "html")


def _report(options: _Options, found: _Found) -> Iterator[RenderableType]:
    results = found.results
    if not results:
        return
    if options.quiet:
        for each in results:
            yield Text(f"{each['verdict']:<11} {each['artifact']}")
        return
    if len(results) == 1 or options.verbose:
        for each in results:
            yield from result_report(each, verbose=options.verbose)
    else:
        yield results_table(results)
        for each in results:
            if not is_verified(each):
                yield from result_report(each, verbose=False)
    if len(results) != 1 or found.failed:
        yield summary(results, found.failed)
