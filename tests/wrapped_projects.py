"""Real projects on setuptools with the wrapper around it, and without, as repositories."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from django_tree import RELEASES, Release, cloned, django_checkout, keep, once
from frontends import Builder, built, contents
from migration import archives, project
from projects import commit, git
from samebytes_core.tree import RECORD

from samebytes.migrate.wrapper import wrapping

#: When the core is on the index of the tests.
DATE = "2026-11-21T09:00:00Z"

#: What the wrapper writes into an sdist, and what says that there is one.
OURS = {RECORD, "pyproject.toml"}

#: For who names no backend, as PEP 517 says.
_LEGACY = """\
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta:__legacy__"
"""


@dataclass(frozen=True)
class Project:
    """``shows`` is how it is made; ``oldest`` is a Python that it is for.

    ``written`` are files of an earlier build in its sdist.

    What builds it is pinned, so that a release of tomorrow changes nothing, and all Pythons have
    the same.
    """

    name: str
    release: Release
    shows: str
    written: tuple[str, ...] = ()
    setuptools: str = "80.9.0"
    oldest: str = "3.9"
    development: bool = False

    def repository(self, root: Path, kind: Literal["plain", "wrapped"]) -> Path:
        """A clone, with a tag for the version."""
        name = f"{self.name} {self.release.version}{' development' * self.development} {kind}"
        return cloned(once(name, partial(self._make, kind)), root)

    def _make(self, kind: str, folder: Path) -> None:
        root = folder / "tree"
        if self.name == "django":
            django_checkout(self.release, root, development=self.development)
        else:
            project(self.release, self.name, root, written=self.written)
            git(root, "tag", "--delete", self.release.version)
        pyproject = root / "pyproject.toml"
        text = self._pinned(pyproject.read_text() if pyproject.exists() else "")
        pyproject.write_text(wrapping(text).text if kind == "wrapped" else text)
        commit(root, date=DATE)
        git(root, "tag", self.release.version)
        keep(root)

    def _pinned(self, text: str) -> str:
        text = text if "[build-system]" in text else f"{_LEGACY}{text}"
        text = re.sub(
            r'"setuptools[\s<>=~][^"]*"|"setuptools"', f'"setuptools=={self.setuptools}"', text
        )
        return re.sub(r'"setuptools[-_]scm[^"]*"', '"setuptools-scm==8.3.1"', text)

    def build(
        self,
        folder: Path,
        frontend: str,
        environ: Mapping[str, str],
        builder: Builder = Builder(),  # noqa: B008
        kind: Literal["plain", "wrapped"] = "wrapped",
    ) -> dict[str, str]:
        """Digests of what a frontend makes of a new clone; the archives are in ``folder/out``."""
        root = folder / builder.place
        root.parent.mkdir(parents=True)
        return built(frontend, self.repository(root, kind), folder / "out", environ, builder)


SIX = (
    Project(
        "six",
        Release("1.17.0", "ff70335d468e7eb6ec65b95b99d3a2836546063f63acc5171de367e834932a81"),
        "setup.py only, one module, wheel for 2 and 3",
    ),
    Project(
        "itsdangerous",
        Release("2.1.2", "5dbbc68b317e5e42f327f9021763545dc3fc3bfe22e6deb96aaf1fc38874156a"),
        "setup.cfg, src",
    ),
    Project(
        "pyjwt",
        Release("2.10.1", "3cc5772eb20009233caf06e9d8a0577824723b44e6648ee0a2aedb6cf9381953"),
        "pyproject.toml, dynamic version",
    ),
    Project(
        "pluggy",
        Release("1.6.0", "7dcc130b76258d33b90f61b658791dede3486c3e6bfb003ee5c9bfb396dd22f3"),
        "setuptools-scm, which writes a file",
        written=("src/pluggy/_version.py",),
    ),
    Project(
        "zope-event",
        Release("6.1", "6052a3e0cb8565d3d4ef1a3a7809336ac519bc4fe38398cb8d466db09adef4f0"),
        # With the namespace_packages of old, setuptools names a file in the wheel by the Python.
        "namespace package, src",
        oldest="3.10",
    ),
    Project(
        "certifi",
        Release("2025.10.5", "47c09d31ccf2acf0be3f701ea53595ee7e0b8fa08801c6624be771df09ae7b43"),
        "package data, MANIFEST.in",
    ),
)

#: The one of the two that its published sdist is rebuilt with, too, as of its day.
DJANGO = Project("django", RELEASES[1], "thousands of files", setuptools="84.2.1", oldest="3.10")
OLD_DJANGO = Project("django", RELEASES[0], "thousands of files", setuptools="69.2.0")
DEVELOPMENT = Project("django", RELEASES[1], "a version from git log", development=True)


def changed(plain: Path, wrapped: Path) -> set[str]:
    """The members of the sdist and the wheel in two folders that are not the same in both.

    What counts is what they hold, and whether it can be run.
    """
    pairs = zip(archives(plain), archives(wrapped), strict=True)
    return {name for one, two in pairs for name, _ in contents(one).items() ^ contents(two).items()}
