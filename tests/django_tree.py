"""Real Django, from its published sdist, as a git repository on either backend."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from packaging.utils import canonicalize_name
from packaging.version import Version
from projects import git, repository

from samebytes.archive.unpack import unpack_sdist
from samebytes.cli.console import cache_folder
from samebytes.digest import Digest
from samebytes.index.client import Index
from samebytes.index.settings import IndexSettings

DATE = "2026-11-04T09:00:00Z"
EPOCH = 1793782800


@dataclass(frozen=True)
class Release:
    version: str
    sha256: str


RELEASES = (
    Release("4.2.30", "4ebc7a434e3819db6cf4b399fb5b3f536310a30e8486f08b66886840be84b37c"),
    Release("5.2.19", "ad03d8abc51dbff95ebf34b27123cf0c26a3b62db7ba0cd520783686362533d1"),
    Release("6.1.3", "b5d2d9e35295065d13b1927b3f19a59bd119f737aa6299def14ccca1ae3c8c0d"),
)

#: What the build left in the published sdist, and the repository does not have.
_GENERATED = ("PKG-INFO", "setup.cfg", "Django.egg-info")

_SETUPTOOLS_TABLES = "[tool.setuptools.dynamic]"
_HATCHLING_SYSTEM = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
"""
_HATCHLING_TABLES = """\
[tool.hatch.version]
source = "code"
path = "django/__init__.py"
search-paths = ["."]

[tool.hatch.build.targets.sdist]
include = [
    "/AUTHORS",
    "/Gruntfile.js",
    "/INSTALL",
    "/LICENSE",
    "/LICENSE.python",
    "/package.json",
    "/tox.ini",
    "/*.rst",
    "/django",
    "/docs",
    "/extras",
    "/js_tests",
    "/tests",
]

[tool.hatch.build.targets.wheel]
packages = ["django"]
"""


def published_sdist(release: Release) -> Path:
    index = Index(IndexSettings.from_pip(os.environ), cache_folder() / "downloads")
    path = index.sdist(canonicalize_name("django"), Version(release.version)).path
    assert Digest.of_file(path) == Digest(release.sha256)
    return path


def django_repository(
    release: Release,
    root: Path,
    *,
    hatchling: bool,
    development: bool = False,
    more: Mapping[str, str] = MappingProxyType({}),
) -> Path:
    """The release's files, and ``more``, in a repository of one commit.

    ``development``: as a 6.2 alpha.
    """
    unpack_sdist(published_sdist(release), root, mtime=EPOCH)
    for name in _GENERATED:
        path = root / name
        if path.is_dir():
            for file in path.iterdir():
                file.unlink()
            path.rmdir()
        else:
            path.unlink(missing_ok=True)
    if hatchling:
        _switch(root)
    if development:
        init = root / "django/__init__.py"
        lines = init.read_text().splitlines(keepends=True)
        lines = ['VERSION = (6, 2, 0, "alpha", 0)\n' if "VERSION =" in x else x for x in lines]
        init.write_text("".join(lines))
    repository(root, more, date=DATE)
    git(root, "gc", "--quiet")
    return root


#: What a checkout of Django has and its published sdist has not: .gitignore names tracked files.
_CHECKOUT = {
    ".gitignore": "\n".join(
        (
            *("*.egg-info", "*.pot", "*.py[co]", ".tox/", "__pycache__", "MANIFEST", "dist/"),
            *("docs/_build/", "docs/locale/", "node_modules/", "tests/coverage_html/"),
            *("tests/.coverage*", "build/", "tests/report/", "requirements.txt", ""),
        )
    ),
    ".github/workflows/tests.yml": "name: Tests\n",
    "scripts/backport.sh": "#!/bin/sh\n",
}


def django_checkout(release: Release, root: Path, *, development: bool = False) -> Path:
    """Django on setuptools, as its own repository is: with files that no archive may have."""
    return django_repository(
        release, root, hatchling=False, development=development, more=_CHECKOUT
    )


def _switch(root: Path) -> None:
    """The least that makes hatchling build Django: rules in place of MANIFEST.in."""
    (root / "MANIFEST.in").unlink()
    pyproject = root / "pyproject.toml"
    text = pyproject.read_text()
    head, _, rest = text.partition("[project]")
    rest, _, _ = rest.partition(_SETUPTOOLS_TABLES)
    assert "[build-system]" in head
    pyproject.write_text(f"{_HATCHLING_SYSTEM}\n[project]{rest}{_HATCHLING_TABLES}")
