"""``samebytes release prepare``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from samebytes.cli.console import Terminal, check_target, errors_in
from samebytes.cli.options import (
    chosen_deflate,
    deflate_option,
    json_option,
    moment,
    python_option,
    timeout_option,
    workspace_option,
)
from samebytes.cli.release.options import (
    index_at,
    index_url_option,
    key_option,
    keyring_of,
    keys_folder,
    prepared_folder,
    release_workshop,
    seals_folder,
    show_checklist,
    signer_of,
    tag_name,
    waiting_for,
)
from samebytes.cli.workshop import (
    config_settings,
    make_index,
    no_sandbox_option,
)
from samebytes.git import Git
from samebytes.index import address
from samebytes.kits import kit_names
from samebytes.release.checklist import Checklist, Progress, checklist
from samebytes.release.commands import Demand
from samebytes.release.folder import open_release
from samebytes.release.preparation import BuildOptions, Preparation
from samebytes.release.prepare import TITLES, prepare
from samebytes.release.rulebook import RULES
from samebytes.release.signed.keyring import Keyring
from samebytes.release.target import find_target
from samebytes.report.release import release_document
from samebytes.workspace import temporary_files

#: Without --threshold, one who prepares and one who confirms.
_FEWEST = 2

#: Steps that the build and the check announce, besides those of the release.
_WITHIN = 9


@click.command(
    "prepare", short_help="Check, build, prove and sign a release, for others to confirm."
)
@click.argument("source", default=".", metavar="[SOURCE]")
@click.option("--rev", metavar="TAG", required=True, help="The tag of the release.")
@click.option(
    "-o",
    "--outdir",
    type=prepared_folder,
    metavar="DIR",
    help="The folder of the release. [default: release/NAME-VERSION]",
)
@click.option(
    "--kit",
    metavar="NAME|PATH",
    help="Whose rules the release follows: tags, changelog, smoke tests, checksum file. [default: "
    "[tool.samebytes.release] in pyproject.toml]",
)
@key_option
@click.option(
    "--trusted-keys",
    type=keys_folder,
    metavar="FOLDER",
    help="The tag must be signed by one of the keys in this folder.",
)
@click.option(
    "--with",
    "beside",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    multiple=True,
    metavar="DIR",
    help="A release that was prepared before, to be published with this one, whose wheel this one "
    "requires: it is tried with it. May be given several times.",
)
@index_url_option
@python_option
@click.option(
    "--as-of",
    metavar="DATE|now",
    help="Resolve the build requirements as the index stood at this time, in ISO 8601. [default: "
    "the time of the commit]",
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
@timeout_option
@no_sandbox_option
@workspace_option
@json_option
@click.option("-v", "--verbose", is_flag=True, help="Show what other programs print.")
@click.option(
    "-q", "--quiet", is_flag=True, help="Print digests, problems, warnings and errors only."
)
@click.pass_context
def prepare_command(context: click.Context, /, **values: Any) -> None:
    """Check, build, prove and sign a release, for others to confirm.

    SOURCE is a git checkout (by default the current folder). The tag is checked, built in a
    private clone, built again with everything varied, compared with its files, installed and tried
    out; then the checksum file and a statement of how it was built are signed. Each step is
    written down in DIR/release.json: interrupted, or with a problem mended, run it again, and it
    goes on where it stopped. Nothing is published.

    \b
    Examples:
      samebytes release prepare --rev v1.0
      samebytes release prepare --rev 5.2.19 --kit django -o out
      samebytes release prepare --rev v1.0 --key gpg:anna@example.org --trusted-keys keys
      samebytes release prepare --rev v1.0 --deflate canonical

    Exit codes: 0 prepared, 1 there are problems, 2 it could not run.
    """
    options = _Options(**values)
    terminal = Terminal(quiet=options.quiet, verbose=options.verbose)
    if options.json_file is not None:
        check_target(options.json_file, "json")
    with errors_in(
        options.json_file, lambda error: release_document(None, terminal.warnings, error)
    ):
        found = _prepare(options, terminal)
    show_checklist(found, terminal, json_file=options.json_file, quiet=options.quiet)
    context.exit(1 if found.progress is Progress.PREPARING else 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    """The command line, as click read it."""

    source: str
    rev: str
    outdir: Path | None
    kit: str | None
    key: str | None
    trusted_keys: Path | None
    beside: tuple[Path, ...]
    index_url: str | None
    python: str | None
    as_of: str | None
    config_settings: tuple[str, ...]
    deflate: str | None
    timeout: float
    no_sandbox: bool
    workspace: Path
    json_file: str | None
    verbose: bool
    quiet: bool


def _prepare(options: _Options, terminal: Terminal) -> Checklist:
    workshop = release_workshop(
        terminal, workspace=options.workspace, no_sandbox=options.no_sandbox
    )
    as_of = None if options.as_of is None else moment(options.as_of)
    git = Git(workshop.runner, workshop.environ)
    target = find_target(Path(options.source), tag_name(options.rev), _kit(options.kit), git)
    terminal.fact("release", f"{target.name} {target.version}, {target.source}")
    keys = options.trusted_keys
    keyring = keyring_of(keys, workshop)
    demand = None if keyring is None or keys is None else _demand(keyring, keys)
    index = index_at(options.index_url, make_index(workshop, terminal))
    signer = signer_of(options.key, workshop, terminal)
    root = options.outdir or Path("release", f"{target.name}-{target.version}")
    waiting = waiting_for(root, terminal)
    with (
        terminal.working(len(TITLES) + _WITHIN),
        open_release(root, seals=seals_folder(), new=target.record, waiting=waiting) as folder,
        temporary_files(folder.work),
    ):
        work = Preparation(
            target=target,
            options=BuildOptions(
                python=options.python,
                as_of=as_of,
                newest=options.as_of == "now",
                config_settings=config_settings(options.config_settings),
                deflate=chosen_deflate(options.deflate),
                timeout=options.timeout,
                beside=options.beside,
                arguments=tuple(_arguments(options)),
            ),
            workshop=workshop,
            index=index,
            folder=folder,
            signer=signer,
            keyring=keyring,
        )
        try:
            prepare(work)
        except BaseException:
            workshop.runner.stop()
            raise
        return checklist(root, folder.record, TITLES, demand)


def _demand(keyring: Keyring, keys: Path) -> Demand:
    """Who is to confirm it, as far as is known yet: at least one besides the preparer."""
    return Demand(keyring=keyring, threshold=_FEWEST, folder=keys)


def _kit(name: str | None) -> str | None:
    """A kit that comes with the program, or the path of another, as good from everywhere."""
    if name is None or name in kit_names(RULES) or not Path(name).is_dir():
        return name
    return os.path.abspath(name)


def _arguments(options: _Options) -> Iterator[str]:
    """What must be said again to go on, besides what the record knows; from any folder.

    The record is published: it has no passwords.
    """
    keys, url = options.trusted_keys, options.index_url
    for option, value in (
        ("--key", _absolute_key(options.key)),
        ("--trusted-keys", None if keys is None else os.path.abspath(keys)),
        ("--index-url", None if url is None else address.public(url)),
        ("--python", _absolute_program(options.python)),
        ("--as-of", options.as_of),
        ("--deflate", options.deflate),
    ):
        if value is not None:
            yield from (option, value)
    for folder in options.beside:
        yield from ("--with", os.path.abspath(folder))
    for setting in options.config_settings:
        yield from ("--config-setting", setting)
    if options.no_sandbox:
        yield "--no-sandbox"


def _absolute_key(key: str | None) -> str | None:
    kind, _, path = (key or "").partition(":")
    return f"file:{os.path.abspath(path)}" if kind == "file" else key


def _absolute_program(python: str | None) -> str | None:
    """Versions stay what they are."""
    return os.path.abspath(python) if python is not None and os.sep in python else python
