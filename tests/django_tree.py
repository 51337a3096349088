"""Real Django, from its published sdist, as a git repository on either backend.

What several tests need is made once in a run: see ``once``.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from conftest import SHARED, Command, Result
from packaging.utils import canonicalize_name
from packaging.version import Version
from projects import git, repository

from samebytes.archive.unpack import unpack_sdist
from samebytes.digest import Digest
from samebytes.index.client import Index
from samebytes.index.settings import IndexSettings
from samebytes.places import cache_folder

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

#: What has thousands of files, and is not in a small tree; nor are translations.
BULK = ("docs", "js_tests", "tests", "django/contrib")

#: What of it is: the kit changes a file there.
_KEPT = "docs/internals/"

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


def once(name: str, make: Callable[[Path], object]) -> Path:
    """A folder that ``make`` fills once in a run, for all its workers; nobody changes it."""
    base = Path(os.environ[SHARED])
    place, part = base / name, base / f"{name}.part"
    with (base / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            shutil.rmtree(part, ignore_errors=True)  # of one that failed
            part.mkdir()
            make(part)
            part.rename(place)
    return place


def _index() -> Index:
    return Index(IndexSettings.from_pip(os.environ), cache_folder() / "downloads")


def published_sdist(release: Release) -> Path:
    path = _index().sdist(canonicalize_name("django"), Version(release.version)).path
    assert Digest.of_file(path) == Digest(release.sha256)
    return path


def published_wheel(release: Release) -> Path:
    index = _index()
    files = index.release(canonicalize_name("django"), Version(release.version))
    (wheel,) = (file for file in files if file.filename.endswith(".whl"))
    return index.fetch(wheel).path


def rebuilt(release: Release, samebytes: Command) -> tuple[Result, Path]:
    """What ``samebytes build`` says, and makes of the published sdist."""

    def build(folder: Path) -> None:
        done = samebytes("build", f"pypi:django=={release.version}", "-o", folder / "dist")
        assert done.status == 0, done.stderr
        (folder / "stdout").write_text(done.stdout)
        (folder / "stderr").write_text(done.stderr)

    folder = once(f"rebuilt {release.version}", build)
    said = Result(0, (folder / "stdout").read_text(), (folder / "stderr").read_text())
    return said, folder / "dist"


def django_repository(
    release: Release,
    root: Path,
    *,
    hatchling: bool,
    small: bool = False,
    besides: tuple[str, ...] = (),
    development: bool = False,
) -> Path:
    """The release's files in a repository of one commit.

    ``small``: those that are not ``bulky``, and of those whose names begin so; ``development``:
    that, as a 6.2 alpha.
    """
    flags = " hatchling" * hatchling + _flags(small, besides, development)

    def make(folder: Path) -> None:
        tree = folder / "tree"
        _unpack(release, tree, small=small, besides=besides, development=development)
        if hatchling:
            _switch(tree)
        repository(tree, {}, date=DATE)
        keep(tree)

    return cloned(once(f"repository {release.version}{flags}", make), root)


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


def django_checkout(
    release: Release,
    root: Path,
    *,
    small: bool = False,
    besides: tuple[str, ...] = (),
    development: bool = False,
) -> Path:
    """Django on setuptools, as its own repository is: with files that no archive may have.

    ``small``, ``besides`` and ``development``: as above.
    """
    flags = _flags(small, besides, development)

    def make(folder: Path) -> None:
        tree = folder / "tree"
        _unpack(release, tree, small=small, besides=besides, development=development)
        repository(tree, _CHECKOUT, date=DATE)
        keep(tree)

    return cloned(once(f"checkout {release.version}{flags}", make), root)


def _flags(small: bool, besides: tuple[str, ...], development: bool) -> str:
    more = "".join(f" {name.replace('/', '-')}" for name in besides)
    return " small" * small + more + " development" * development


def keep(tree: Path) -> None:
    """Leave but the repository, to be cloned from the folder that the tree was in."""
    (tree / ".git").rename(tree.with_name("repository"))
    shutil.rmtree(tree)


def cloned(folder: Path, root: Path) -> Path:
    git(root.parent, "clone", "--quiet", str(folder / "repository"), str(root))
    return root


def _unpack(
    release: Release, root: Path, *, small: bool, besides: tuple[str, ...], development: bool
) -> None:
    unpack_sdist(published_sdist(release), root, mtime=EPOCH)
    for name in _GENERATED:
        _remove(root / name)
    if small or development:
        thin(root, besides)
    if development:
        init = root / "django/__init__.py"
        lines = init.read_text().splitlines(keepends=True)
        lines = ['VERSION = (6, 2, 0, "alpha", 0)\n' if "VERSION =" in x else x for x in lines]
        init.write_text("".join(lines))


def thin(root: Path, besides: tuple[str, ...] = ()) -> None:
    """Leave only what is not ``bulky``, or whose name begins so, and no empty folder."""
    for folder, folders, files in os.walk(root, topdown=False):
        for name in files:
            path = Path(folder, name)
            inside = path.relative_to(root).as_posix()
            if bulky(inside) and not inside.startswith(besides):
                path.unlink()
        if (folders or files) and not os.listdir(folder):
            os.rmdir(folder)


def bulky(name: str) -> bool:
    """Whether a file is in ``BULK``, or is a translation: it is like a thousand others."""
    if name.startswith(tuple(f"{each}/" for each in BULK)):
        return not name.startswith(_KEPT)
    return "/LC_MESSAGES/" in name and "/en/LC_MESSAGES/" not in name


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _switch(root: Path) -> None:
    """The least that makes hatchling build Django: rules in place of MANIFEST.in."""
    (root / "MANIFEST.in").unlink()
    pyproject = root / "pyproject.toml"
    text = pyproject.read_text()
    head, _, rest = text.partition("[project]")
    rest, _, _ = rest.partition(_SETUPTOOLS_TABLES)
    assert "[build-system]" in head
    pyproject.write_text(f"{_HATCHLING_SYSTEM}\n[project]{rest}{_HATCHLING_TABLES}")
