"""The options of ``samebytes audit``, and what they may not be together."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from samebytes.cli.options import json_option
from samebytes.cli.verifying import EffortOptions, effort_options
from samebytes.errors import UserError
from samebytes.fleet.inputs.wanted import Versions
from samebytes.places import data_folder

Command = TypeVar("Command", bound=Callable[..., Any])

_UNITS = {"": 1, "S": 1, "M": 60, "H": 3600, "D": 86400}
_LONGEST = 366 * 86400.0
#: As tcp://HOST:PORT, or HOST:PORT; Dask takes its time over what is none.
_ADDRESS = re.compile(r"(?:[a-z]{1,9}://)?(?:[^/\s:\[\]]+|\[[\da-f:.]+\]):\d{1,5}/?")


class Duration(click.ParamType[float]):
    """Seconds, with s, m, h or d for what they are."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, context: click.Context | None
    ) -> float:
        if isinstance(value, float | int):
            return float(value)
        match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)([smhd]?)", value, re.IGNORECASE)
        seconds = float(match[1]) * _UNITS[match[2].upper()] if match else math.nan
        if not 0 < seconds <= _LONGEST:
            self.fail(f"{value!r} is no time such as 90s, 30m, 2h or 1d", param, context)
        return seconds


class Releases(click.ParamType[Versions]):
    """``latest``, ``all``, or ``since:DATE``."""

    name = "releases"

    def convert(
        self, value: Any, param: click.Parameter | None, context: click.Context | None
    ) -> Versions:
        if isinstance(value, Versions):
            return value
        try:
            return Versions.read(value)
        except ValueError:
            self.fail(f"{value!r} is not latest, all, or since:DATE as 2026-01-31", param, context)

    def shell_complete(
        self, _context: click.Context, _param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        choices = ("latest", "all", "since:")
        return [CompletionItem(each) for each in choices if each.startswith(incomplete)]


def _path(**settings: Any) -> click.Path:
    return click.Path(path_type=Path, **settings)


_OPTIONS: Sequence[Callable[[Command], Command]] = (
    click.option(
        "-r",
        "--requirement",
        "locks",
        multiple=True,
        type=_path(),
        metavar="FILE",
        help="A lock file: requirements.txt, pylock.toml or uv.lock; may be given several times.",
    ),
    click.option(
        "--projects",
        multiple=True,
        type=_path(),
        metavar="FILE",
        help="A list of projects, the most used first: text with one name a line, CSV, or the JSON "
        "of top-pypi-packages; may be given several times.",
    ),
    click.option(
        "--versions",
        type=Releases(),
        metavar="WHICH",
        help="Which releases of what is named without a version: latest, all, or since:DATE, those "
        "with a file that was uploaded since then. [default: latest]",
    ),
    click.option(
        "--limit",
        type=click.IntRange(min=1),
        metavar="N",
        help="Verify at most so many artifacts anew, the most used first, and then ask no further.",
    ),
    click.option(
        "--deadline",
        type=Duration(),
        metavar="TIME",
        help="Begin nothing new after this time: 90s, 30m, 2h.",
    ),
    click.option(
        "--allow-skipped",
        is_flag=True,
        help="What is skipped (entries of a lock that are not pinned, from a URL ...), or left "
        "because of --limit or --deadline, is no finding.",
    ),
    click.option("--again", is_flag=True, help="Verify all, whatever the store has."),
    click.option(
        "--cluster",
        metavar="ADDRESS",
        help="The scheduler of a Dask cluster whose workers do it: tcp://HOST:8786. Needs "
        "samebytes[cluster], here and there.",
    ),
    click.option(
        "--retries",
        type=click.IntRange(min=0),
        default=2,
        show_default=True,
        metavar="N",
        help="How often an artifact is tried again that ends its worker, or trips it.",
    ),
    click.option(
        "--patience",
        type=Duration(),
        default="10m",
        show_default=True,
        metavar="TIME",
        help="How long the index, or the cluster, may be away before the audit ends.",
    ),
    effort_options,
    click.option(
        "--store",
        type=_path(dir_okay=False),
        envvar="SAMEBYTES_STORE",
        show_envvar=True,
        metavar="FILE",
        help="Where results are kept. What is in it is believed, and not verified again. [default: "
        "audit.sqlite in the user's data folder]",
    ),
    click.option(
        "--html",
        "site",
        type=_path(),
        metavar="DIR",
        help="Write pages for any web server. With nothing to audit: of all that is in the store.",
    ),
    click.option(
        "--export",
        "exports",
        multiple=True,
        type=_path(),
        metavar="FILE",
        help="Write the records to FILE.jsonl (JSON lines) or FILE.parquet (needs "
        "samebytes[parquet]); may be given several times. With nothing to audit: as --html.",
    ),
    json_option,
    click.option("-v", "--verbose", is_flag=True, help="Print all that was found on each."),
    click.option("-q", "--quiet", is_flag=True, help="Print the summary only."),
    click.option(
        "--status",
        "watched",
        type=_path(dir_okay=False),
        metavar="STORE",
        help="Audit nothing: show how far the audit is that writes to this store.",
    ),
    click.option("--follow", is_flag=True, help="With --status: until it has ended."),
)

#: What the help has under which title.
SECTIONS: Mapping[str, Sequence[str]] = {
    "What is audited": (
        *("locks", "projects", "versions", "limit", "deadline", "again", "allow_skipped"),
    ),
    "Who does it": ("workers", "cluster", "retries", "patience"),
    "How artifacts are verified": (
        *("max_attempts", "timeout", "total_timeout", "max_memory", "no_sandbox"),
        *("offline", "workspace"),
    ),
    "Results": ("store", "site", "exports", "json_file", "verbose", "quiet"),
    "An audit that goes on": ("watched", "follow"),
}


def audit_options(command: Command) -> Command:
    """All options."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditOptions(EffortOptions):
    """The command line, as click read it."""

    requirements: tuple[str, ...]
    locks: tuple[Path, ...]
    projects: tuple[Path, ...]
    versions: Versions | None
    limit: int | None
    deadline: float | None
    again: bool
    allow_skipped: bool
    cluster: str | None
    retries: int
    patience: float
    store: Path | None
    site: Path | None
    exports: tuple[Path, ...]
    json_file: str | None
    watched: Path | None
    follow: bool
    verbose: bool
    quiet: bool

    @property
    def names_something(self) -> bool:
        return bool(self.requirements or self.locks or self.projects)

    @property
    def place(self) -> Path:
        """Where the store is."""
        return self.store or data_folder() / "audit.sqlite"


#: What only an audit has a use for.
_OF_AUDITS = ("versions", "limit", "deadline", "again", "allow_skipped", "cluster")
_OF_OUTPUTS = ("site", "exports", "store")


def check_together(options: AuditOptions, given: Collection[str]) -> None:
    """Raise UserError where options, those that are ``given``, make no sense together."""
    if "workers" in given and options.cluster is not None:
        raise UserError(
            "--workers and --cluster exclude each other.",
            hint="A cluster has the workers that were started for it.",
        )
    if options.cluster is not None and not _ADDRESS.fullmatch(options.cluster):
        raise UserError(
            f"{options.cluster!r} is not the address of a scheduler.",
            hint="It is what dask scheduler prints, for example tcp://10.0.0.5:8786",
        )
    if options.follow and options.watched is None:
        raise UserError("--follow is for --status STORE.", hint="samebytes audit --help")
    if options.watched is not None:
        beside = [name for name in (*_OF_AUDITS, *_OF_OUTPUTS) if name in given]
        if options.names_something or beside:
            raise UserError(
                "--status shows an audit, and begins none: nothing else goes with it but --follow "
                "and --json.",
                hint=f"samebytes audit --status {options.watched}",
            )
        return
    _check_work(options, given)


def _check_work(options: AuditOptions, given: Collection[str]) -> None:
    if options.names_something:
        return
    hint = "Name a project, NAME==VERSION, a lock file with -r FILE, or a list: --projects FILE."
    if not options.site and not options.exports:
        raise UserError("There is nothing to audit.", hint=hint)
    if any(name in given for name in (*_OF_AUDITS, "json_file")):
        raise UserError(
            "There is nothing to audit: --html and --export alone show what is in the store.",
            hint=hint,
        )
