"""Real projects from the index, at pinned versions: each is migrated with nothing unexplained."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import Command
from django_tree import Release
from migration import project
from projects import git

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Case:
    """``explained`` are expectations that are not met by every project."""

    name: str
    release: Release
    version: str
    written: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    explained: tuple[str, ...] = ()


CASES = (
    Case(
        "requests",
        Release("2.32.5", "dbba0bac56e100853db0ea71b82b4dfd5fe2bf6d3754a8893c3af500cec7d7cf"),
        "src/requests/__version__.py",
        removed=("MANIFEST.in", "setup.py"),
    ),
    Case(
        "pytest",
        Release("8.4.2", "86c0d0b93306b961d58d62a4db4879f27fe25513d4b969df351abdddb3c30e01"),
        "vcs",
        written=("src/_pytest/_version.py",),
        explained=("executable", "version-file"),
    ),
    Case(
        "pluggy",
        Release("1.6.0", "7dcc130b76258d33b90f61b658791dede3486c3e6bfb003ee5c9bfb396dd22f3"),
        "vcs",
        written=("src/pluggy/_version.py",),
        removed=("MANIFEST.in",),
        explained=("version-file",),
    ),
    Case(
        "six",
        Release("1.17.0", "ff70335d468e7eb6ec65b95b99d3a2836546063f63acc5171de367e834932a81"),
        "six.py",
        removed=("MANIFEST.in", "setup.py"),
    ),
    Case(
        "tqdm",
        Release("4.67.1", "f8aef9c52c08c13a65f30ea34f4e5aac3fd1a34959879d7e59e63027286627f2"),
        "vcs",
        written=("tqdm/_dist_ver.py",),
    ),
    Case(
        "certifi",
        Release("2025.10.5", "47c09d31ccf2acf0be3f701ea53595ee7e0b8fa08801c6624be771df09ae7b43"),
        "certifi/__init__.py",
        removed=("MANIFEST.in", "setup.py"),
    ),
)
RARE = {"executable", "version-file", "script", "python-tag", "license-folder", "metadata-platform"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_project(folder: Path, samebytes: Command, case: Case) -> None:
    root = project(case.release, case.name, folder / case.name, written=case.written)
    done = samebytes("migrate", root, "--json", folder / "result.json")
    assert done.status == 0, done.stdout + done.stderr
    document = json.loads((folder / "result.json").read_text())
    changes = [change for proof in document["proofs"] for change in proof["changes"]]
    assert all(change["expectation"] for change in changes)
    assert {change["expectation"] for change in changes} & RARE == set(case.explained)
    table = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["hatch"]["version"]
    assert case.version in table.values()
    gone = [line for line in git(root, "status", "--porcelain").splitlines() if " D" in f" {line}"]
    assert sorted(line.split()[-1] for line in gone) == sorted(case.removed)
    if case.version == "vcs":
        check_version_of_tag(root, case, samebytes, folder / "dist")


def check_version_of_tag(root: Path, case: Case, samebytes: Command, out: Path) -> None:
    """The proof was made of the commit before; the tag that follows must give the version."""
    git(root, "add", "--all", "--force")
    git(root, "commit", "--quiet", "--message", "Migrate")
    git(root, "tag", "--force", case.release.version)
    built = samebytes("build", root, "-o", out, "--as-of", "now")
    assert built.status == 0, built.stdout + built.stderr
    assert f"{case.name}-{case.release.version}.tar.gz" in built.digests
