"""git, as far as a build asks it: when was the commit made, and is the tree that commit?"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

#: Set while git runs a hook, and about its repository: not necessarily the one of the tree.
_OF_ANOTHER = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")


def committer_timestamp(tree: Path) -> int | None:
    """When the commit that is checked out was committed, in seconds since 1970.

    None where ``tree`` is in no checkout, or in one that tracks nothing of it, or there is no git
    or no commit yet.
    """
    if not _ask(tree, "ls-files", "-z", "--", "."):
        return None
    shown = _ask(tree, "log", "-1", "--no-show-signature", "--format=%ct", "HEAD", "--")
    return int(shown) if shown is not None and shown.strip().isdigit() else None


def uncommitted(tree: Path) -> list[str]:
    """Paths in ``tree`` that are modified or untracked, and so not part of the commit.

    What builds leave behind (build, dist, egg-info, bytecode of the backend) does not count.
    """
    status = _ask(tree, "status", "--porcelain", "-z", "--no-renames", "-unormal", "--", ".")
    entries = [entry for entry in (status or "").split("\0") if entry]
    if not entries:
        return []
    start = len((_ask(tree, "rev-parse", "--show-prefix") or "").rstrip("\n"))
    pairs = [(entry[:2], entry[3:][start:]) for entry in entries]
    return [path for state, path in pairs if state != "??" or not _is_left_by_build(path)]


def _is_left_by_build(path: str) -> bool:
    parts = path.rstrip("/").split("/")
    left = (part == "__pycache__" or part.endswith(".egg-info") for part in parts)
    return parts[0] in ("build", "dist", ".eggs", ".pdm-build") or any(left)


def _ask(tree: Path, *arguments: str) -> str | None:
    """What git prints; None where it fails or is not there."""
    env = {key: value for key, value in os.environ.items() if key not in _OF_ANOTHER}
    env.update(LC_ALL="C", GIT_OPTIONAL_LOCKS="0")
    command = ["git", "-C", os.fspath(tree), *arguments]
    try:
        done = subprocess.run(command, env=env, capture_output=True, check=False)
    except OSError:
        return None
    return None if done.returncode else os.fsdecode(done.stdout)
