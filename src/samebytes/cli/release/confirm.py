"""``samebytes release confirm``."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import click

from samebytes.atomic import write_text
from samebytes.cli.console import Terminal, check_target, errors_in, print_json, print_report
from samebytes.cli.options import json_option, timeout_option, workspace_option
from samebytes.cli.release.options import key_option, signer_of, tag_name, without_epoch
from samebytes.cli.workshop import make_index, make_workshop
from samebytes.digest import Digest
from samebytes.errors import UserError
from samebytes.git import Git
from samebytes.index import address
from samebytes.index.download import Downloader
from samebytes.release.confirm import Confirmation, ConfirmRequest, confirm
from samebytes.release.folder import write_statement
from samebytes.release.offer import read_offer
from samebytes.release.record import STATEMENTS
from samebytes.release.target import tagged_source
from samebytes.report.confirmation import confirmation_document, confirmation_report
from samebytes.request import Workshop
from samebytes.workspace import workspace

#: Steps that a confirmation announces, for the progress bar.
_STEPS = 8


@click.command("confirm", short_help="Build somebody's release again, and sign a yes or a no.")
@click.argument("place", metavar="DIR|URL")
@click.option(
    "--source",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=".",
    show_default=True,
    metavar="REPO",
    help="A clone of your own.",
)
@click.option("--rev", metavar="TAG", required=True, help="The tag of the release.")
@key_option
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the signed statement here. [default: into DIR/statements; for a URL, into the "
    "current folder]",
)
@click.option(
    "--python",
    metavar="VER",
    help="Python version or path of an interpreter. [default: the version that built the release]",
)
@click.option(
    "--recorded-requirements",
    is_flag=True,
    help="Take the releases of the build requirements that the release was built with, instead of "
    "resolving them here as of the same time.",
)
@timeout_option
@workspace_option
@json_option
@click.option("-v", "--verbose", is_flag=True, help="Show what other programs print.")
@click.option("-q", "--quiet", is_flag=True, help="Print the verdict, warnings and errors only.")
@click.pass_context
def confirm_command(context: click.Context, /, **values: Any) -> None:
    """Build somebody's release again from your own clone, and sign a yes or a no.

    DIR is the folder that 'samebytes release prepare' made, or the address of such a folder. The
    tag is built here, by the recipe that the release names; the artifacts are compared; and what
    was found is signed: which files, of which digests, from which commit, by which recipe. A no
    is signed as well, with the differences. Nothing is signed if it could not be built.

    \b
    Examples:
      samebytes release confirm out --source ~/django --rev 5.2.19
      samebytes release confirm https://example.org/5.2.19/ --rev 5.2.19 --key file:ci.pem
      samebytes release confirm out --rev v1.0 --key gpg:berta@example.org -o berta.json

    Exit codes: 0 the same bytes, 1 not the same (signed, too), 2 it could not run.
    """
    options = _Options(**values)
    terminal = Terminal(quiet=options.quiet, verbose=options.verbose)
    if options.json_file is not None:
        check_target(options.json_file, "json")
    _check_place(options)
    with errors_in(
        options.json_file,
        lambda error: confirmation_document(None, None, terminal.warnings, error),
    ):
        found, written = _confirm(options, terminal)
    if options.json_file is not None:
        document = confirmation_document(found, written, terminal.warnings)
        print_json(document, options.json_file)
    if options.json_file != "-":
        print_report(confirmation_report(found, written, quiet=options.quiet))
    context.exit(0 if found.is_yes else 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    """The command line, as click read it."""

    place: str
    source: Path
    rev: str
    key: str | None
    output: Path | None
    python: str | None
    recorded_requirements: bool
    timeout: float
    workspace: Path
    json_file: str | None
    verbose: bool
    quiet: bool


def _is_address(place: str) -> bool:
    return address.scheme(place) in ("http", "https")


def _check_place(options: _Options) -> None:
    """Fail before the work, not after it, when the statement could not be written."""
    if options.output is not None:
        check_target(str(options.output), "output")
        return
    place = Path("." if _is_address(options.place) else options.place)
    folders = [place / STATEMENTS, place] if place.is_dir() else []
    existing = next((folder for folder in folders if folder.is_dir()), None)
    if existing is not None and not os.access(existing, os.W_OK | os.X_OK):
        raise UserError(
            f"The signed statement could not be written to {existing}.",
            hint="Name a file for it with -o FILE.",
        )


def _confirm(options: _Options, terminal: Terminal) -> tuple[Confirmation, Path]:
    workshop = make_workshop(terminal, offline=False, workspace=options.workspace)
    workshop = without_epoch(workshop, terminal)
    tag = tag_name(options.rev)
    signer = signer_of(options.key, workshop, terminal)
    source = tagged_source(options.source, tag, Git(workshop.runner, workshop.environ))
    terminal.fact("source", str(source))
    key = Digest.of(f"confirmation of {source.key}".encode()).hex
    with (
        terminal.working(_STEPS),
        workspace(key, base=workshop.base, guarded=True) as space,
    ):
        terminal.step("reading the release")
        offer = read_offer(options.place, space.shelf(), _downloader(workshop, terminal))
        if offer.record.tag != tag:
            raise UserError(
                f"The release in {address.shown(options.place)} is of the tag "
                f"{offer.record.tag!r}, not {tag!r}.",
                hint=f"Confirm what is there: --rev {offer.record.tag}",
            )
        if offer.record.project != PurePosixPath(source.checkout.project):
            raise UserError(
                f"The release is of the folder {offer.record.project} of the repository, and "
                f"--source names {source.checkout.project}.",
                hint="Name the folder of the project in your clone.",
            )
        if signer.keyid[:16] in "".join(offer.provenance):
            terminal.warn("This key has prepared the release: it still counts once.")
        request = ConfirmRequest(
            offer=offer,
            source=source,
            signer=signer,
            python=options.python,
            recorded=options.recorded_requirements,
            timeout=options.timeout,
        )
        found = confirm(request, workshop, space.shelf())
    return found, _write(found, options)


def _downloader(workshop: Workshop, terminal: Terminal) -> Downloader:
    index = make_index(workshop, terminal)
    return Downloader(settings=index.settings, progress=index.progress, notice=index.notice)


def _write(found: Confirmation, options: _Options) -> Path:
    if options.output is not None:
        write_text(options.output, found.statement)
        return options.output
    if _is_address(options.place):
        write_text(Path(found.filename), found.statement)
        return Path(found.filename)
    return write_statement(Path(options.place), found.filename, found.statement)
