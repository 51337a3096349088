"""What variations do to a build: the clock, trees, and what a machine has for them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from packaging.specifiers import SpecifierSet
from projects import SETUPTOOLS, git, repository, write

import samebytes
from samebytes.git import Git
from samebytes.interpreter import find_interpreter
from samebytes.process import Runner
from samebytes.source import GitSource
from samebytes.variations import witness
from samebytes.variations.checkout import raw_tree, supported_pythons
from samebytes.variations.conditions import Conditions
from samebytes.variations.machine import Machine, survey
from samebytes.variations.table import VARIATIONS
from samebytes.variations.trial import WITNESSED
from samebytes.workspace import Room

NOON = 1793707200
CLOCK = """
import datetime, json, os, shutil, subprocess, sys, threading, time
started = time.monotonic()
time.sleep(0.1)
threading.Event().wait(0.1)
subprocess.run([sys.executable, "-c", "import time; time.sleep(0.1)"], timeout=20, check=True)
slept = time.monotonic() - started
open("new", "w").close()
shutil.copytree("old", "copied")
shutil.copystat("link", "link", follow_symlinks=False)
print(json.dumps({
    "time": time.time(),
    "date": datetime.datetime.utcnow().isoformat(),
    "again": time.time(),
    "slept": 0.3 <= slept < 20,
    "new": os.stat("new").st_mtime,
    "new_ns": os.stat("new").st_mtime_ns,
    "size": os.stat("old/file").st_size,
    "old": os.path.getmtime("old/file"),
    "copied": os.lstat("copied/file").st_mtime,
    "child": float(subprocess.check_output(["date", "+%s"])),
}))
"""


def machine(folder: Path, *wanted: str) -> Machine:
    return survey(
        wanted,
        runner=Runner(),
        environ=os.environ,
        interpreter=find_interpreter(None, Runner(), os.environ),
        supported=SpecifierSet(),
        cache=folder,
    )


def conditions(folder: Path, *varied: str, held: str = "clock") -> Conditions:
    since = folder / "since"
    since.touch()
    return Conditions(
        machine=machine(folder, held, *varied),
        held=frozenset([held]),
        varied=frozenset(varied),
        number=1,
        clock=NOON,
        since=since,
        folder=folder,
        visible=(Path(samebytes.__file__).parent, Path(sys.prefix)),
        zlib=None,
    )


def run(python: Path, code: str, folder: Path, found: Conditions) -> Any:
    """What code prints as JSON under the conditions, in a tree with an old file."""
    room = found.room.prepared()
    (room.tree / "old").mkdir(parents=True)
    (room.tree / "old/file").write_text("old")
    (room.tree / "link").symlink_to("old")
    os.utime(room.tree / "old/file", (1000, 1000))
    around = found.surroundings(room, room.tree, room.tree)
    done = subprocess.run(
        around.wrapped([str(python), "-W", "ignore", "-c", code]),
        env={**around.environment, "PATH": os.environ["PATH"]},
        cwd=room.tree,
        umask=around.umask,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("varied", [(), ("clock",)])
def test_the_clock_stands_still(varied: tuple[str, ...], folder: Path, pythons: list[str]) -> None:
    now = NOON + (400 * 24 + 7) * 3600 * len(varied)
    for version in pythons:
        python = find_interpreter(version, Runner(), os.environ).path
        seen = run(python, CLOCK, folder, conditions(folder, *varied))
        date = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
        assert seen == {
            "time": now,
            "again": now,
            "date": date,
            "slept": True,
            "child": now,
            "new": now,
            "new_ns": now * 10**9,
            "old": 1000,
            "copied": 1000,
            "size": 3,
        }


@pytest.mark.slow
def test_a_machine_that_lacks_nothing(folder: Path) -> None:
    found = machine(folder, *VARIATIONS)
    assert found.lacking == {}
    assert None not in (found.bubblewrap, found.setarch, found.faketime, found.python)
    assert found.locale is not None
    assert not found.locale.name.startswith(("C.", "en_"))


def test_no_python_that_the_project_supports(folder: Path) -> None:
    found = survey(
        ["python"],
        runner=Runner(),
        environ=os.environ,
        interpreter=find_interpreter(None, Runner(), os.environ),
        supported=SpecifierSet("<3"),
        cache=folder,
    )
    assert found.lacking == {"python": "there is no other Python here that satisfies <3"}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, ""),
        ({"pyproject.toml": "[project]\nrequires-python = '>=3.9'"}, ">=3.9"),
        ({"PKG-INFO": "Name: x\nRequires-Python: >=3.10\n"}, ">=3.10"),
        ({"setup.cfg": "[options]\npython_requires = >=3.8,<3.12\n"}, ">=3.8,<3.12"),
        ({"setup.py": "setup(\n    python_requires='>=3.8',\n)"}, ">=3.8"),
        ({"pyproject.toml": "["}, ""),
        ({"pyproject.toml": "[project]\nrequires-python = 3"}, ""),
        ({"pyproject.toml": "[project]\nrequires-python = 'new'"}, ""),
    ],
)
def test_supported_pythons(files: dict[str, str], expected: str, folder: Path) -> None:
    assert supported_pythons(write(folder, files)) == SpecifierSet(expected)


@pytest.mark.slow
class TestTree:
    """What of a checkout is varied, seen in the tree."""

    @pytest.fixture
    def files(self, folder: Path) -> dict[str, str]:
        return {**SETUPTOOLS, "run.sh": "#!/bin/sh\n", ".gitattributes": "run.sh eol=lf\n"}

    def tree(self, folder: Path, files: dict[str, str], *varied: str) -> Path:
        root = repository(folder / "project", files)
        (root / "run.sh").chmod(0o755)
        git(root, "add", "--all")
        git(root, "commit", "--quiet", "--allow-empty", "-m", "executable")
        reader = Git(Runner(), os.environ)
        checkout = reader.checkout_at(root)
        source = GitSource(git=reader, checkout=checkout, commit=reader.commit_of(checkout, "HEAD"))
        found = conditions(folder, *varied, held="kernel")
        room = Room.prepare(folder / "room")
        return raw_tree(source, room, found, NOON)

    def test_a_plain_one(self, folder: Path, files: dict[str, str]) -> None:
        tree = self.tree(folder, files)
        assert {path.name for path in tree.iterdir()} == {
            *(".git", ".gitattributes", "MANIFEST.in", "pyproject.toml", "run.sh", "src")
        }
        assert (tree / "run.sh").stat().st_mode & 0o777 == 0o755
        assert (tree / "MANIFEST.in").stat().st_mode & 0o777 == 0o644
        assert (tree / "MANIFEST.in").stat().st_mtime == NOON - 3600

    def test_umask(self, folder: Path, files: dict[str, str]) -> None:
        tree = self.tree(folder, files, "umask")
        assert (tree / "run.sh").stat().st_mode & 0o777 == 0o700
        assert (tree / "MANIFEST.in").stat().st_mode & 0o777 == 0o600

    @pytest.mark.parametrize("more", [(), ("export",)])
    def test_crlf(self, more: tuple[str, ...], folder: Path, files: dict[str, str]) -> None:
        tree = self.tree(folder, files, "crlf", *more)
        assert (tree / "MANIFEST.in").read_bytes() == b"graft src\r\n"
        assert (tree / "run.sh").read_bytes() == b"#!/bin/sh\n"

    def test_export(self, folder: Path, files: dict[str, str]) -> None:
        files |= {".gitattributes": "MANIFEST.in export-ignore\nwhich export-subst\n"}
        tree = self.tree(folder, files | {"which": "$Format:%cd$\n"}, "export")
        assert {path.name for path in tree.iterdir()} == {
            *(".gitattributes", "pyproject.toml", "run.sh", "src", "which")
        }
        assert "$Format" not in (tree / "which").read_text()
        assert (tree / "run.sh").stat().st_mode & 0o777 == 0o755

    def test_leftovers(self, folder: Path, files: dict[str, str]) -> None:
        tree = self.tree(folder, files, "leftovers")
        assert (tree / "build/lib/small/left_by_a_build.py").is_file()
        assert (tree / "src/small.egg-info/SOURCES.txt").read_text().splitlines() == [
            *(".gitattributes", "MANIFEST.in", "pyproject.toml", "run.sh"),
            *("src/small/__init__.py", "src/small/data.txt"),
        ]

    def test_untracked(self, folder: Path, files: dict[str, str]) -> None:
        tree = self.tree(folder, files, "untracked")
        status = subprocess.run(
            ["git", "status", "--porcelain"], cwd=tree, capture_output=True, text=True
        )
        assert sorted(status.stdout.split()) == [
            *("??", "??", "??", "??"),
            *("src/small/untracked-by-git.txt", "src/small/untracked_by_git.py"),
            *("untracked-by-git.txt", "untracked_by_git.py"),
        ]


@pytest.mark.slow
def test_a_locale_is_made_where_there_is_none(folder: Path) -> None:
    assert shutil.which("localedef")
    found = machine(folder, "locale")
    if found.locale is not None and found.locale.folder is not None:
        assert found.locale.folder.is_relative_to(folder)
        assert machine(folder, "locale").locale == found.locale


def test_the_witness_tells_of_what_it_is_asked() -> None:
    assert set(witness.SEEN) == WITNESSED
