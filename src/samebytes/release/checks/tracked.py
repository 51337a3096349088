"""The files of a revision as a build finds them: what a clone writes, submodules included."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from samebytes.digest import Digest
from samebytes.guard import remove_folder
from samebytes.source import GitSource
from samebytes.toml import read_toml, table_at
from samebytes.wrapped import wrapper_of

#: Bytes of a file with settings that are read.
_LARGEST = 1024**2


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedFile:
    """``digest`` is None of a link that leads to no file of the tree; ``link`` is its target."""

    digest: Digest | None
    is_executable: bool
    link: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracked:
    """Files by their paths from the root of the repository.

    ``project`` is where the project lies, with a slash at its end, or nothing; ``setup_cfg`` is
    its setup.cfg, if it has one; ``record`` is what an sdist of samebytes-core says of its epoch.
    """

    files: Mapping[str, TrackedFile]
    project: str = ""
    is_setuptools: bool = False
    setup_cfg: bytes = b""
    record: bytes | None = None


def read_tracked(source: GitSource, folder: Path) -> Tracked:
    """Clone the revision into ``folder``, which must not exist, look at it, and remove it.

    Raises ArtifactError where there is no clone.
    """
    try:
        source.git.clone(source.checkout, source.commit, folder)
        place = source.checkout.project.as_posix()
        pyproject, hatch = (
            _toml(folder / place / name) for name in ("pyproject.toml", "hatch.toml")
        )
        return Tracked(
            files=dict(_files(os.path.realpath(folder))),
            project="" if place == "." else f"{place}/",
            is_setuptools=_is_setuptools(pyproject),
            setup_cfg=_content(folder / place / "setup.cfg"),
            record=_record(source) if wrapper_of(pyproject or {}, hatch) else None,
        )
    finally:
        remove_folder(folder)


def _files(root: str) -> Iterator[tuple[str, TrackedFile]]:
    for folder, subfolders, files in os.walk(root):
        links = [name for name in subfolders if os.path.islink(os.path.join(folder, name))]
        # git tracks no file of this name: it is the clone's own, or a submodule's.
        subfolders[:] = [name for name in subfolders if name != ".git"]
        for name in (*files, *links):
            path = os.path.join(folder, name)
            if name != ".git":
                yield os.path.relpath(path, root), _file(path, root)


def _file(path: str, root: str) -> TrackedFile:
    if not os.path.islink(path):
        return _plain_file(path, None)
    link, real = os.readlink(path), os.path.realpath(path)
    if os.path.isfile(real) and real.startswith(f"{root}{os.sep}"):
        return _plain_file(real, link)
    return TrackedFile(digest=None, is_executable=False, link=link)


def _plain_file(path: str, link: str | None) -> TrackedFile:
    is_executable = bool(os.stat(path).st_mode & stat.S_IXUSR)
    return TrackedFile(digest=Digest.of_file(Path(path)), is_executable=is_executable, link=link)


def _content(path: Path) -> bytes:
    if path.is_symlink() or not path.is_file() or path.stat().st_size > _LARGEST:
        return b""
    return path.read_bytes()


def _toml(path: Path) -> Mapping[str, object] | None:
    """What the file says, which is nothing where there is none; None where it cannot be read."""
    try:
        return read_toml(_content(path).decode("utf-8", "replace"))
    except ValueError:
        return None


def _is_setuptools(pyproject: Mapping[str, object] | None) -> bool:
    """Whether setuptools builds it: what says nothing is built by it, too (PEP 517)."""
    if pyproject is None:
        return False
    system = table_at(pyproject, "build-system")
    if "build-backend" not in system:
        return True
    return "setuptools" in str(system.get("requires", "")).lower()


def _record(source: GitSource) -> bytes:
    return f"{source.epoch().seconds}\n".encode()
