"""The revision, and the folder, of somebody's repository that a release was built from."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from samebytes.errors import UserError
from samebytes.git import Checkout, Git
from samebytes.infer.candidate import Decision
from samebytes.infer.tags import matching_tags
from samebytes.source import GitSource

_SETUP_NAME = re.compile(r"""^[ \t]*name[ \t]*=[ \t]*["']?([A-Za-z0-9][\w.-]*)""", re.MULTILINE)
#: How many folders of a repository are looked into.
_MOST = 200


def find_revision(
    path: Path, revision: str | None, name: NormalizedName, version: Version, git: Git
) -> tuple[GitSource, tuple[Decision, ...]]:
    """The revision of a release in the checkout at ``path``, and why it is taken for it.

    Raises UserError where nothing says which one it is.
    """
    checkout = git.checkout_at(path)
    if revision is not None:
        decision = Decision("revision", revision, "it was named")
    else:
        revision, decision = _tagged(checkout, name, version, git)
    commit = git.commit_of(checkout, revision)
    decisions = [decision]
    if checkout.project == Path("."):
        project, folder = _folder(checkout, commit, name, git)
        checkout = Checkout(root=checkout.root, project=project)
        decisions += [folder] if folder else []
    return GitSource(git=git, checkout=checkout, commit=commit), tuple(decisions)


def _tagged(
    checkout: Checkout, name: NormalizedName, version: Version, git: Git
) -> tuple[str, Decision]:
    found = matching_tags(git.tags(checkout), name, version)
    if not found:
        raise UserError(
            f"No tag in {checkout.root} names {name} {version}.",
            hint="'git fetch --tags' may bring it, or name the revision with --rev.",
        )
    best = found[0]
    why = "the tag that names the version"
    if others := [each.tag for each in found[1:4]]:
        why += f"; not {', '.join(others)}"
    return f"refs/tags/{best.tag}", Decision("revision", best.tag, why)


def _folder(
    checkout: Checkout, commit: str, name: NormalizedName, git: Git
) -> tuple[Path, Decision | None]:
    """Where the project lies: at the top, unless a folder further down has its name."""
    paths = [
        path
        for path in git.files(checkout, commit)
        if path.rpartition("/")[2] in ("pyproject.toml", "setup.cfg", "setup.py")
    ]
    paths.sort(key=lambda path: (path.count("/"), path))
    for path in paths[:_MOST]:
        if _project_name(path, git.show(checkout, commit, path)) == name:
            folder = Path(path).parent
            if folder == Path("."):
                return folder, None
            return folder, Decision("folder", str(folder), f"{path} names {name}")
    return Path("."), None


def _project_name(path: str, text: str) -> NormalizedName | None:
    """What a file says that the project is called, as far as it says it plainly."""
    found: object = None
    if path.endswith("pyproject.toml"):
        try:
            document = tomllib.loads(text)
            tool = document.get("tool", {})
            poetry = tool.get("poetry", {}) if isinstance(tool, dict) else {}
            for table in (document.get("project"), poetry):
                if isinstance(table, dict):
                    found = found or table.get("name")
        except (ValueError, RecursionError):
            return None
    elif match := _SETUP_NAME.search(text):
        found = match[1]
    return canonicalize_name(found) if isinstance(found, str) and found else None
