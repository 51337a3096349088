"""[tool.samebytes], and the backend that it names."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from projects import write
from samebytes_core import inner
from samebytes_core.errors import CoreError
from samebytes_core.settings import Settings, read_settings


def settings(folder: Path, text: str) -> Settings:
    write(folder, {"pyproject.toml": text})
    return read_settings(folder)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Settings()),
        ("[project]\nname = 'x'", Settings()),
        ("[tool.samebytes]\nbackend = 'flit_core.buildapi'", Settings("flit_core.buildapi")),
        (
            "[tool.samebytes]\nbackend = 'setuptools.build_meta:__legacy__'\ndirty = 'ignore'",
            Settings("setuptools.build_meta:__legacy__", dirty="ignore"),
        ),
        (
            "[tool.samebytes]\nbackend = 'a:b.c'\nbackend-path = ['.', 'b']\ndeflate='canonical'",
            Settings("a:b.c", (".", "b"), "canonical"),
        ),
        ("[tool.samebytes.release]\nanything = 1\n[tool.samebytes.generated]\n", Settings()),
    ],
)
def test_what_is_set(tmp_path: Path, text: str, expected: Settings) -> None:
    assert settings(tmp_path, text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tool.samebytes", "pyproject.toml cannot be read: "),
        ("tool = 1", r"\[tool.samebytes\] is not a table"),
        ("[tool]\nsamebytes = 1", r"\[tool.samebytes\] is not a table"),
        ("backend = ''", "backend is '', and must be a module"),
        ("backend = 5", "backend is 5, and must be a module"),
        ("backend = 'setup tools'", "backend is 'setup tools', and must be a module"),
        ("backend = '../x'", "backend is '../x', and must be a module"),
        ("[tool.samebytes.backend]", "backend is {}, and must be a module"),
        ("backend-path = '.'", "backend-path is '.', and must be a list of folders"),
        ("backend-path = [1]", r"backend-path is \[1\], and must be a list of folders"),
        ("deflate = 'zstd'", """deflate is 'zstd', and may be one of "zlib", "canonical"$"""),
        ("deflate = []", "deflate is "),
        ("dirty = true", 'dirty is True, and may be one of "warn", "error", "ignore"$'),
        ("dirty = ''", "dirty is ''"),
        ("backend_path = []", r"has no setting backend_path. Did you mean backend-path\?$"),
        ("x = 1", "has no setting x. There are backend, backend-path, deflate, dirty.$"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, message: str) -> None:
    if "[" not in text.partition("=")[0] and not text.startswith("tool"):
        text = f"[tool.samebytes]\n{text}"
    with pytest.raises(CoreError, match=message):
        settings(tmp_path, text)


@pytest.mark.parametrize("content", [None, b"\xff"])
def test_what_cannot_be_read(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "pyproject.toml").write_bytes(content)
    with pytest.raises(CoreError, match=r"pyproject\.toml cannot be read: "):
        read_settings(tmp_path)


@pytest.fixture(autouse=True)
def restored(monkeypatch: pytest.MonkeyPatch) -> None:
    """What loading a backend leaves in this process."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(sys, "modules", dict(sys.modules))


FILES = {"in/tree_backend.py": "class A:\n    B = 'found'", "space/room/__init__.py": "HERE = 1"}


@pytest.mark.parametrize(
    ("backend", "path", "name"),
    [
        ("tree_backend", ("in",), "tree_backend"),
        ("tree_backend", (".", "in"), "tree_backend"),
        ("space.room", (".",), "space.room"),
        ("space", (".",), "space"),
        ("json.tool", (), "json.tool"),
    ],
)
def test_modules_that_are_found(
    tmp_path: Path, backend: str, path: tuple[str, ...], name: str
) -> None:
    write(tmp_path, FILES)
    assert inner.load(Settings(backend, path), tmp_path).__name__ == name


def test_an_object_in_a_module(tmp_path: Path) -> None:
    write(tmp_path, FILES)
    assert inner.load(Settings("tree_backend:A.B", ("in",)), tmp_path) == "found"


@pytest.mark.parametrize(
    ("backend", "path", "message"),
    [
        ("", (), "no backend is named to build with"),
        ("samebytes_core.backend", (), "backend is samebytes-core itself"),
        ("samebytes_core.hatch", (), "backend is samebytes-core itself"),
        ("not_there", (), r"not_there cannot be imported: \[build-system\] requires must list"),
        ("json.not_there.x", (), "json.not_there.x cannot be imported"),
        ("not_there", ("in", "."), "not_there cannot be imported: "),
        ("tree_backend:A.C", ("in",), "backend is tree_backend:A.C: no C$"),
        ("sys", ("in",), r"backend-path does not hold sys, which is <module 'sys' \(built-in\)>"),
        ("json.tool", ("in",), "backend-path does not hold json.tool, which is <module"),
        ("tree_backend", ("..",), r"backend-path leaves the project: \.\."),
        ("tree_backend", ("/",), "backend-path leaves the project: /"),
        ("tree_backend", ("out",), "backend-path has no folder out"),
    ],
)
def test_backends_that_are_refused(
    tmp_path: Path, backend: str, path: tuple[str, ...], message: str
) -> None:
    write(tmp_path, FILES)
    with pytest.raises(CoreError, match=message):
        inner.load(Settings(backend, path), tmp_path)


def test_what_an_import_raises_passes(tmp_path: Path) -> None:
    write(tmp_path, {"needs_more.py": "import not_there"})
    with pytest.raises(ModuleNotFoundError, match="not_there"):
        inner.load(Settings("needs_more", (".",)), tmp_path)
