"""Django 5.2.19 and our own package, released for real: two people, CI, and an index."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import Command
from django_tree import RELEASES, django_repository
from parties import Party, party
from projects import commit, git

from samebytes import __version__

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.slow


def release(people: Party, *options: str | Path, ci: bool = True) -> None:
    """Prepared, confirmed by another and by CI, and published: each once, none of it too early.

    Without ``ci``, two are enough.
    """
    before = people.index.posts()
    prepared = people.prepare(*options)
    assert prepared.status == 0, prepared.stdout + prepared.stderr
    assert people.confirm(by=people.bert).status == 0
    assert people.publish().status == 1
    assert people.index.posts() == before
    if ci:
        assert people.confirm_in_ci().status == 0
    published = people.publish() if ci else people.publish(threshold=2)
    assert published.status == 0, published.stdout + published.stderr


def installed(people: Party, *requirements: str, others: tuple[str, ...] = ()) -> Path:
    """The Python of an environment with what was published, from that index and no other."""
    python = people.folder / "env/bin/python"
    subprocess.run([sys.executable, "-m", "venv", str(python.parents[1])], check=True)
    own = ["--no-deps", "--index-url", people.index.simple, *requirements]
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
        release(people, ci=False)
        # Whoever has but the usual tools can check it.
        checksums = "Django-5.2.19.checksum.txt"
        people.anna.home.gpg("--verify", people.out / f"{checksums}.asc")
        for name in (checksums, f"{checksums}.asc"):
            for tool in ("md5sum", "sha1sum", "sha256sum"):
                subprocess.run([tool, "--check", name], cwd=people.out, check=True)
        python = installed(people, "django==5.2.19", others=("asgiref", "sqlparse"))
        start = [str(python.with_name("django-admin")), "startproject", "mine"]
        subprocess.run(start, cwd=folder, check=True)
        done = subprocess.run(
            [python, "manage.py", "check"], cwd=folder / "mine", capture_output=True, text=True
        )
        assert "no issues" in done.stdout


def test_our_own_packages(folder: Path, samebytes: Command) -> None:
    """By one tag: the core, and what requires it, which is tried with what was prepared."""
    root = folder / "samebytes"
    git(folder, "clone", "--quiet", str(ROOT), str(root))
    with party(root, folder, samebytes, tag=own_tag(root)) as people:
        core = core_of(people)
        prepared = core.prepare()
        assert prepared.status == 0, prepared.stdout
        assert core.confirm(by=core.bert).status == 0
        assert core.publish(threshold=2).status == 0
        release(people, "--with", core.out)
        python = installed(people, "samebytes", "samebytes-core")
        # What it requires comes from here; it itself does not: it is not a file of that folder.
        required = {"PYTHONPATH": sysconfig.get_path("purelib")}
        script = (
            "import samebytes.__main__ as program, samebytes_core\n"
            "print(program.__file__, samebytes_core.__file__)\n"
            "program.main()"
        )
        done = subprocess.run(
            [python, "-c", script, "--version"],
            env=samebytes.environ | required,
            capture_output=True,
            text=True,
        )
        assert done.stdout.count(str(folder / "env")) == 2, done.stderr
        assert f"samebytes, version {__version__}" in done.stdout


def core_of(people: Party) -> Party:
    """The same people, who release the project in the folder of the core."""
    anna, bert = (replace(each, clone=each.clone / "core") for each in (people.anna, people.bert))
    return replace(people, anna=anna, bert=bert, out=people.folder / "core out")


def own_tag(root: Path) -> str:
    """Make the tree one of a release: its changelog has a section for the version."""
    changelog = root / "CHANGELOG.md"
    changelog.write_text(changelog.read_text().replace("## Unreleased", f"## {__version__}"))
    commit(root)
    return f"v{__version__}"
