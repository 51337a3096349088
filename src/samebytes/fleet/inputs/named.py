"""All that an audit is told to look at, in the order in which it does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from samebytes.errors import UserError
from samebytes.fleet.inputs.entries import Ignored, Lock, Locked
from samebytes.fleet.inputs.locks import read_lock
from samebytes.fleet.inputs.projects import ranked, read_projects
from samebytes.fleet.inputs.wanted import Versions, Wanted
from samebytes.source import PYPI_PREFIX
from samebytes.verify.targets import NotVerified
from samebytes.versions import parse_requirement, pinned_version

#: Where what is named by itself is named.
COMMAND_LINE = "the command line"

_LISTS = (".txt", ".in", ".toml", ".lock", ".json", ".csv")
_ARTIFACTS = (".whl", ".gz", ".zip")


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """``wanted``: what has no rank first, as somebody named it, then the most used projects."""

    wanted: tuple[Wanted, ...]
    skipped: tuple[NotVerified, ...] = ()
    ignored: tuple[Ignored, ...] = ()


def read_inputs(
    requirements: Sequence[str],
    locks: Sequence[Path] = (),
    projects: Sequence[Path] = (),
    versions: Versions | None = None,
) -> Inputs:
    """What requirements (NAME, or NAME==VERSION), lock files and lists of projects name.

    ``versions`` are those of projects that are named without one; None: the latest. Raises
    UserError for what is none of these, and for ``versions`` if everything has one.
    """
    named = [_read_requirement(text) for text in dict.fromkeys(requirements)]
    lock = Lock.joined(map(read_lock, locks))
    pinned = Lock.of([*lock.entries, *(each for each in named if isinstance(each, Locked))])
    names = [each for each in named if not isinstance(each, Locked)]
    if versions is not None and not names and not projects:
        raise UserError(
            "There is no project of which releases could be chosen: all that is named is pinned.",
            hint="--versions is for names without a version, and for --projects FILE.",
        )
    chosen = versions or Versions()
    wanted = [
        Wanted(name=each.name, version=each.version, digests=each.digests, origin=each.origin)
        for each in pinned.entries
    ]
    wanted += [
        Wanted(name=name, versions=chosen, origin=COMMAND_LINE) for name in dict.fromkeys(names)
    ]
    wanted += _listed(projects, chosen, besides=frozenset(names))
    return Inputs(
        wanted=tuple(wanted),
        skipped=tuple(
            NotVerified(
                filename=each.what,
                reason=f"{each.reason} ({each.origin})",
                is_entry=not each.is_own,
            )
            for each in lock.skipped
        ),
        ignored=lock.ignored,
    )


def _listed(
    projects: Sequence[Path], versions: Versions, besides: frozenset[NormalizedName]
) -> Iterator[Wanted]:
    for rank, path, each in ranked((path, read_projects(path)) for path in projects):
        if each.name not in besides:
            origin = f"{path}, {each.place}"
            yield Wanted(name=each.name, versions=versions, rank=rank, origin=origin)


def _read_requirement(text: str) -> Locked | NormalizedName:
    # These may be names, too: somebody takes them, as people forget the option.
    if text.lower().endswith(_LISTS):
        raise _no_requirement(text, f" A file of them: -r {text}, or --projects {text}")
    if text.lower().endswith(_ARTIFACTS):
        raise _no_requirement(text, f" A file by itself: samebytes verify {text}")
    try:
        requirement = parse_requirement(text.removeprefix(PYPI_PREFIX))
        version = pinned_version(requirement.specifier)
        if requirement.url or (version is None and requirement.specifier):
            raise ValueError
    except ValueError:
        raise _no_requirement(text) from None
    name = canonicalize_name(requirement.name)
    return name if version is None else _locked(name, version)


def _no_requirement(text: str, more: str = "") -> UserError:
    return UserError(
        f"{text!r} is neither a project nor one release.",
        hint=f"Name a project, or one of its releases: django, or django==5.2.19.{more}",
    )


def _locked(name: NormalizedName, version: Version) -> Locked:
    return Locked(name=name, version=version, digests=frozenset(), origin=COMMAND_LINE)
