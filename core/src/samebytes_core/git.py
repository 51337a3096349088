"""git, as far as a build asks it: when was the commit made, and is the tree that commit?"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

#: Set while git runs a hook, and about its repository: not necessarily the one of the tree.
_OF_ANOTHER = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")


class GitError(Exception):
    """git is not there, or cannot say; the message is its own."""


def is_in_checkout(tree: Path) -> bool:
    """Whether ``tree`` or a folder above it has a repository, whatever git thinks of that."""
    root = tree.absolute()
    return any((folder / ".git").exists() for folder in (root, *root.parents))


def tracks(tree: Path, name: str) -> bool:
    """Whether a file of ``tree`` is in the checkout that it lies in; no where git cannot say."""
    try:
        return is_in_checkout(tree) and bool(_ask(tree, "ls-files", "-z", "--", name))
    except GitError:
        return False


def committer_timestamp(tree: Path) -> int | None:
    """When the commit that is checked out was committed, in seconds since 1970.

    None where ``tree`` is in no checkout, or in one that tracks nothing of it. Raises GitError.
    """
    if not is_in_checkout(tree) or not _ask(tree, "ls-files", "-z", "--", "."):
        return None
    return int(_ask(tree, "log", "-1", "--no-show-signature", "--format=%ct", "HEAD", "--"))


def uncommitted(tree: Path) -> list[str]:
    """Paths in ``tree`` that are modified or untracked, and so not part of the commit.

    Untracked is what no .gitignore names: whatever else this user has git ignore, nobody else has.
    What builds leave behind (build, dist, egg-info, bytecode of the backend) does not count, and
    in no checkout there is nothing to tell. Raises GitError.
    """
    if not is_in_checkout(tree):
        return []
    status = ("status", "--porcelain", "-z", "--no-renames", "-uno", "--ignore-submodules=none")
    start = len(_ask(tree, "rev-parse", "--show-prefix").rstrip("\n"))
    modified = [entry[3:][start:] for entry in _names(_ask(tree, *status, "--", "."))]
    others = ("ls-files", "-z", "--others", "--directory", "--no-empty-directory")
    found = _names(_ask(tree, *others, "--exclude-per-directory=.gitignore", "--", "."))
    return modified + [path for path in found if not _is_left_by_build(path)]


def _names(printed: str) -> list[str]:
    return [name for name in printed.split("\0") if name]


def _is_left_by_build(path: str) -> bool:
    parts = path.rstrip("/").split("/")
    left = (part == "__pycache__" or part.endswith(".egg-info") for part in parts)
    return parts[0] in ("build", "dist", ".eggs", ".pdm-build") or any(left)


def _ask(tree: Path, *arguments: str) -> str:
    """What git prints; raises GitError where it fails or is not there."""
    env = {key: value for key, value in os.environ.items() if key not in _OF_ANOTHER}
    env.update(LC_ALL="C", GIT_OPTIONAL_LOCKS="0")
    command = ["git", "-c", "core.fsmonitor=false", "-C", os.fspath(tree), *arguments]
    try:
        done = subprocess.run(command, env=env, capture_output=True, check=False)
    except OSError as error:
        raise GitError(f"git cannot be run: {error}") from None
    if done.returncode:
        raise GitError(" ".join(done.stderr.decode("utf-8", "replace").split()))
    return os.fsdecode(done.stdout)
