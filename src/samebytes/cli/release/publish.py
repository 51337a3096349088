"""``samebytes release publish``."""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from samebytes.cli.console import (
    Terminal,
    check_target,
    errors_in,
)
from samebytes.cli.options import json_option
from samebytes.cli.release.options import (
    index_at,
    index_url_option,
    keys_folder,
    prepared_folder,
    seals_folder,
    show_checklist,
    waiting_for,
)
from samebytes.cli.workshop import make_index, make_workshop
from samebytes.release.checklist import Checklist, Progress, checklist
from samebytes.release.commands import Demand
from samebytes.release.folder import open_release
from samebytes.release.prepare import TITLES
from samebytes.release.publish import Publication, publish
from samebytes.release.signed.keyring import Keyring
from samebytes.release.upload import Repository
from samebytes.report.release import release_document
from samebytes.workspace import DEFAULT_BASE

#: Steps that a publication announces, for the progress bar.
_STEPS = 6

#: Seconds that the index may take.
_WAIT = 300


@click.command("publish", short_help="Upload a release that enough people have confirmed.")
@click.argument("folder", type=prepared_folder, metavar="DIR")
@click.option(
    "--threshold",
    type=click.IntRange(min=1),
    required=True,
    metavar="N",
    help="How many different persons must have signed for exactly these files, the preparer "
    "counted.",
)
@click.option(
    "--trusted-keys",
    type=keys_folder,
    required=True,
    metavar="FOLDER",
    help="Public keys of those who count, a file for each person: .asc or .gpg, .pem or .pub, "
    ".sigstore. A subfolder is one person with several keys.",
)
@click.option(
    "--repository",
    required=True,
    metavar="NAME|URL",
    help="Where to upload, as with twine: a section of .pypirc, or an address.",
)
@index_url_option
@click.option(
    "--source",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="REPO",
    help="A checkout, in which the tag must still name the same commit. [default: the one that the "
    "release was prepared from, if you have prepared it on this machine; else the current folder]",
)
@click.option(
    "--unchecked-tag",
    is_flag=True,
    help="Publish even where there is no checkout to look at the tag.",
)
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=_WAIT,
    show_default=True,
    metavar="SECONDS",
    help="How long the index may take to list what was uploaded.",
)
@json_option
@click.option("-v", "--verbose", is_flag=True, help="Show what other programs print.")
@click.option("-q", "--quiet", is_flag=True, help="Print problems, warnings and errors only.")
@click.pass_context
def publish_command(context: click.Context, /, **values: Any) -> None:
    """Upload a release that enough people have confirmed.

    Refused unless N different persons of the trusted ones have signed that exactly these files,
    from exactly this commit, are what they built, and none has signed a no. Then the files are
    uploaded with twine, fetched again from the index, and compared. Interrupted, run it again: a
    file that is there already with the same bytes is done; one with other bytes is an alarm.

    \b
    Examples:
      samebytes release publish out --threshold 2 --trusted-keys keys --repository pypi
      samebytes release publish out --threshold 3 --trusted-keys keys \\
          --repository https://index.example.org/ --index-url https://index.example.org/simple

    Exit codes: 0 published, 1 refused or alarm, 2 it could not run.
    """
    options = _Options(**values)
    terminal = Terminal(quiet=options.quiet, verbose=options.verbose)
    if options.json_file is not None:
        check_target(options.json_file, "json")
    with errors_in(
        options.json_file, lambda error: release_document(None, terminal.warnings, error)
    ):
        found = _publish(options, terminal)
    show_checklist(found, terminal, json_file=options.json_file, quiet=options.quiet)
    context.exit(0 if found.progress is Progress.PUBLISHED else 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    """The command line, as click read it."""

    folder: Path
    threshold: int
    trusted_keys: Path
    repository: str
    index_url: str | None
    source: Path | None
    unchecked_tag: bool
    wait: float
    json_file: str | None
    verbose: bool
    quiet: bool


def _publish(options: _Options, terminal: Terminal) -> Checklist:
    workshop = make_workshop(terminal, offline=False, workspace=DEFAULT_BASE)
    keyring = Keyring.read(options.trusted_keys, workshop.runner, workshop.environ)
    interactive = sys.stdin.isatty() and sys.stderr.isatty()
    repository = Repository(name=options.repository, environ=os.environ, interactive=interactive)
    waiting = waiting_for(options.folder, terminal)
    with (
        # A question for a password is not drawn over.
        nullcontext() if interactive else terminal.working(_STEPS),
        open_release(options.folder, seals=seals_folder(), waiting=waiting) as folder,
    ):
        work = Publication(
            folder=folder,
            prepared=TITLES,
            keyring=keyring,
            threshold=options.threshold,
            index=index_at(options.index_url, make_index(workshop, terminal)),
            repository=repository,
            workshop=workshop,
            checkout=options.source,
            here=Path.cwd(),
            accepts_unchecked_tag=options.unchecked_tag,
            index_url=options.index_url,
            wait=options.wait,
        )
        publish(work)
        demand = Demand(
            keyring=keyring,
            threshold=options.threshold,
            folder=options.trusted_keys,
            repository=options.repository,
            index_url=options.index_url,
            source=options.source,
            wait=None if options.wait == _WAIT else options.wait,
        )
        return checklist(options.folder, folder.record, TITLES, demand)
