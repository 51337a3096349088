"""git, as far as a build asks it: when was the commit made, and is the tree that commit?"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

#: What a build itself leaves in a tree.
_LEFT_BY_BUILDS = ("build", "dist")


def committer_timestamp(tree: Path) -> int | None:
    """When the commit that is checked out was committed, in seconds since 1970.

    None where ``tree`` is in no checkout, or there is no git or no commit yet.
    """
    shown = _ask(tree, "log", "-1", "--no-show-signature", "--format=%ct", "HEAD", "--")
    return int(shown) if shown is not None and shown.strip().isdigit() else None


def uncommitted(tree: Path) -> list[str]:
    """Paths in ``tree`` that are modified or untracked, and so not part of the commit.

    What builds leave behind (build, dist, the egg-info of setuptools) does not count.
    """
    status = _ask(tree, "status", "--porcelain", "-z", "--no-renames", "--", ".")
    paths = [entry[3:] for entry in (status or "").split("\0") if entry]
    return [path for path in paths if not _is_left_by_build(path)]


def _is_left_by_build(path: str) -> bool:
    parts = path.rstrip("/").split("/")
    return any(part in _LEFT_BY_BUILDS or part.endswith(".egg-info") for part in parts)


def _ask(tree: Path, *arguments: str) -> str | None:
    env = {**os.environ, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}
    command = ["git", "-C", os.fspath(tree), *arguments]
    try:
        done = subprocess.run(command, env=env, capture_output=True, check=False)
    except OSError:
        return None
    return None if done.returncode else os.fsdecode(done.stdout)
