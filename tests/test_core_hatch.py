"""The hook of hatchling, in builds of hatchling itself."""

from __future__ import annotations

import gc
import os
import tarfile
import tempfile
import zipfile
from pathlib import Path

import pytest
from hatchling import build as hatchling
from projects import EPOCH, repository, write

HOOK = "[tool.hatch.build.hooks.samebytes]\n"
PYPROJECT = f"""\
[build-system]
requires = ["hatchling", "samebytes-core"]
build-backend = "hatchling.build"

[project]
name = "small"
version = "1.0"

[tool.hatch.build]
include = ["small"]
dev-mode-dirs = ["."]

{HOOK}"""
FILES = {"pyproject.toml": PYPROJECT, "small/__init__.py": ""}
SDIST, WHEEL = "small-1.0.tar.gz", "small-1.0-py2.py3-none-any.whl"
#: A hook of the project's own, after ours.
FAILS = "[tool.hatch.build.hooks.custom]\n"
FAILING = """\
import os
from hatchling.builders.hooks.plugin.interface import BuildHookInterface
class Hook(BuildHookInterface):
    def initialize(self, version, build_data):
        raise RuntimeError(os.environ.get("SOURCE_DATE_EPOCH"))
"""


@pytest.fixture
def tree(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    (folder / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder / "temporary"))
    root = repository(folder / "tree", FILES)
    monkeypatch.chdir(root)
    return root


def members(path: Path) -> dict[str, int]:
    with tarfile.open(path) as archive:
        names = archive.getnames()
        assert len(names) == len(set(names))
        return {member.name.partition("/")[2]: int(member.mtime) for member in archive}


def test_an_sdist_has_the_epoch_for_its_wheel(
    tree: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hatchling.build_sdist(str(folder / "out"))
    names = ["PKG-INFO", "SOURCE_DATE_EPOCH", "pyproject.toml", "small/__init__.py"]
    found = members(folder / "out" / SDIST)
    found.pop(".gitignore", None)
    assert found == dict.fromkeys(names, EPOCH)
    assert "SOURCE_DATE_EPOCH" not in os.environ
    assert list((folder / "temporary").iterdir()) == []

    hatchling.build_wheel(str(folder / "out"))
    with zipfile.ZipFile(folder / "out" / WHEEL) as archive:
        times = {member.date_time for member in archive.infolist()}
    assert times == {(2026, 11, 3, 12, 0, 0)}

    with tarfile.open(folder / "out" / SDIST) as archive:
        archive.extractall(folder, filter="data")
    for path in (folder / "small-1.0").rglob("*"):
        os.utime(path)  # some frontends do not keep it
    monkeypatch.chdir(folder / "small-1.0")
    hatchling.build_wheel(str(folder / "again"))
    assert (folder / "again" / WHEEL).read_bytes() == (folder / "out" / WHEEL).read_bytes()
    hatchling.build_sdist(str(folder / "again"))


def test_the_environment_comes_first(
    tree: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1234567890")
    hatchling.build_sdist(str(folder / "out"))
    assert set(members(folder / "out" / SDIST).values()) == {1234567890}
    assert os.environ["SOURCE_DATE_EPOCH"] == "1234567890"


def test_a_build_that_fails_leaves_the_environment(tree: Path, folder: Path) -> None:
    write(tree, {"pyproject.toml": PYPROJECT + FAILS, "hatch_build.py": FAILING})
    with pytest.raises(RuntimeError, match=str(EPOCH)):
        hatchling.build_sdist(str(folder / "out"))
    gc.collect()
    assert "SOURCE_DATE_EPOCH" not in os.environ
    assert list((folder / "temporary").iterdir()) == []


def test_editable_builds_are_untouched(tree: Path, folder: Path) -> None:
    write(tree, {"pyproject.toml": PYPROJECT + 'dirty = "error"\n', "new.py": ""})
    hatchling.build_editable(str(folder / "out"))
    with zipfile.ZipFile(folder / "out" / WHEEL) as archive:
        assert (2020, 2, 2, 0, 0, 0) in {member.date_time for member in archive.infolist()}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("dirty = 1", 'dirty is 1, and may be one of "warn", "error", "ignore"'),
        ("drity = 'warn'", "has no setting drity. Did you mean dirty?"),
        ("dirty = 'error'", "the tree is not its commit, and what is built not reproducible: pypr"),
    ],
)
def test_what_is_refused(tree: Path, folder: Path, line: str, message: str) -> None:
    write(tree, {"pyproject.toml": f"{PYPROJECT}{line}\n"})
    with pytest.raises(SystemExit) as refused:
        hatchling.build_wheel(str(folder / "out"))
    assert message in str(refused.value.code)
    assert os.listdir(folder / "out") == []


def test_what_is_said(tree: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tree, {"pyproject.toml": f"{PYPROJECT}enable-by-default = true\n"})
    hatchling.build_wheel(str(folder / "out"))
    assert "the tree is not its commit" in capsys.readouterr().err
    (tree / ".git").rename(folder / "git")
    hatchling.build_wheel(str(folder / "out"))
    assert "the time of the build is not known" in capsys.readouterr().err


def test_what_else_is_set_is_warned_of(
    tree: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    custom = "[tool.hatch.build.hooks.custom]\n"
    text = PYPROJECT.replace(HOOK, f"reproducible = false\n\n{custom}{HOOK}")
    quiet = FAILING.replace("raise RuntimeError", "print")
    write(tree, {"pyproject.toml": text, "hatch_build.py": quiet})
    hatchling.build_wheel(str(folder / "out"))
    said = capsys.readouterr().err
    assert "[tool.hatch.build] reproducible is false" in said
    assert "the hook custom runs without the epoch: put [tool.hatch.build.hooks.samebytes]" in said
