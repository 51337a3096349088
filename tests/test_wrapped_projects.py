"""Real projects on setuptools: the wrapper makes all frontends' archives the same bytes.

All of them under all frontends: benchmarks/wrapped.py.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from conftest import Command
from core_index import core_index
from django_tree import rebuilt
from frontends import FRONTENDS, Builder, environment
from wrapped_projects import DEVELOPMENT, DJANGO, OURS, SIX, changed

from samebytes.errors import UserError
from samebytes.interpreter import find_interpreter
from samebytes.process import Runner

__all__ = ["core_index"]  # a fixture

pytestmark = pytest.mark.slow

NAMES = {each.name: each for each in SIX}

#: Who builds it the second time.
OTHER = Builder("3.13", 0o077, "Asia/Kolkata", "somebody else's")
OLD = Builder("3.9", 0o002, "America/Lima", "old")


@pytest.fixture
def environ(folder: Path, core_index: Mapping[str, str]) -> dict[str, str]:
    for builder in (OTHER, OLD):
        try:
            find_interpreter(builder.python, Runner(), os.environ)
        except UserError as error:
            if os.environ.get("CI"):
                raise
            pytest.skip(str(error))
    return environment(folder, core_index)


def test_everybody_gets_the_same(folder: Path, environ: Mapping[str, str]) -> None:
    """All frontends; again under another umask, time zone, path and Python."""
    six = NAMES["six"]
    builds = [(frontend, Builder()) for frontend in FRONTENDS]
    builds += [("uv build", OTHER), ("pip wheel", OLD)]
    found: dict[str, set[str]] = {}
    for number, (frontend, builder) in enumerate(builds):
        for name, digest in six.build(folder / f"{number}", frontend, environ, builder).items():
            found.setdefault(name, set()).add(digest)
    assert found.keys() == {"six-1.17.0.tar.gz", "six-1.17.0-py2.py3-none-any.whl"}
    assert {len(digests) for digests in found.values()} == {1}
    six.build(folder / "plain", "uv build", environ, kind="plain")
    assert changed(folder / "plain/out", folder / "0/out") == OURS


@pytest.mark.parametrize(
    ("name", "first", "second", "other"),
    [
        ("itsdangerous", "uv build", "python -m build", OLD),
        ("pluggy", "samebytes build", "hatch build", OTHER),
        ("zope-event", "uv build", "samebytes build", OTHER),
        ("certifi", "hatch build", "uv build", OTHER),
    ],
)
def test_nothing_but_the_containers_changes(
    name: str, first: str, second: str, other: Builder, folder: Path, environ: Mapping[str, str]
) -> None:
    project = NAMES[name]
    one = project.build(folder / "one", first, environ)
    assert len(one) == 2
    assert project.build(folder / "two", second, environ, other) == one
    project.build(folder / "plain", "uv build", environ, kind="plain")
    assert changed(folder / "plain/out", folder / "one/out") == OURS


def test_django(folder: Path, environ: Mapping[str, str], samebytes: Command) -> None:
    """All of it; without the wrapper, the published sdist is built."""
    DJANGO.build(folder / "one", "uv build", environ)
    _, plain = rebuilt(DJANGO.release, samebytes)
    # The published sdist has a setup.cfg, which is listed.
    assert changed(plain, folder / "one/out") == {*OURS, "Django.egg-info/SOURCES.txt"}


def test_a_development_version_is_one(folder: Path, environ: Mapping[str, str]) -> None:
    """The bug of the ticket: of the version from ``git log``, the wheel from the sdist has lost
    the date. In the wrapper both wheels are the same bytes, which ``samebytes build`` looks at."""
    stem = "django-6.2.dev20261121090000"
    plain = DEVELOPMENT.build(folder / "plain", "python -m build", environ, kind="plain")
    assert sorted(plain) == ["django-6.2-py3-none-any.whl", f"{stem}.tar.gz"]
    found = DEVELOPMENT.build(folder / "one", "uv build", environ)
    assert sorted(found) == [f"{stem}-py3-none-any.whl", f"{stem}.tar.gz"]
    assert DEVELOPMENT.build(folder / "two", "samebytes build", environ, OTHER) == found
    (wheel,) = DEVELOPMENT.build(folder / "three", "pip wheel", environ, OTHER).items()
    assert wheel in found.items()
