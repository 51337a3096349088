"""The revision, and the folder, of somebody's repository that a release was built from."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from samebytes.errors import UserError
from samebytes.git import Checkout, Git
from samebytes.infer.candidate import Decision
from samebytes.infer.tags import matching_tags
from samebytes.source import GitSource
from samebytes.toml import read_toml

_CFG_NAME = re.compile(r"^[ \t]*name[ \t]*=[ \t]*([A-Za-z0-9][\w.-]*)", re.MULTILINE)
#: Not ``name=NAME``: that is computed.
_SETUP_NAME = re.compile(r"""^[ \t]*name[ \t]*=[ \t]*["']([A-Za-z0-9][\w.-]*)["']""", re.MULTILINE)
#: How many folders of a repository are looked into.
_MOST = 200


def find_revision(
    path: Path, revision: str | None, name: NormalizedName, version: Version, git: Git
) -> tuple[GitSource, tuple[Decision, ...]]:
    """The revision of a release in the checkout at ``path``, and why it is taken for it.

    Raises UserError where nothing says which one it is.
    """
    _refuse_bare(path)
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


def _refuse_bare(path: Path) -> None:
    if (path / "HEAD").is_file() and (path / "objects").is_dir() and (path / "refs").is_dir():
        raise UserError(
            f"{path} is a git repository without a checkout.",
            hint=f"Make one, and give its path: git clone {shlex.quote(os.fspath(path))} FOLDER",
        )


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
    """Where the project lies: at the top, unless a folder further down has its name.

    A project at the top whose name is computed may be any: then it is that.
    """
    paths = [
        path
        for path in git.files(checkout, commit)
        if path.rpartition("/")[2] in ("pyproject.toml", "setup.cfg", "setup.py")
    ]
    paths.sort(key=lambda path: (path.count("/"), path))
    top = {path: git.show(checkout, commit, path) for path in paths if "/" not in path}
    if _may_be(name, top):
        return Path("."), None
    for path in paths[len(top) : _MOST]:
        if project_name(path, git.show(checkout, commit, path)) == name:
            folder = Path(path).parent
            return folder, Decision("folder", str(folder), f"{path} names {name}")
    return Path("."), None


def _may_be(name: NormalizedName, top: Mapping[str, str]) -> bool:
    """Whether a project by these files of its folder may have a name."""
    names = {project_name(path, text) for path, text in top.items()} - {None}
    if names:
        return name in names
    table = _table(top.get("pyproject.toml", ""))
    return "setup.py" in top or "project" in table or "build-system" in table


def project_name(path: str, text: str) -> NormalizedName | None:
    """What a file says that the project is called, as far as it says it plainly."""
    found: object = None
    if path.endswith("pyproject.toml"):
        document = _table(text)
        tool = document.get("tool", {})
        poetry = tool.get("poetry", {}) if isinstance(tool, dict) else {}
        for table in (document.get("project"), poetry):
            if isinstance(table, dict):
                found = found or table.get("name")
    elif match := (_CFG_NAME if path.endswith(".cfg") else _SETUP_NAME).search(text):
        found = match[1]
    return canonicalize_name(found) if isinstance(found, str) and found else None


def _table(pyproject: str) -> Mapping[str, object]:
    """Empty for what is no TOML."""
    try:
        return read_toml(pyproject)
    except ValueError:
        return {}
