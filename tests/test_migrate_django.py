"""The flagship: Django moves to hatchling, with its kit, and loses no file."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from conftest import Command
from django_tree import (
    DATE,
    RELEASES,
    Release,
    bulky,
    django_checkout,
    published_sdist,
    published_wheel,
)
from migration import built, fields, migrated_checkout, sdist_files, wheel_files
from projects import git

from samebytes.digest import Digest
from samebytes.interpreter import find_interpreter
from samebytes.migrate.kit import find_kit
from samebytes.migrate.tree import Tree
from samebytes.process import Runner

pytestmark = pytest.mark.slow

KIT = Path(__file__).parents[1] / "django"
WRITTEN = {
    ".github/workflows/reproducible.yml",
    "docs/internals/howto-release-django.txt",
    "pyproject.toml",
    "scripts/build_release.py",
}


@pytest.mark.parametrize(
    ("release", "small"),
    [(RELEASES[0], True), (RELEASES[1], False)],
    ids=["4.2.30", "5.2.19-whole"],
)
def test_exactly_the_accepted_changes(
    folder: Path, samebytes: Command, release: Release, small: bool
) -> None:
    """One release has all of its files; of the other, the bulk is left out on both sides."""
    root = folder / "django"
    document, (sdist, wheel) = migrated_checkout(release, root, samebytes, small=small)
    assert document["status"] == "migrated"
    notes = [note for note in document["notes"] if "kit" in note]
    assert notes == [
        f"In the kit's [tool.hatch.build.targets.sdist] {key}, but of no use here: {patterns}."
        for key, rules in sorted(targets()["sdist"].items())
        if (patterns := ", ".join(sorted(x for x in rules if not names_something(x, root))))
    ]
    assert bool(notes) is small
    assert any("/tox.ini" in note for note in notes) is (release.version == "4.2.30")
    changed = git(root, "diff", "--name-only", "--no-renames", "HEAD~").split("\n")
    assert set(changed) == WRITTEN | {"MANIFEST.in"}
    # hatch gives the bytes that the migration built twice, and compared with setuptools'.
    proved = [proof["after"]["sha256"] for proof in document["proofs"]]
    assert [Digest.of_file(path).hex for path in (sdist, wheel)] == proved

    old, new = sdist_files(published_sdist(release)), sdist_files(sdist)
    old = without_bulk(old) if small else old
    gone = {name for name in old if name.startswith("Django.egg-info/")}
    assert old.keys() - new.keys() == {"MANIFEST.in", "setup.cfg"} | gone
    assert new.keys() - old.keys() == {".gitignore"}
    assert {name for name in old.keys() & new.keys() if old[name] != new[name]} == {
        *("PKG-INFO", "pyproject.toml", "docs/internals/howto-release-django.txt"),
    }
    assert small or "tests/.coveragerc" in new
    published = published_wheel(release)
    old, new = wheel_files(published), wheel_files(wheel)
    old = without_bulk(old) if small else old
    info = f"django-{release.version}.dist-info"
    assert old.keys() - new.keys() == {f"{info}/top_level.txt"}
    assert new.keys() <= old.keys()
    assert {name for name in new if old[name] != new[name]} == {
        f"{info}/{name}" for name in ("METADATA", "RECORD", "WHEEL")
    }
    assert plain(fields(published)) == plain(fields(wheel))
    again = samebytes("migrate", "--kit", "django", root)
    assert (again.status, git(root, "status", "--porcelain")) == (0, "")
    assert "There is nothing to do." in again.stdout


def targets() -> dict[str, dict[str, list[str]]]:
    """What the kit has hatchling pack."""
    kit = tomllib.loads((KIT / "tables.toml").read_text())
    found: dict[str, dict[str, list[str]]] = kit["tool"]["hatch"]["build"]["targets"]
    return found


def names_something(pattern: str, root: Path) -> bool:
    return any(root.glob(pattern.removeprefix("/")))


def without_bulk(files: dict[str, str]) -> dict[str, str]:
    return {name: digest for name, digest in files.items() if not bulky(name)}


def plain(found: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """METADATA without the field that names its version, and with one kind of quotes."""
    return sorted(
        (name, value.replace('"', "'").replace("backports.zoneinfo", "backports-zoneinfo"))
        for name, value in found
        if name not in ("Metadata-Version", "Dynamic")
    )


def test_the_kit_is_what_migrate_writes(folder: Path, samebytes: Command) -> None:
    """Of 6.2 as well: its tables, and the places of its texts. A development version then is in the
    names of hatchling's sdist and of its wheel.
    """
    root = django_checkout(RELEASES[2], folder / "django", development=True)
    assert find_kit("django").added(Tree(root)).keys() == WRITTEN - {"pyproject.toml"}
    done = samebytes("migrate", root)
    assert done.status == 0, done.stdout + done.stderr
    written = tomllib.loads((root / "pyproject.toml").read_text())
    kit = tomllib.loads((KIT / "tables.toml").read_text())
    kit["tool"]["hatch"]["build"]["targets"]["sdist"] = {
        key: named
        for key, rules in targets()["sdist"].items()
        if (named := [pattern for pattern in rules if names_something(pattern, root)])
    }
    assert written["tool"]["hatch"] == kit["tool"]["hatch"]
    assert written["build-system"] == {
        "requires": tomllib.loads((KIT / "kit.toml").read_text())["requires"],
        "build-backend": "hatchling.build",
    }
    assert "setuptools" not in written["tool"]
    assert git(root, "status", "--porcelain").split() == ["D", "MANIFEST.in", "M", "pyproject.toml"]
    git(root, "commit", "--quiet", "--all", "--message", "Migrate", date=DATE)
    out = folder / "out"
    built(root, out, "build", "--installer", "uv", "-o", str(out))
    version = "6.2.dev20261104090000"
    assert {path.name for path in out.iterdir()} == {
        f"django-{version}.tar.gz",
        f"django-{version}-py3-none-any.whl",
    }


def test_smoke(folder: Path, samebytes: Command) -> None:
    """The wheel installs, starts a project, checks, migrates, serves."""
    _, (_, wheel) = migrated_checkout(RELEASES[1], folder / "django", samebytes)
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert uv is not None
    python = folder / "env/bin/python"
    interpreter = find_interpreter("3.13", Runner(), os.environ)
    run(uv, "venv", "--quiet", "--python", interpreter.path, folder / "env", cwd=folder)
    run(uv, "pip", "install", "--quiet", "--python", python, wheel, cwd=folder)
    run(folder / "env/bin/django-admin", "startproject", "site1", cwd=folder)
    for command in ("check", "migrate"):
        run(python, "manage.py", command, cwd=folder / "site1")
    port = "18000"
    server = subprocess.Popen(
        [python, "manage.py", "runserver", "--noreload", port],
        cwd=folder / "site1",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert "The install worked successfully" in fetched(f"http://127.0.0.1:{port}/")
    finally:
        server.kill()
        server.wait()


def run(*command: object, cwd: Path) -> None:
    done = subprocess.run(list(map(str, command)), cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def fetched(url: str) -> str:
    for _ in range(100):
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                return str(response.read().decode())
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    raise AssertionError(f"{url} does not answer")


@pytest.mark.parametrize(
    ("change", "places"),
    [
        (
            ("docs/internals/howto-release-django.txt", "Making the release(s) available", "Out"),
            ["docs/internals/howto-release-django.txt, for the kit's text before the line"],
        ),
        (
            ("scripts/build_release.py", "", "print('ours')\n"),
            ["scripts/build_release.py is there and is not the kit's"],
        ),
    ],
)
def test_a_checkout_that_has_moved_on(
    folder: Path, samebytes: Command, change: tuple[str, str, str], places: list[str]
) -> None:
    root = django_checkout(RELEASES[2], folder / "django", small=True)
    path, old, new = change
    text = (root / path).read_text() if (root / path).exists() else ""
    (root / path).write_text(text.replace(old, new) if old else new)
    git(root, "add", "--all", "--force")
    git(root, "commit", "--quiet", "--message", "Move on", date=DATE)
    done = samebytes("migrate", "--kit", "django", root)
    assert done.status == 2
    for place in places:
        assert place in done.stderr
    assert git(root, "status", "--porcelain") == ""
