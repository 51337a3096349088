"""``samebytes release confirm``."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import click

from samebytes.cli.console import Terminal, check_target, errors_in, print_json, print_report
from samebytes.cli.options import json_option, moment, timeout_option, workspace_option
from samebytes.cli.release.options import (
    key_option,
    keyring_of,
    keys_folder,
    release_workshop,
    signer_of,
    tag_name,
    waiting_for,
)
from samebytes.cli.workshop import (
    config_settings,
    make_index,
    no_sandbox_option,
)
from samebytes.digest import Digest
from samebytes.errors import UserError
from samebytes.git import Git
from samebytes.index import address
from samebytes.index.download import Downloader
from samebytes.release.confirm import Confirmation, ConfirmRequest, confirm
from samebytes.release.offer import Offer, read_offer
from samebytes.release.record import STATEMENTS
from samebytes.release.statements import (
    add_statement,
    check_replaceable,
    claims_of,
    replace_statement,
    write_statement,
)
from samebytes.release.target import tagged_source
from samebytes.report.confirmation import confirmation_document, confirmation_report
from samebytes.request import Workshop
from samebytes.source import GitSource
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
@click.option(
    "--trusted-keys",
    type=keys_folder,
    metavar="FOLDER",
    help="The tag must be signed by one of the keys in this folder. [default: nobody looks who "
    "signed it]",
)
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
    "--as-of",
    metavar="DATE",
    help="Agree that the build requirements are resolved as the index stood at this time, in ISO "
    "8601, if the release was built so. [default: the time of the commit]",
)
@click.option(
    "-C",
    "--config-setting",
    "config_settings",
    multiple=True,
    metavar="KEY[=VALUE]",
    help="Agree that this is passed to the build backend, if the release was built so; may be "
    "given several times.",
)
@click.option(
    "--recorded-requirements",
    is_flag=True,
    help="Take the releases of the build requirements that the release was built with, instead of "
    "resolving them here as of the same time.",
)
@timeout_option
@no_sandbox_option
@workspace_option
@json_option
@click.option("-v", "--verbose", is_flag=True, help="Show what other programs print.")
@click.option("-q", "--quiet", is_flag=True, help="Print the verdict, warnings and errors only.")
@click.pass_context
def confirm_command(context: click.Context, /, **values: Any) -> None:
    """Build somebody's release again from your own clone, and sign a yes or a no.

    DIR is the folder that 'samebytes release prepare' made, or the address of such a folder. The
    tag is built here; the artifacts are compared; and what was found is signed: which files, of
    which digests, from which commit, by which recipe. A no is signed as well, with the
    differences. Nothing is signed if it could not be built, or was prepared with options that you
    have not agreed to.

    \b
    Examples:
      samebytes release confirm out --source ~/django --rev 5.2.19 --trusted-keys keys
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
        is_there = written.parent == Path(options.place, STATEMENTS)
        lines = confirmation_report(found, written, is_there=is_there, quiet=options.quiet)
        print_report(lines)
    context.exit(0 if found.is_yes else 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    """The command line, as click read it."""

    place: str
    source: Path
    rev: str
    trusted_keys: Path | None
    key: str | None
    output: Path | None
    python: str | None
    as_of: str | None
    config_settings: tuple[str, ...]
    recorded_requirements: bool
    timeout: float
    no_sandbox: bool
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
    existing = next((folder for folder in folders if os.path.lexists(folder)), None)
    if existing is None:
        return
    is_usable = existing == place or (existing.is_dir() and not existing.is_symlink())
    if not is_usable or not os.access(existing, os.W_OK | os.X_OK):
        raise UserError(
            f"The signed statement could not be written to {existing}.",
            hint="Name a file for it with -o FILE.",
        )


def _confirm(options: _Options, terminal: Terminal) -> tuple[Confirmation, Path]:
    workshop = release_workshop(
        terminal, workspace=options.workspace, no_sandbox=options.no_sandbox
    )
    if options.as_of is not None and options.recorded_requirements:
        raise UserError(
            "With --recorded-requirements nothing is resolved, as of whatever time.",
            hint="Leave out --as-of, or --recorded-requirements.",
        )
    as_of = None if options.as_of is None else moment(options.as_of)
    tag = tag_name(options.rev)
    keyring = keyring_of(options.trusted_keys, workshop)
    source = tagged_source(options.source, tag, Git(workshop.runner, workshop.environ))
    signer = signer_of(options.key, workshop, terminal)
    if options.output is not None:
        check_replaceable(options.output, signer.keyid)
    terminal.fact("source", str(source))
    key = Digest.of(f"confirmation of {source.key}".encode()).hex
    with (
        terminal.working(_STEPS),
        workspace(key, base=workshop.base, guarded=True) as space,
    ):
        terminal.step("reading the release")
        offer = _offer(options, space.shelf(), workshop, terminal)
        _check_offer(offer, tag, source)
        if offer.is_signed_by(signer.keyid):
            terminal.warn("This key has prepared the release: it still counts once.")
        request = ConfirmRequest(
            offer=offer,
            source=source,
            signer=signer,
            keys=keyring,
            python=options.python,
            as_of=as_of,
            config_settings=config_settings(options.config_settings),
            recorded=options.recorded_requirements,
            timeout=options.timeout,
        )
        found = confirm(request, workshop, space.shelf())
    written = _write(found, options)
    _warn_of_noes(found, written, options, terminal)
    return found, written


def _offer(options: _Options, folder: Path, workshop: Workshop, terminal: Terminal) -> Offer:
    waiting = waiting_for(options.place, terminal)
    index = make_index(workshop, terminal)
    downloader = Downloader(settings=index.settings, progress=index.progress, notice=index.notice)
    return read_offer(options.place, folder, downloader, waiting)


def _check_offer(offer: Offer, tag: str, source: GitSource) -> None:
    """Raise UserError unless it is of what is to be confirmed."""
    record, project = offer.record, PurePosixPath(source.checkout.project)
    if record.tag != tag:
        raise UserError(
            f"The release in {address.shown(offer.place)} is of the tag {record.tag!r}, not "
            f"{tag!r}.",
            hint=f"Confirm what is there: --rev {record.tag}",
        )
    if record.project != project:
        raise UserError(
            f"The release is of the folder {record.project} of the repository, and --source names "
            f"{project}.",
            hint="Name the folder of the project in your clone.",
        )


def _write(found: Confirmation, options: _Options) -> Path:
    if options.output is not None:
        replace_statement(options.output, found.statement, found.signer.keyid)
        return options.output
    if _is_address(options.place):
        return add_statement(Path(), found.filename, found.statement)
    return write_statement(Path(options.place), found.filename, found.statement)


def _warn_of_noes(
    found: Confirmation, written: Path, options: _Options, terminal: Terminal
) -> None:
    """A no of the same key stands, whatever the key says later."""
    if _is_address(options.place):
        folder, pattern = Path(), found.filename.replace(".json", "*.json")
    else:
        folder, pattern = Path(options.place, STATEMENTS), "*.json"
    for path, claim in claims_of(found.signer.keyid, folder, pattern):
        is_of_this = claim.digests.keys() & found.digests.keys()
        if not claim.is_yes and is_of_this and path != written:
            terminal.warn(
                f"{path} is an earlier no of this key: it stands until that file is removed."
            )
