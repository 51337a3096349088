"""Our own sdist and wheel, file by file; built by ourselves from a repository of the tree."""

from __future__ import annotations

import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest
from conftest import Command
from projects import commit, git, write

ROOT = Path(__file__).parents[1]
GOLDEN = Path(__file__).parent / "golden"

#: What a developer's tree may hold besides, and no archive may.
STRAY = {
    ".env": "",
    ".venv/secret.py": "",
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
    for name in ("benchmarks", "django", "docs", "scripts", "src", "tests"):
        shutil.copytree(ROOT / name, root / name, ignore=ignore)
    for path in ROOT.iterdir():
        if path.is_file():
            shutil.copy(path, root)
    write(root, STRAY)
    git(root, "init", "--quiet")
    commit(root)
    return root


def test_exact_file_lists(tree: Path, folder: Path, samebytes: Command) -> None:
    done = samebytes("build", tree, "-o", folder / "dist")
    assert done.status == 0, done.stderr
    sdist_name, wheel_name = done.digests
    with tarfile.open(folder / "dist" / sdist_name) as sdist:
        files = [member.name.partition("/")[2] for member in sdist if not member.isdir()]
    assert sorted(files) == golden("sdist-files")
    with zipfile.ZipFile(folder / "dist" / wheel_name) as wheel:
        names = [name.replace(wheel_name.split("-")[1], "VERSION", 1) for name in wheel.namelist()]
    assert sorted(names) == golden("wheel-files")


def golden(name: str) -> list[str]:
    return (GOLDEN / f"{name}.txt").read_text().split()
