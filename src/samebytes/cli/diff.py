"""``samebytes diff``."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from samebytes.archive.limits import Limits
from samebytes.cli.console import (
    Terminal,
    check_target,
    errors_in,
    print_json,
    print_report,
    write_target,
)
from samebytes.cli.options import Size, json_option
from samebytes.compare.comparison import Options, compare
from samebytes.compare.contents.reading import Bounds
from samebytes.compare.folders import pair_files
from samebytes.compare.model import Comparison, Verdict
from samebytes.errors import SamebytesError, UserError
from samebytes.report.document import Report, document
from samebytes.report.explanations import entries
from samebytes.report.text import LINES, text_report
from samebytes.report.visible import visible

#: Where a report on one of several pairs would be shorter than this, in lines, one line must do.
_SHORTEST = 8


@click.command("diff", short_help="Say why two artifacts differ, and what to do about it.")
@click.argument("first", type=click.Path(path_type=Path), metavar="A")
@click.argument("second", type=click.Path(path_type=Path), metavar="B")
@click.option("--html", "html_file", metavar="FILE", help="Write a report to look at; one file.")
@json_option
@click.option(
    "--context",
    type=click.IntRange(min=0),
    default=3,
    show_default=True,
    metavar="N",
    help="Equal lines around each change of a text.",
)
@click.option(
    "--max-lines",
    type=click.IntRange(min=0),
    default=200,
    show_default=True,
    metavar="N",
    help="Lines kept of each content that differs.",
)
@click.option(
    "--max-members",
    type=click.IntRange(min=1),
    default=Limits().members,
    show_default=True,
    metavar="N",
    help="Refuse archives with more members.",
)
@click.option(
    "--max-size",
    type=Size(),
    default="8G",
    show_default=True,
    metavar="SIZE",
    help="Refuse archives that unpack to more than this.",
)
@click.option("-v", "--verbose", is_flag=True, help="Print every difference and all lines.")
@click.option("-q", "--quiet", is_flag=True, help="Print the verdict only.")
@click.pass_context
def diff_command(context: click.Context, /, **values: Any) -> None:
    """Say why two artifacts differ, and what to do about it.

    A and B are two sdists, two wheels, or two folders of them, whose files are paired by name and
    version. The verdict is one of these:

    \b
      identical   the same bytes
      equivalent  the listed corrections make B the same bytes as A; no content differs
      different   a member's content, name or executable bit differs, or bytes outside of members

    \b
    Examples:
      samebytes diff dist/a-1.0.tar.gz other/a-1.0.tar.gz
      samebytes diff dist other --html report.html
      samebytes diff A.whl B.whl --json - | jq .status

    Exit codes: 0 identical, 1 equivalent or different, 2 they could not be compared.
    """
    options = _Options(**values)
    terminal = Terminal(quiet=options.quiet, verbose=options.verbose)
    _check_targets(options)
    done: list[Comparison] = []

    def failed(error: SamebytesError) -> dict[str, object]:
        names = str(options.first), str(options.second)
        return document(Report(first=names[0], second=names[1], comparisons=tuple(done)), error)

    with errors_in(options.json_file, failed):
        report = _compare(options, terminal, done)
    _write(report, options)
    if "-" not in (options.json_file, options.html_file):
        print_report(_lines(report, options))
    context.exit(0 if report.verdict is Verdict.IDENTICAL else 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    """The command line, as click read it."""

    first: Path
    second: Path
    html_file: str | None
    json_file: str | None
    context: int
    max_lines: int
    max_members: int
    max_size: int
    verbose: bool
    quiet: bool


def _check_targets(options: _Options) -> None:
    """Fail before the work where a document could not be written, or would overwrite something."""
    targets = {"json": options.json_file, "html": options.html_file}
    for name, target in targets.items():
        if target is None:
            continue
        check_target(target, name)
        for path in (options.first, options.second):
            if _is_same_file(path, Path(target)):
                raise UserError(f"--{name} would overwrite {path}.", hint="Name another file.")
    if options.json_file is not None and options.json_file == options.html_file:
        raise UserError("--json and --html name the same file.", hint="Name two files.")


def _is_same_file(one: Path, two: Path) -> bool:
    return one.exists() and two.exists() and one.samefile(two)


def _compare(options: _Options, terminal: Terminal, done: list[Comparison]) -> Report:
    """Compare all pairs; ``done`` holds those that were compared if one cannot be."""
    files = pair_files(options.first, options.second)
    gc.disable()  # what is read stays to the end, and is no cycle
    with terminal.reading():
        settings = Options(
            limits=Limits(members=options.max_members, size=options.max_size),
            bounds=Bounds(context=options.context, lines=options.max_lines),
            progress=terminal.reached,
        )
        for first, second in files.pairs:
            done.append(compare(first, second, settings))
    return Report(
        first=str(options.first),
        second=str(options.second),
        comparisons=tuple(done),
        only_in_first=files.only_in_first,
        only_in_second=files.only_in_second,
    )


def _write(report: Report, options: _Options) -> None:
    if options.json_file is None and options.html_file is None:
        return
    whole = document(report)
    if options.json_file is not None:
        print_json(whole, options.json_file)
    if options.html_file is not None:
        from samebytes.report.html import html_page  # which takes long to load

        write_target(html_page(whole, entries()), options.html_file, "html")


def _lines(report: Report, options: _Options) -> list[Text]:
    if options.quiet:
        return [Text(str(report.verdict))]
    pairs = len(report.comparisons)
    room = None if options.verbose else LINES // max(1, pairs)
    lines: list[Text] = []
    if pairs > 1:
        lines.append(Text(f"{report.verdict}: {pairs} pairs of artifacts", "bold"))
    for comparison in report.comparisons:
        if room is None or room >= _SHORTEST:
            lines += [Text()] * bool(lines) + text_report(comparison, lines=room)
        else:
            lines.append(Text(f"{comparison.verdict}: {visible(comparison.second.filename)}"))
    if room is not None and room < _SHORTEST:
        hidden = len(lines) - (LINES - 2)
        lines = lines[: LINES - 2]
        more = f", {hidden} more pairs" if hidden > 0 else ""
        lines.append(Text(f"--verbose, --html and --json say why{more}", "dim"))
    for where, paths in (("first", report.only_in_first), ("second", report.only_in_second)):
        lines += [Text(f"only in the {where} folder: {path.name}") for path in paths]
    return lines
