"""``samebytes release status``."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from samebytes.cli.console import (
    Terminal,
    check_target,
    errors_in,
    print_json,
    print_report,
    write_target,
)
from samebytes.cli.options import json_option
from samebytes.cli.release.options import keys_folder
from samebytes.errors import UserError
from samebytes.index import address
from samebytes.process import Runner
from samebytes.release.checklist import Checklist, Progress, State, checklist
from samebytes.release.commands import Demand
from samebytes.release.folder import read_release
from samebytes.release.prepare import TITLES
from samebytes.release.signed.keyring import Keyring
from samebytes.report.release import (
    release_document,
    release_markdown,
    release_page,
    release_report,
)


@click.command("status", short_help="Show what is done, who is waited for, and what to type next.")
@click.argument("folder", type=click.Path(file_okay=False), metavar="DIR")
@click.option(
    "--trusted-keys",
    type=keys_folder,
    metavar="FOLDER",
    help="Public keys of those who count; without it, nobody's signature is believed.",
)
@click.option(
    "--threshold",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    metavar="N",
    help="How many different persons must confirm, the preparer counted.",
)
@click.option(
    "--repository", metavar="NAME|URL", help="Where it will be uploaded, for the next command."
)
@click.option(
    "--markdown",
    "markdown_file",
    metavar="FILE",
    help="Write the checklist as Markdown, to paste into a ticket; - for stdout.",
)
@click.option("--html", "html_file", metavar="FILE", help="Write a page to look at; one file.")
@json_option
@click.option("-q", "--quiet", is_flag=True, help="Print what is not done only.")
@click.pass_context
def status_command(context: click.Context, /, **values: Any) -> None:
    """Show what of a release is done, who is waited for, and what to type next.

    Nothing is changed; it may be asked at any moment, also while another command is at work.

    \b
    Examples:
      samebytes release status out --trusted-keys keys --threshold 3
      samebytes release status out --trusted-keys keys --markdown -     for the ticket

    Exit codes: 0 it was shown, 1 something failed or somebody said no, 2 it could not run.
    """
    options = _Options(**values)
    targets = {
        "markdown": options.markdown_file,
        "html": options.html_file,
        "json": options.json_file,
    }
    named = {option: target for option, target in targets.items() if target is not None}
    for option, target in named.items():
        check_target(target, option)
    if len({each if each == "-" else Path(each).resolve() for each in named.values()}) < len(named):
        raise UserError("Two of the files are the same.", hint="Name different files.")
    terminal = Terminal(quiet=options.quiet)
    named_threshold = context.get_parameter_source("threshold") is not ParameterSource.DEFAULT
    if named_threshold and options.trusted_keys is None:
        terminal.warn("--threshold has no effect without --trusted-keys: nobody is counted.")
    with errors_in(
        options.json_file, lambda error: release_document(None, terminal.warnings, error)
    ):
        found = _status(options)
    if options.json_file is not None:
        print_json(release_document(found, terminal.warnings), options.json_file)
    if options.markdown_file is not None:
        write_target(release_markdown(found), options.markdown_file, "markdown")
    if options.html_file is not None:
        write_target(release_page(found), options.html_file, "html")
    if "-" not in named.values():
        print_report(release_report(found, quiet=options.quiet))
    failed = any(item.state is State.FAILED for item in found.items)
    context.exit(1 if failed or found.progress is Progress.REFUSED else 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    """The command line, as click read it."""

    folder: str
    trusted_keys: Path | None
    threshold: int
    repository: str | None
    markdown_file: str | None
    html_file: str | None
    json_file: str | None
    quiet: bool


def _status(options: _Options) -> Checklist:
    if address.scheme(options.folder) in ("http", "https"):
        raise UserError(
            f"{address.shown(options.folder)} is an address: what is shown is a folder.",
            hint="Ask whoever prepares it, or copy the folder here.",
        )
    folder, demand = Path(options.folder), None
    if options.trusted_keys is not None:
        demand = Demand(
            keyring=Keyring.read(options.trusted_keys, Runner(), os.environ),
            threshold=options.threshold,
            folder=options.trusted_keys,
            repository=options.repository,
        )
    return checklist(folder, read_release(folder), TITLES, demand)
