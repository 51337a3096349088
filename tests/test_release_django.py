"""Django 5.2.19 and our own package, released for real: two people, CI, and an index."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from conftest import Command
from django_tree import RELEASES, django_repository
from parties import Party, party
from projects import commit, git

from samebytes import __version__

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.slow


def release(people: Party) -> None:
    """Prepared, confirmed by another and by CI, and published: each once, none of it too early."""
    prepared = people.prepare()
    assert prepared.status == 0, prepared.stdout + prepared.stderr
    assert people.confirm(by=people.bert).status == 0
    assert people.publish().status == 1
    assert people.index.posts() == 0
    assert people.confirm_in_ci().status == 0
    published = people.publish()
    assert published.status == 0, published.stdout + published.stderr


def installed(people: Party, requirement: str, *others: str) -> Path:
    """The Python of an environment with what was published, from that index and no other."""
    python = people.folder / "env/bin/python"
    subprocess.run([sys.executable, "-m", "venv", str(python.parents[1])], check=True)
    own = ["--no-deps", "--index-url", people.index.simple, requirement]
    for wanted in [own, [*others]] if others else [own]:
        pip = [str(python), "-m", "pip", "install", "-q", *wanted]
        subprocess.run(pip, env=people.samebytes.environ, check=True)
    return python


def test_django(folder: Path, samebytes: Command) -> None:
    """Without what is in the sdist alone, and built by benchmarks/release.py as well."""
    (django,) = (each for each in RELEASES if each.version == "5.2.19")
    root = django_repository(
        django,
        folder / "django",
        hatchling=True,
        small=True,
        besides=("django/contrib/", "docs/releases/5.2.19.txt"),
    )
    with party(root, folder, samebytes, tag="5.2.19", kit=("--kit", "django")) as people:
        release(people)
        # Whoever has but the usual tools can check it.
        checksums = "Django-5.2.19.checksum.txt"
        people.anna.home.gpg("--verify", people.out / f"{checksums}.asc")
        for name in (checksums, f"{checksums}.asc"):
            for tool in ("md5sum", "sha1sum", "sha256sum"):
                subprocess.run([tool, "--check", name], cwd=people.out, check=True)
        python = installed(people, "django==5.2.19", "asgiref", "sqlparse")
        start = [str(python.with_name("django-admin")), "startproject", "mine"]
        subprocess.run(start, cwd=folder, check=True)
        done = subprocess.run(
            [python, "manage.py", "check"], cwd=folder / "mine", capture_output=True, text=True
        )
        assert "no issues" in done.stdout


def test_our_own_package(folder: Path, samebytes: Command) -> None:
    root = folder / "samebytes"
    git(folder, "clone", "--quiet", str(ROOT), str(root))
    with party(root, folder, samebytes, tag=own_tag(root)) as people:
        release(people)
        python = installed(people, "samebytes")
        # What it requires comes from here; it itself does not: it is not a file of that folder.
        required = {"PYTHONPATH": sysconfig.get_path("purelib")}
        script = "import samebytes.__main__ as program; print(program.__file__); program.main()"
        done = subprocess.run(
            [python, "-c", script, "--version"],
            env=samebytes.environ | required,
            capture_output=True,
            text=True,
        )
        assert str(folder / "env") in done.stdout
        assert f"samebytes, version {__version__}" in done.stdout


def own_tag(root: Path) -> str:
    """Make the tree one of a release: its changelog has a section for the version."""
    changelog = root / "CHANGELOG.md"
    changelog.write_text(changelog.read_text().replace("## Unreleased", f"## {__version__}"))
    commit(root)
    return f"v{__version__}"
