"""Real projects from the index: Django, migrated to hatchling, and six more.

On setuptools, Django takes minutes: ``benchmarks/check.py --failing`` checks it.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Command
from django_tree import RELEASES
from migration import migrated_checkout
from test_check_zoo import blamed, check, everything
from test_migrate_projects import CASES

pytestmark = pytest.mark.slow

SIX = ("requests", "pytest", "pluggy", "six", "tqdm", "certifi")


def test_django_migrated_is_reproducible(folder: Path, samebytes: Command) -> None:
    """With what samebytes migrate writes and commits to a checkout; without the bulk."""
    migrated_checkout(RELEASES[1], folder / "django", samebytes, small=True)
    document = check(samebytes, folder / "django", "--require", "all")
    assert document["status"] == "reproducible"
    assert set(document["tried"]) == everything(raw=False)


@pytest.mark.parametrize("name", SIX)
def test_six_more_projects(name: str, samebytes: Command) -> None:
    (case,) = (case for case in CASES if case.name == name)
    document = check(samebytes, Path(f"pypi:{name}=={case.release.version}"))
    assert document["status"] == "reproducible"
    assert set(document["tried"]) == everything(raw=False)


def test_six_on_setuptools_is_not_with_plain_builds(samebytes: Command) -> None:
    """The causes of Django's ticket: the sdists have the time of the build and its owner."""
    (case,) = (case for case in CASES if case.name == "six")
    source = Path(f"pypi:six=={case.release.version}")
    document = check(samebytes, source, "--raw", "--vary", "clock,user,host,path,home")
    assert blamed(document) == {("clock",), ("user",)}
    causes = {(each["form"], each["cause"]) for each in document["findings"]}
    assert causes == {
        ("sdist", "setuptools-sdist-time"),
        ("wheel", "no-epoch"),
        ("sdist", "builder-identity"),
    }
