"""The flagship: real Django on setuptools as it is, and on hatchling."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from conftest import Command, Result
from django_tree import (
    DATE,
    EPOCH,
    RELEASES,
    Release,
    django_repository,
    published_sdist,
    rebuilt,
)
from projects import HATCHLING, git, repository

from samebytes.places import cache_folder
from samebytes.recipe import BuildInfo

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[1] / "scripts/build_release.py"

#: Environments that must not show: time zone, umask, locale, home, user.
ENVIRONMENTS: tuple[dict[str, Any], ...] = (
    {"umask": 0o022, "env": {"TZ": "UTC"}},
    {
        "umask": 0o077,
        "env": {"TZ": "Asia/Kolkata", "LC_ALL": "POSIX", "USER": "jane", "LOGNAME": "jane"},
    },
    {"umask": 0o002, "env": {"TZ": "America/New_York", "LANG": "tr_TR.UTF-8", "EXTRA": "1"}},
)


@pytest.mark.parametrize(
    ("release", "hatchling"),
    [(RELEASES[0], False), (RELEASES[2], True)],
    ids=["4.2.30-setuptools", "6.1.3-hatchling"],
)
def test_same_bytes_for_everybody(
    folder: Path, samebytes: Command, pythons: list[str], release: Release, hatchling: bool
) -> None:
    """Without the bulk, which the rebuilt sdist of another release has (see below) on setuptools,
    and the checkout that is checked (test_check_projects) on hatchling."""
    results = []
    # Of setuptools, the first and the last; another release is built by the one between.
    for number in range(0, len(pythons), 1 if hatchling else 2):
        root = folder / f"{'x' * number}clone"
        django_repository(release, root, hatchling=hatchling, small=True)
        results.append(built_elsewhere(samebytes, root, folder, pythons, number))
    assert len({done.stdout for done in results}) == 1
    names = [f"django-{release.version}.tar.gz", f"django-{release.version}-py3-none-any.whl"]
    assert list(results[0].digests) == names
    assert_no_trace(folder / pythons[0], names)
    (record,) = (folder / pythons[0]).glob("*.buildinfo.json")
    writers = [artifact.writer for artifact in BuildInfo.read(record).artifacts]
    assert writers == (["backend", "backend"] if hatchling else ["samebytes", "backend"])


def built_elsewhere(
    samebytes: Command,
    source: Path,
    folder: Path,
    pythons: list[str],
    number: int,
    *options: str,
) -> Result:
    """Build by one of the Pythons, in an environment and with a home of its own.

    The first builds the wheel both ways, which must be the same; for the others one is enough.
    """
    varied = ENVIRONMENTS[number % len(ENVIRONMENTS)]
    home = folder / f"home {number}"
    home.mkdir()
    python = pythons[number]
    done = samebytes(
        *("build", source, "-o", folder / python, "--python", python),
        *(("--wheel-from", "tree") if number else ()),
        *options,
        umask=varied["umask"],
        env={"HOME": str(home)} | caches() | varied["env"],
    )
    assert done.status == 0, done.stderr
    return done


def caches() -> dict[str, str]:
    """What is fetched from the index is kept, although the home is another."""
    uv = os.environ.get("UV_CACHE_DIR") or str(Path.home() / ".cache/uv")
    return {"UV_CACHE_DIR": uv, "SAMEBYTES_CACHE": str(cache_folder())}


def assert_no_trace(folder: Path, names: list[str]) -> None:
    """No member carries a user name, a uid, or a time other than the epoch."""
    with tarfile.open(folder / names[0]) as sdist:
        for member in sdist:
            owner = (member.uid, member.gid, member.uname, member.gname)
            assert (member.mtime, *owner) == (EPOCH, 0, 0, "", "")
            assert member.mode & 0o777 in (0o644, 0o755)
    with zipfile.ZipFile(folder / names[1]) as wheel:
        assert {info.date_time for info in wheel.filelist} == {(2026, 11, 4, 9, 0, 0)}


#: What a development version is built as.
DEVELOPMENT = [
    "django-6.2.dev20261104090000.tar.gz",
    "django-6.2.dev20261104090000-py3-none-any.whl",
]


def test_development_version(folder: Path, samebytes: Command) -> None:
    """The bug of the ticket: on setuptools, sdist and wheel do not agree."""
    root = django_repository(RELEASES[1], folder / "django", hatchling=False, development=True)
    done = samebytes("build", root, "-o", folder / "dist")
    assert done.status == 1
    assert "is 6.2.dev20261104090000 in the tree and 6.2 in the sdist." in done.stdout
    assert not (folder / "dist").exists()
    chosen = samebytes("build", root, "-o", folder / "out", "--wheel-from", "tree")
    assert list(chosen.digests) == DEVELOPMENT
    other = samebytes("build", root, "-o", folder / "out", "--wheel", "--wheel-from", "sdist")
    assert list(other.digests) == ["django-6.2-py3-none-any.whl"]
    assert "of version 6.2.dev20261104090000, but the wheel of 6.2" in other.stderr


def test_backend_that_is_reproducible_is_left_alone(folder: Path, samebytes: Command) -> None:
    """On hatchling: the bytes of ``hatch build``, and of the release script; one version."""
    root = django_repository(RELEASES[1], folder / "django", hatchling=True, development=True)
    small = repository(folder / "small", HATCHLING, date=DATE)
    assert samebytes("build", small, "-o", folder / "dist").status == 0
    (record,) = (folder / "dist").glob("*.json")
    version = next(
        str(pin) for pin in BuildInfo.read(record).recipe.requirements if pin.name == "hatchling"
    )
    pyproject = root / "pyproject.toml"
    pyproject.write_text(pyproject.read_text().replace('["hatchling"]', f'["{version}"]'))
    git(root, "commit", "--quiet", "--all", "--message", "Pin", date=DATE)
    pinned = samebytes("build", root, "-o", folder / "pinned")
    assert list(pinned.digests) == DEVELOPMENT, pinned.stderr
    environ = {key: text for key, text in os.environ.items() if not key.startswith("HATCH_")}
    environ |= {"SOURCE_DATE_EPOCH": str(EPOCH), "TMPDIR": str(folder)}
    environ["PYTHONDONTWRITEBYTECODE"] = "1"  # hatch imports Django from the tree
    for command in (
        [sys.executable, "-m", "hatch", "build", str(folder / "hatch")],
        [sys.executable, str(SCRIPT), "--outdir", str(folder / "script")],
    ):
        done = subprocess.run(command, cwd=root, env=environ, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert digests(Path(command[-1])) == pinned.digests
    assert git(root, "status", "--porcelain") == ""


def digests(folder: Path) -> dict[str, str]:
    printed = subprocess.run(
        "sha256sum *", shell=True, cwd=folder, capture_output=True, text=True, check=True
    )
    return Result(0, printed.stdout, "").digests


def test_published_sdist_as_source(folder: Path, samebytes: Command, pythons: list[str]) -> None:
    """By its name, and by its path, on setuptools: the same bytes for everybody.

    By its path the wheel, which setuptools makes anew of every file; of the sdist it copies them.
    """
    release = RELEASES[1]
    by_name, _ = rebuilt(release, samebytes)
    assert release.sha256 in by_name.stderr
    sdist = published_sdist(release)
    number = len(pythons) // 2
    by_path = built_elsewhere(samebytes, sdist, folder, pythons, number, "--wheel")
    assert by_name.stdout.endswith(by_path.stdout)
    assert list(by_path.digests) == list(by_name.digests)[1:]
    with tarfile.open(sdist) as archive:
        written = archive.getmember(f"django-{release.version}/PKG-INFO").mtime
    assert f"epoch      {int(written)} (" in by_name.stderr
