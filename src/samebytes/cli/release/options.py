"""Options that several of the release commands have, and what their values become."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import click
from samebytes_core import epoch as epochs

from samebytes.cli.console import Terminal, print_json, print_report
from samebytes.cli.workshop import confined, make_workshop
from samebytes.errors import UserError
from samebytes.index import address
from samebytes.index.client import Index
from samebytes.places import data_folder
from samebytes.release.checklist import Checklist
from samebytes.release.seal import SEALS
from samebytes.release.signed.keyring import Keyring
from samebytes.release.signed.signing import Signer, find_signer
from samebytes.report.release import release_document, release_report
from samebytes.request import Workshop

key_option = click.option(
    "--key",
    metavar="KEY",
    envvar="SAMEBYTES_KEY",
    show_envvar=True,
    help="With which key to sign: gpg, gpg:KEY (an id, a fingerprint or an address), file:PATH (an "
    "ed25519 key in PEM) or sigstore:IDENTITY@ISSUER. [default: gpg's default key]",
)
index_url_option = click.option(
    "--index-url",
    metavar="URL",
    help="The index where the release is, or will be, listed. [default: the one of the repository, "
    "where that is known, else pip's]",
)
keys_folder = click.Path(exists=True, file_okay=False, path_type=Path)
prepared_folder = click.Path(file_okay=False, path_type=Path)


def release_workshop(terminal: Terminal, *, workspace: Path, no_sandbox: bool) -> Workshop:
    """A workshop to build a release in: its time is the commit's, and there is a sandbox if any."""
    workshop = make_workshop(terminal, offline=False, workspace=workspace)
    return confined(_without_epoch(workshop, terminal), terminal, no_sandbox=no_sandbox)


def keyring_of(folder: Path | None, workshop: Workshop) -> Keyring | None:
    """The keys to trust, where a folder of them is named."""
    return None if folder is None else Keyring.read(folder, workshop.runner, workshop.environ)


def waiting_for(place: Path | str, terminal: Terminal) -> Callable[[], None]:
    """Says that another run uses the release's folder."""
    return lambda: terminal.notice(f"Waiting for another run that uses {place} …")


def show_checklist(
    found: Checklist, terminal: Terminal, *, json_file: str | None, quiet: bool
) -> None:
    """What a command has come to, as JSON and, unless that is on standard output, as text."""
    if json_file is not None:
        print_json(release_document(found, terminal.warnings), json_file)
    if json_file != "-":
        print_report(release_report(found, quiet=quiet))


def signer_of(key: str | None, workshop: Workshop, terminal: Terminal) -> Signer:
    """The key to sign with; asked for first, so that no work is done for nothing."""
    signer = find_signer(key, workshop.runner, workshop.environ)
    for text in signer.warnings:
        terminal.warn(text)
    terminal.fact("key", signer.label)
    return replace(signer, asking=terminal.paused)


def index_at(url: str | None, index: Index) -> Index:
    """The index that lists the release: no other is asked about it."""
    if url is None:
        return index
    if address.scheme(url) not in ("http", "https", "file"):
        raise UserError(
            f"--index-url {address.shown(url)!r} is not the address of an index.",
            hint="Give its full address, as https://index.example.org/simple.",
        )
    settings = replace(index.settings, index_url=url.rstrip("/"), extra_index_urls=())
    return replace(index, settings=settings)


def seals_folder() -> Path:
    """Where is kept which records of releases are the user's own."""
    return data_folder() / SEALS


def _without_epoch(workshop: Workshop, terminal: Terminal) -> Workshop:
    """A workshop where nothing but the commit decides the time of the release."""
    if epochs.VARIABLE not in workshop.environ:
        return workshop
    terminal.warn(f"{epochs.VARIABLE} is ignored: a release has the time of its commit.")
    environ = {key: text for key, text in workshop.environ.items() if key != epochs.VARIABLE}
    return replace(workshop, environ=environ)


def tag_name(revision: str) -> str:
    """The name of a tag, as --rev has it; raises UserError if it can be none."""
    tag = revision.removeprefix("refs/tags/").removeprefix("tags/")
    if not tag or tag.startswith("-") or tag in ("HEAD", "@"):
        raise UserError(
            f"{revision!r} is no tag: what is released has a name that stays.",
            hint="Tag the commit, and name the tag: git tag --sign 1.0; --rev 1.0",
        )
    return tag
