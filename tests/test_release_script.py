"""``scripts/build_release.py``, which must work without samebytes."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from conftest import Command, Result
from projects import HATCHLING, commit, git, repository, write

SCRIPT = Path(__file__).parents[1] / "scripts/build_release.py"


def run(root: Path, *arguments: str) -> Result:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], cwd=root, capture_output=True, text=True
    )
    return Result(done.returncode, done.stdout, done.stderr)


@pytest.mark.slow
def test_same_bytes_as_samebytes(folder: Path, samebytes: Command) -> None:
    root = repository(folder / "project", HATCHLING)
    write(root / "below", HATCHLING)
    commit(root)
    git(root, "tag", "v1")
    done = samebytes("build", root, "--as-of", "now", "-o", folder / "ours")
    commit(root, date="2026-11-20T00:00:00Z")
    script = run(root, "v1", "--outdir", str(folder / "dist"))
    assert script.status == 0, script.stderr
    assert script.digests == done.digests
    assert sorted(os.listdir(folder / "dist")) == sorted(script.digests)
    # From any folder of it, the newest commit; here of the project below.
    below = run(root / "src", "--outdir", str(folder / "dist"), "--project", "below")
    assert below.digests.keys() == done.digests.keys()
    assert below.digests != done.digests
    with tarfile.open(folder / "dist/small-1.0.tar.gz") as sdist:
        assert not any("/below" in name for name in sdist.getnames())


@pytest.mark.parametrize("name", ["untracked", "src/small/__init__.py"])
def test_dirty_tree_is_refused(folder: Path, name: str) -> None:
    root = repository(folder / "project", HATCHLING)
    (root / name).write_text("changed")
    done = run(root, "--outdir", str(folder / "dist"))
    assert (done.status, done.stdout) == (2, "")
    assert "the tree is dirty" in done.stderr
    assert name in done.stderr
    assert not (folder / "dist").exists()


def test_failures(folder: Path) -> None:
    assert run(folder).status == 2
    root = repository(folder / "project", {"pyproject.toml": "[build-system"})
    assert "'git rev-parse' failed" in run(root, "v9").stderr
    broken = run(root, "--outdir", str(folder / "dist"))
    assert (broken.status, broken.stdout) == (2, "")
    assert "the build failed" in broken.stderr
    assert not (folder / "dist").exists()


def test_needs_the_standard_library_only() -> None:
    tree = ast.parse(SCRIPT.read_text(), feature_version=(3, 9))
    names = {
        alias.name if isinstance(node, ast.Import) else str(node.module)
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert names <= sys.stdlib_module_names
