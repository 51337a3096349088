"""A source tree, and the epoch that it gives a build."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from samebytes_core import epoch as epochs
from samebytes_core import git
from samebytes_core.epoch import VARIABLE, Epoch
from samebytes_core.errors import CoreError

#: The file at the root of an sdist that says with which epoch it was built, in decimal.
RECORD = VARIABLE


def is_sdist(tree: Path) -> bool:
    """Whether this is an unpacked sdist: PKG-INFO lies at its root (PEP 643), and no .git does."""
    return (tree / "PKG-INFO").is_file() and not (tree / ".git").exists()


def epoch_of(tree: Path, environ: Mapping[str, str]) -> Epoch:
    """SOURCE_DATE_EPOCH; else of an sdist its record, or its files' times; else the commit's.

    An sdist comes before the commit, since it may lie in a checkout of something else.

    Raises CoreError where nothing says it.
    """
    try:
        told = epochs.of_environment(environ)
        if told is not None:
            return told
        if is_sdist(tree):
            return _of_sdist(tree)
        timestamp = git.committer_timestamp(tree)
        if timestamp is not None:
            return epochs.of_commit(timestamp)
    except ValueError as error:
        raise CoreError(f"the time of the build is not known: {error}") from None
    raise CoreError(
        f"the time of the build is not known: {tree} is neither in a git checkout nor an sdist. "
        f"Set {VARIABLE}, in seconds since 1970."
    )


def check_dirty(tree: Path, dirty: str) -> None:
    """Warn on standard error of what is not committed; with ``error``, raise CoreError instead."""
    if dirty == "ignore" or is_sdist(tree):
        return
    paths = git.uncommitted(tree)
    if not paths:
        return
    shown = ", ".join(paths[:3]) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")
    message = f"the tree is not its commit, and what is built not reproducible: {shown}"
    if dirty == "error":
        raise CoreError(message)
    sys.stderr.write(f"samebytes: warning: {message}\n")


def _of_sdist(tree: Path) -> Epoch:
    record = tree / RECORD
    if record.is_file():
        found = epochs.of_environment({VARIABLE: record.read_text("ascii", "replace").strip()})
        if found is not None:
            return Epoch(seconds=found.seconds, origin=epochs.Origin.RECORD)
    return epochs.of_members(_times(tree))


def _times(tree: Path) -> list[tuple[str, float]]:
    found = []
    for folder, _, names in os.walk(tree):
        for name in names:
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink():
                found.append((path.relative_to(tree).as_posix(), path.stat().st_mtime))
    return found
