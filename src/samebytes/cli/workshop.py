"""What the commands that build have in common."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import click

from samebytes.cli.console import Terminal
from samebytes.errors import UserError
from samebytes.git import Git
from samebytes.index.client import Index
from samebytes.index.settings import IndexSettings
from samebytes.places import cache_folder
from samebytes.process import Runner
from samebytes.request import Workshop
from samebytes.sandbox.bounds import Bounds
from samebytes.sandbox.cell import find_cell
from samebytes.source import Source, find_source

#: For commands that build beside a key.
no_sandbox_option = click.option(
    "--no-sandbox",
    is_flag=True,
    help="Build without a sandbox: the backend and its requirements then may do all that you may.",
)

_MEANING = (
    "The backend, and all that it requires, may do what you may: read your keys, sign with them, "
    "and reach the network."
)


def make_workshop(terminal: Terminal, *, offline: bool, workspace: Path) -> Workshop:
    """A workshop with the user's own environment, index and cache."""
    return Workshop(
        runner=Runner(sink=terminal.output if terminal.verbose else None),
        environ=os.environ,
        index=IndexSettings.from_pip(os.environ, offline=offline),
        cache=cache_folder(),
        reporter=terminal,
        base=workspace,
    )


def confined(workshop: Workshop, terminal: Terminal, *, no_sandbox: bool) -> Workshop:
    """A workshop that builds in a sandbox, where there is one; else it is said what that means."""
    if no_sandbox:
        terminal.warn(f"There is no sandbox, as --no-sandbox says. {_MEANING}")
        return workshop
    try:
        cell = find_cell(workshop.runner, workshop.environ, Bounds())
    except UserError as error:
        terminal.warn(f"{error.message} {_MEANING} Install bubblewrap (Linux).")
        return workshop
    return replace(workshop, cell=cell)


def make_index(workshop: Workshop, terminal: Terminal) -> Index:
    """The user's own index, of which the terminal shows what is downloaded."""
    return Index(workshop.index, workshop.downloads, terminal.received, terminal.notice)


def named_source(text: str, revision: str | None, workshop: Workshop, terminal: Terminal) -> Source:
    """The source that the command line names, downloaded if need be."""
    git = Git(workshop.runner, workshop.environ)
    index = make_index(workshop, terminal)
    with terminal.downloading():
        source = find_source(text, revision, git=git, index=index)
    terminal.fact("source", str(source))
    return source


def config_settings(arguments: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """What ``--config-setting KEY=VALUE`` passes to a backend."""
    settings: dict[str, tuple[str, ...]] = {}
    for argument in arguments:
        key, _, value = argument.partition("=")
        settings[key] = (*settings.get(key, ()), value)
    return settings
