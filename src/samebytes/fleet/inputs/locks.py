"""Lock files: which releases a project installs, and what their files have to be."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

from packaging.pylock import Package, Pylock, PylockValidationError, is_valid_pylock_path
from packaging.utils import InvalidName, NormalizedName, canonicalize_name
from packaging.version import Version

from samebytes.errors import UserError
from samebytes.fleet.inputs.entries import (
    FORMATS,
    Lock,
    Locked,
    Skipped,
    known_digests,
    locked_or_skipped,
    read_text,
)
from samebytes.fleet.inputs.requirements import read_requirements
from samebytes.wire import Node

_PYLOCK = re.compile(r"^(?:lock-version[ \t]*=|\[\[packages\]\])", re.MULTILINE)
_UV = re.compile(r"^\[\[package\]\]", re.MULTILINE)
_UV_VERSION = 1
_UV_SOURCES = {
    "virtual": "it is the project itself",
    "editable": "it is an editable project",
    "directory": "it comes from a folder",
    "path": "it comes from a file",
    "git": "it comes from a repository",
    "url": "it comes from a URL",
    "other": "its source is of a kind that is not known",
}
_PIP_SUFFIXES = (".txt", ".in")


def read_lock(path: Path) -> Lock:
    """What a lock file says: requirements.txt, pylock.toml (PEP 751) or uv.lock.

    The name tells which, and the contents where the name does not. Every entry counts, whatever
    its marker: an audit is of all that may be installed. What cannot be audited (projects in
    folders, from repositories and URLs, what is not pinned) is in ``skipped``, and options that
    mean nothing here in ``ignored``. Raises UserError, with file and line or place, when the
    file cannot be read as its format asks.
    """
    text = read_text(path)
    if is_valid_pylock_path(path):
        return _read_pylock(path, text)
    if path.name == "uv.lock":
        return _read_uv(path, text)
    if path.suffix not in _PIP_SUFFIXES and _PYLOCK.search(text):
        return _read_pylock(path, text)
    if path.suffix not in _PIP_SUFFIXES and _UV.search(text):
        return _read_uv(path, text)
    return read_requirements(path, text)


def _read_pylock(path: Path, text: str) -> Lock:
    try:
        pylock = Pylock.from_dict(_read_toml(path, text))
    except PylockValidationError as error:
        place = f"{error.context}: " if error.context else ""
        raise _not_a_lock(path, f"{place}{error.message}") from None
    return _lock(
        _pylock_entry(path, package, f"packages[{number}]")
        for number, package in enumerate(pylock.packages)
    )


def _pylock_entry(path: Path, package: Package, place: str) -> Locked | Skipped:
    origin = f"{path}, {place}"
    for source, reason in (
        (package.vcs, "it comes from a repository"),
        (package.directory, "it comes from a folder"),
        (package.archive, "it comes from an archive of its own"),
    ):
        if source is not None:
            return Skipped(what=package.name, reason=reason, origin=origin)
    if package.version is None:
        return Skipped(what=package.name, reason="the lock names no version", origin=origin)
    hashes = [wheel.hashes for wheel in package.wheels or ()]
    hashes += [package.sdist.hashes] if package.sdist else []
    try:
        digests = known_digests(pair for names in hashes for pair in names.items())
    except ValueError as error:
        raise _not_a_lock(path, f"{place}: {error}") from None
    return locked_or_skipped(package.name, package.version, digests, origin)


def _read_uv(path: Path, text: str) -> Lock:
    node = Node(_read_toml(path, text))
    try:
        if node["version"].expect(int) != _UV_VERSION:
            raise node["version"].error(f"{node['version'].value} is not known")
        return _lock(_uv_entry(path, package) for package in node["package"])
    except UserError as error:
        raise _not_a_lock(path, error.message) from None


def _uv_entry(path: Path, package: Node) -> Locked | Skipped:
    name = package["name"].parse(_normalized)
    origin = f"{path}, {package.path}"
    source = package["source"].expect(dict)
    if "registry" not in source:
        kind = next((kind for kind in _UV_SOURCES if kind in source), "other")
        if "virtual" in source or source.get("editable") == ".":
            return Skipped(what=name, reason=_UV_SOURCES["virtual"], origin=origin, is_own=True)
        return Skipped(what=name, reason=_UV_SOURCES[kind], origin=origin)
    version = package["version"].parse(Version)
    try:
        digests = known_digests(_uv_hashes(package))
    except ValueError as error:
        raise package.error(str(error)) from None
    return locked_or_skipped(name, version, digests, origin)


def _uv_hashes(package: Node) -> Iterator[tuple[str, str]]:
    """The hashes that a package's files have; an index need not have told uv any."""
    members = package.expect(dict)
    files = list(package["wheels"]) if "wheels" in members else []
    files += [package["sdist"]] if "sdist" in members else []
    for file in files:
        if "hash" in file.expect(dict):
            algorithm, _, digits = file["hash"].expect(str).partition(":")
            yield algorithm, digits


def _lock(entries: Iterable[Locked | Skipped]) -> Lock:
    entries = list(entries)
    return Lock.of(
        (entry for entry in entries if isinstance(entry, Locked)),
        (entry for entry in entries if isinstance(entry, Skipped)),
    )


def _read_toml(path: Path, text: str) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise _not_a_lock(path, "its tables are nested too deeply") from None
    except ValueError as error:
        raise _not_a_lock(path, str(error)) from None


def _not_a_lock(path: Path, reason: str) -> UserError:
    return UserError(f"{path} is not a lock file: {reason.rstrip('.')}.", hint=FORMATS)


def _normalized(text: str) -> NormalizedName:
    try:
        return canonicalize_name(text, validate=True)
    except InvalidName as error:
        raise ValueError(str(error)) from None
