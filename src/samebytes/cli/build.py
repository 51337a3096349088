"""``samebytes build``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from samebytes.cli.console import Terminal, check_target, errors_in, print_json, print_report
from samebytes.cli.options import (
    chosen_deflate,
    deflate_option,
    json_option,
    moment,
    offline_option,
    python_option,
    timeout_option,
    workspace_option,
)
from samebytes.cli.workshop import config_settings, make_workshop, named_source
from samebytes.compare.document import comparison_document
from samebytes.errors import SamebytesError, UserError
from samebytes.outcome import Disagreement, Outcome
from samebytes.pipeline import build_release
from samebytes.recipe import BuildInfo, GitRevision, Route, SourceId
from samebytes.report.text import text_report
from samebytes.request import Request, Workshop
from samebytes.source import Source

#: Steps that a full build announces, for the progress bar.
_STEPS = 6
#: Lines about the two wheels that are not the same, without --verbose.
_LINES = 20


@click.command("build", short_help="Build an sdist and a wheel that anybody else gets too.")
@click.argument("source", default=".", metavar="[SOURCE]")
@click.option(
    "--rev", metavar="REV", help="Tag, branch, hash or other git revision. [default: HEAD]"
)
@click.option(
    "-o",
    "--outdir",
    type=click.Path(file_okay=False, path_type=Path),
    default="dist",
    show_default=True,
    metavar="DIR",
    help="Where the artifacts and their record appear.",
)
@click.option("--sdist", is_flag=True, help="Publish the sdist only, unless with --wheel.")
@click.option("--wheel", is_flag=True, help="Publish the wheel only, unless with --sdist.")
@click.option(
    "--wheel-from",
    type=click.Choice(["tree", "sdist"]),
    help="Build the wheel from one of the two. By default it is built from both, and they must "
    "be the same bytes.",
)
@python_option
@click.option(
    "--as-of",
    metavar="DATE|now",
    help="Resolve the build requirements as the index stood at this time, in ISO 8601 (UTC unless "
    "it names an offset). [default: the epoch of the source]",
)
@click.option(
    "--buildinfo",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Repeat the build that this file records, and compare.",
)
@click.option(
    "-C",
    "--config-setting",
    "config_settings",
    multiple=True,
    metavar="KEY[=VALUE]",
    help="Passed to the build backend; may be given several times.",
)
@deflate_option
@offline_option
@timeout_option
@workspace_option
@json_option
@click.option("-v", "--verbose", is_flag=True, help="Show what the build backend prints.")
@click.option("-q", "--quiet", is_flag=True, help="Print digests, warnings and errors only.")
@click.pass_context
def build_command(context: click.Context, /, **values: Any) -> None:
    """Build an sdist and a wheel that anybody else gets too, byte for byte.

    SOURCE is a git checkout (by default the current folder), an sdist file, or
    pypi:NAME==VERSION. What is built is the revision in a private clone, never the working tree:
    the revision decides the time, the build requirements (as the index stood at that time) and so
    the bytes.

    \b
    Examples:
      samebytes build                          HEAD of this checkout, into dist/
      samebytes build --rev 5.2.19 -o out      a tag
      samebytes build pypi:django==5.2.19      a published sdist
      samebytes build --as-of now              with today's build requirements
      samebytes build --deflate canonical      the same bytes under every zlib
      samebytes build --buildinfo dist/django-5.2.19.buildinfo.json
                                               the same build again, compared

    Exit codes: 0 built, 1 a finding (nothing is written), 2 it could not be built.
    """
    options = _Options(**values)
    terminal = Terminal(quiet=options.quiet, verbose=options.verbose)
    if options.json_file is not None:
        check_target(options.json_file, "json")
    with errors_in(options.json_file, lambda error: _document(terminal, error=error)):
        outcome = _build(options, terminal)
    if options.json_file is not None:
        print_json(_document(terminal, outcome=outcome), options.json_file)
    if options.json_file != "-":
        _print(outcome, options, terminal)
    context.exit(0 if outcome.is_published else 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    """The command line, as click read it."""

    source: str
    rev: str | None
    outdir: Path
    sdist: bool
    wheel: bool
    wheel_from: str | None
    python: str | None
    as_of: str | None
    buildinfo: Path | None
    config_settings: tuple[str, ...]
    deflate: str | None
    offline: bool
    timeout: float
    workspace: Path
    json_file: str | None
    verbose: bool
    quiet: bool


def _build(options: _Options, terminal: Terminal) -> Outcome:
    record = None if options.buildinfo is None else BuildInfo.read(options.buildinfo)
    as_of = None if options.as_of is None else moment(options.as_of)
    settings = config_settings(options.config_settings)
    workshop = make_workshop(terminal, offline=options.offline, workspace=options.workspace)
    source = _source(options, record, workshop, terminal)
    both = options.sdist == options.wheel
    request = Request(
        source=source,
        sdist=both or options.sdist,
        wheel=both or options.wheel,
        route=Route(options.wheel_from or Route.BOTH),
        python=options.python,
        as_of=as_of,
        newest=options.as_of == "now",
        config_settings=settings,
        deflate=chosen_deflate(options.deflate),
        timeout=options.timeout,
    )
    if record is not None:
        request = _repeated(request, record, options)
    with terminal.working(_STEPS):
        return build_release(request, workshop, options.outdir)


def _source(
    options: _Options, record: BuildInfo | None, workshop: Workshop, terminal: Terminal
) -> Source:
    revision = options.rev
    if record is not None and Path(options.source).is_dir():
        recorded = record.recipe.source
        if revision is None and isinstance(recorded, GitRevision):
            revision = recorded.commit
    return named_source(options.source, revision, workshop, terminal)


def _repeated(request: Request, record: BuildInfo, options: _Options) -> Request:
    """The request that repeats the build of ``record``, with its artifacts and settings."""
    if options.as_of or options.config_settings or options.wheel_from or options.deflate:
        raise UserError(
            "--buildinfo repeats a build, with its own requirements, route and settings.",
            hint="Leave out --as-of, --config-setting, --deflate and --wheel-from, or leave out "
            "--buildinfo.",
        )
    recipe = record.recipe
    if request.source.identity != recipe.source:
        raise UserError(
            f"The record is of another source: {_describe(recipe.source)}, not {request.source}.",
            hint="Give the source that the record names.",
        )
    built = {artifact.is_wheel for artifact in record.artifacts}
    sdist, wheel = request.sdist and False in built, request.wheel and True in built
    if not (sdist or wheel):
        raise UserError(
            "The record has no artifact of the kind that is asked for.",
            hint="Leave out --sdist and --wheel.",
        )
    return replace(
        request,
        sdist=sdist,
        wheel=wheel,
        route=recipe.route or Route.BOTH,
        record=record,
        config_settings=recipe.config_settings,
        deflate=recipe.deflate,
    )


def _describe(source: SourceId) -> str:
    if isinstance(source, GitRevision):
        return f"the commit {source.commit}, folder {source.project}"
    return f"{source.filename} with SHA-256 {source.digest}"


def _document(
    terminal: Terminal, *, outcome: Outcome | None = None, error: SamebytesError | None = None
) -> dict[str, object]:
    """The result as JSON; its schema is docs/reference/schemas/build-1.json."""
    status = "failed"
    if outcome is not None:
        status = "built" if outcome.is_published else "finding"
    return {
        "version": 1,
        "status": status,
        "warnings": list(terminal.warnings),
        "error": error and error.to_dict(),
        "buildinfo": outcome and outcome.buildinfo.to_dict(),
        "disagreement": outcome and outcome.disagreement and _disagreement(outcome.disagreement),
        "deviations": [d.to_dict() for d in outcome.deviations] if outcome else [],
    }


def _disagreement(disagreement: Disagreement) -> dict[str, object]:
    return {
        "reason": disagreement.reason,
        "from_tree": disagreement.from_tree,
        "from_sdist": disagreement.from_sdist,
        "comparison": comparison_document(disagreement.comparison),
    }


def _print(outcome: Outcome, options: _Options, terminal: Terminal) -> None:
    if outcome.disagreement is not None:
        _print_disagreement(outcome.disagreement, None if options.verbose else _LINES)
    elif outcome.deviations:
        click.echo("Not the recorded bytes, though built by the same recipe:")
        for deviation in outcome.deviations:
            click.echo(f"  {deviation.filename}")
            click.echo(f"    recorded {deviation.recorded}")
            click.echo(f"    built    {deviation.built or 'under another name'}")
        click.echo("Nothing was written.")
    else:
        terminal.fact("record", str(options.outdir / outcome.buildinfo.filename))
        for artifact in outcome.buildinfo.artifacts:
            click.echo(f"{artifact.digest}  {artifact.filename}")


def _print_disagreement(disagreement: Disagreement, lines: int | None) -> None:
    click.echo("The wheel from the tree and the wheel from the sdist are not the same bytes.")
    click.echo(f"  from the tree:  {disagreement.from_tree}")
    click.echo(f"  from the sdist: {disagreement.from_sdist}")
    click.echo(disagreement.reason)
    print_report(text_report(disagreement.comparison, lines=lines))
    click.echo(
        "Nothing was written. Make both give the same, or choose one with --wheel-from tree or "
        "--wheel-from sdist."
    )
