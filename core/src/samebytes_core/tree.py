"""A source tree, and the epoch that it gives a build."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from samebytes_core import epoch as epochs
from samebytes_core import git
from samebytes_core.epoch import VARIABLE, Epoch
from samebytes_core.errors import CoreError, UnknownEpochError, warn

#: The file at the root of an sdist that says with which epoch it was built, in decimal.
RECORD = VARIABLE


def is_sdist(tree: Path) -> bool:
    """Whether this is an unpacked sdist: PKG-INFO lies at its root (PEP 643), not of git."""
    is_unpacked = (tree / "PKG-INFO").is_file() and not (tree / ".git").exists()
    return is_unpacked and not git.tracks(tree, "PKG-INFO")


def epoch_of(tree: Path, environ: Mapping[str, str]) -> Epoch:
    """SOURCE_DATE_EPOCH; else of an sdist its record, or its files' times; else the commit's.

    An sdist comes before the commit, since it may lie in a checkout of something else.

    Raises UnknownEpochError where nothing says it, CoreError where what says it is not a time.
    """
    try:
        found = epochs.of_environment(environ)
        if found is None:
            found = _of_sdist(tree) if is_sdist(tree) else _of_commit(tree)
    except ValueError as error:
        raise CoreError(f"the time of the build is not known: {error}") from None
    if found is None:
        raise UnknownEpochError(
            f"the time of the build is not known: {tree} is neither part of a commit that git can "
            f"show nor an sdist with its times. Set {VARIABLE}, in seconds since 1970."
        )
    return found


def examine(tree: Path, dirty: str) -> Epoch | None:
    """The epoch of a tree that is about to be built; warns where it will not be reproducible.

    A tree without an epoch gives None: exports without history can be built and installed, and
    must remain so. With ``dirty`` "error", CoreError is raised instead, except for sdists.
    """
    try:
        epoch = epoch_of(tree, os.environ)
    except UnknownEpochError as error:
        if dirty == "error" and not is_sdist(tree):
            raise
        warn(f"what is built is not reproducible: {error}")
        return None
    _check_dirty(tree, dirty)
    return epoch


def check_leftovers(tree: Path, dirty: str) -> None:
    """As of uncommitted files: setuptools packs what an earlier build left in build/lib."""
    if dirty == "ignore" or not any(tree.glob("build/lib*")):
        return
    message = "setuptools packs what earlier builds left in build/lib: remove build/"
    if dirty == "error":
        raise CoreError(message)
    warn(message)


def refuse_other_record(tree: Path) -> None:
    """Raise CoreError where the project has a file of the record's name that is no record."""
    path = tree / RECORD
    if os.path.lexists(path) and not (path.is_file() and path.read_bytes()[:100].strip().isdigit()):
        raise CoreError(f"{RECORD} is the name of the sdist's record, and the project has another.")


def _check_dirty(tree: Path, dirty: str) -> None:
    if dirty == "ignore" or is_sdist(tree):
        return
    try:
        paths = git.uncommitted(tree)
    except git.GitError as error:
        message, advice = f"git cannot say whether the tree is its commit: {error}", ""
    else:
        shown = ", ".join(paths[:3]) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")
        message = f"the tree is not its commit, and what is built not reproducible: {shown}"
        advice = ". Commit them, or add them to .gitignore."
        if not paths:
            return
    if dirty == "error":
        raise CoreError(message + advice)
    warn(message)


def _of_commit(tree: Path) -> Epoch | None:
    try:
        timestamp = git.committer_timestamp(tree)
    except git.GitError as error:
        raise UnknownEpochError(
            f"the time of the build is not known: git cannot say when {tree} was committed: {error}"
        ) from None
    return None if timestamp is None else epochs.of_commit(timestamp)


def _of_sdist(tree: Path) -> Epoch | None:
    record = tree / RECORD
    if record.is_file():
        with record.open(encoding="ascii", errors="replace") as file:
            text = file.read(100).strip()
        try:
            found = epochs.of_environment({VARIABLE: text})
        except ValueError as error:
            raise UnknownEpochError(
                f"the time of the build is not known: in the file of that name, {error}"
            ) from None
        if found is not None:
            return Epoch(seconds=found.seconds, origin=epochs.Origin.RECORD)
    status = (tree / "PKG-INFO").stat()
    if abs(status.st_ctime - status.st_mtime) < 2:
        return None  # when it was unpacked: uv, for one, leaves out the times
    return epochs.of_members(_times(tree))


def _times(tree: Path) -> list[tuple[str, float]]:
    found = []
    for folder, _, names in os.walk(tree):
        for name in names:
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink():
                found.append((path.relative_to(tree).as_posix(), path.stat().st_mtime))
    return found
