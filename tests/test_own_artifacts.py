"""Our own sdists and wheels, file by file; built by ourselves from a repository of the tree."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
import samebytes_core
from conftest import Command
from packaging.requirements import Requirement
from projects import commit, git, write

import samebytes as ourselves

ROOT = Path(__file__).parents[1]
CORE = ROOT / "core"
GOLDEN = Path(__file__).parent / "golden"

#: What a developer's tree may hold besides, and no archive may.
STRAY = {
    ".env": "",
    ".venv/secret.py": "",
    "core/dist/old.whl": "",
    "core/notes.txt": "",
    "core/src/other/__init__.py": "",
    "core/src/samebytes_core/.secret.py": "",
    "core/src/samebytes_core/__pycache__/git.cpython-39.pyc": "",
    "dist/old.whl": "",
    "django/__pycache__/x.pyc": "",
    "django/notes.md": "",
    "docs/_build/index.md": "",
    "notes.txt": "",
    "src/samebytes/.secret.py": "",
    "src/samebytes/__pycache__/cli.cpython-311.pyc": "",
    "src/samebytes/build.log": "",
    "src/other/__init__.py": "",
}


@pytest.fixture
def tree(folder: Path) -> Path:
    """A copy of the files that an sdist may be made of, and stray ones, all committed."""
    root = folder / "samebytes"
    ignore = shutil.ignore_patterns("_build", "__pycache__", ".*")
    for name in ("benchmarks", "core", "django", "docs", "scripts", "src", "tests"):
        shutil.copytree(ROOT / name, root / name, ignore=ignore)
    for path in ROOT.iterdir():
        if path.is_file():
            shutil.copy(path, root)
    write(root, STRAY | {"core/.gitignore": ""})  # which our sdist does not have
    git(root, "init", "--quiet")
    commit(root)
    return root


@pytest.mark.slow
@pytest.mark.parametrize(("project", "golden"), [(".", ""), ("core", "core-")])
def test_exact_file_lists(
    project: str, golden: str, tree: Path, folder: Path, samebytes: Command
) -> None:
    done = samebytes("build", tree / project, "-o", folder / "dist")
    assert done.status == 0, done.stderr
    sdist_name, wheel_name = done.digests
    with tarfile.open(folder / "dist" / sdist_name) as sdist:
        files = [member.name.partition("/")[2] for member in sdist if not member.isdir()]
    assert_listed(f"{golden}sdist-files", files)
    with zipfile.ZipFile(folder / "dist" / wheel_name) as wheel:
        names = [name.replace(wheel_name.split("-")[1], "VERSION", 1) for name in wheel.namelist()]
    assert_listed(f"{golden}wheel-files", names)


def assert_listed(name: str, files: list[str]) -> None:
    """They are those of the golden file, which is written anew if UPDATE_GOLDEN is set."""
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text("".join(f"{each}\n" for each in sorted(files)))
    assert sorted(files) == path.read_text().split()


@pytest.mark.slow
def test_the_core_is_reproducible_by_itself(tree: Path, folder: Path, samebytes: Command) -> None:
    """By two people with what everybody has, and by ourselves."""
    done = samebytes("build", tree / "core", "--as-of", "now", "-o", folder / "ours")
    assert done.status == 0, done.stderr
    other = folder / "somebody else's"
    git(folder, "clone", "--quiet", str(tree), str(other))
    for root, umask, zone in ((tree, 0o077, "Asia/Kolkata"), (other, 0o002, "America/Lima")):
        built = subprocess.run(
            [
                sys.executable,
                "-m",
                "build",
                "--installer",
                "uv",
                "-o",
                folder / zone,
                root / "core",
            ],
            env={**samebytes.environ, "TZ": zone},
            umask=umask,
            capture_output=True,
            text=True,
        )
        assert built.returncode == 0, built.stderr
        names = sorted(os.listdir(folder / zone))
        assert names == sorted(done.digests)
        for name in names:
            assert (folder / zone / name).read_bytes() == (folder / "ours" / name).read_bytes()


def test_both_are_released_together() -> None:
    """One version, and with the program the core and the deflate of that version."""
    assert samebytes_core.__version__ == ourselves.__version__
    document = tomllib.loads((ROOT / "pyproject.toml").read_text())
    (core,) = (
        each
        for each in map(Requirement, document["project"]["dependencies"])
        if each.name == "samebytes-core"
    )
    assert str(core) == f"samebytes-core[deflate]=={ourselves.__version__}"
    rules = (path / "pyproject.toml" for path in (ROOT, CORE))
    tags = [tomllib.loads(path.read_text())["tool"]["samebytes"]["release"] for path in rules]
    assert len({each["tag"] for each in tags}) == 1


@pytest.mark.parametrize("name", ["AUTHORS", "LICENSE"])
def test_both_have_one_license(name: str) -> None:
    assert (CORE / name).read_bytes() == (ROOT / name).read_bytes()
