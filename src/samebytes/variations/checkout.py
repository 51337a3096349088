"""The tree of one build: a clean one, or what a contributor's checkout may be like."""

from __future__ import annotations

import os
import re
import tarfile
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from packaging.specifiers import SpecifierSet

from samebytes.archive.damage import damage_named
from samebytes.archive.traces import TarFacts
from samebytes.archive.unpack import DATA_FILTER, unpack_sdist
from samebytes.source import GitSource, SdistSource, Source
from samebytes.variations.conditions import Conditions
from samebytes.versions import specifiers_or_none
from samebytes.workspace import Room

#: How long before the build somebody checked the project out, in seconds.
_EARLIER = 3600
#: Folders that nobody takes for a package.
_NO_PACKAGE = frozenset({"build", "dist", "node_modules"})
_PYTHON_REQUIRES = re.compile(r"^\s*python_requires *= *['\"]?([^'\"\n]+)", re.MULTILINE)
_NOT_LISTED = frozenset({".git", "__pycache__", "build", "dist"})


def raw_tree(source: Source, room: Room, conditions: Conditions, mtime: int) -> Path:
    """The project as somebody checked it out, or unpacked it, who then builds it where it is.

    ``mtime`` is the time of the files of an sdist; those of a checkout are of the clock's time.
    """
    project = source.tree(room.tree, mtime)
    varied = conditions.varied
    if isinstance(source, GitSource):
        if "crlf" in varied:
            source.git.convert_line_ends(room.tree)
        if "export" in varied:
            _export(source, room)
    if not isinstance(source, SdistSource):
        _settle(room.tree, conditions.umask, conditions.now - _EARLIER)
    if "leftovers" in varied:
        _leave(project)
    if "untracked" in varied:
        for folder in (project, *_packages(project)):
            _plant(project, folder / "untracked_by_git.py", b"UNTRACKED = True\n")
            _plant(project, folder / "untracked-by-git.txt", b"untracked\n")
    return project


def unpack(sdist: Path, room: Room, mtime: int, *, raw: bool) -> list[TarFacts]:
    """Make the tree that a wheel is built from: as ``raw``, with the sdist's own times and modes.

    Returns what the sdist says of its members' times and owners.
    """
    return unpack_sdist(sdist, room.tree, mtime=mtime, archived=DATA_FILTER if raw else None)


def _export(source: GitSource, room: Room) -> None:
    """Put what ``git archive`` gives in the place of the clone."""
    archive = room.root / "exported.tar"
    source.git.archive(room.tree, archive)
    room.clear()
    room.tree.mkdir()
    with damage_named(archive), tarfile.open(archive) as tar:
        tar.extractall(room.tree, filter="tar")
    archive.unlink()


def _settle(tree: Path, umask: int, mtime: int) -> None:
    """Give what git wrote the permissions and the time that it would have."""
    for folder, subfolders, files in os.walk(tree):
        if ".git" in subfolders:
            subfolders.remove(".git")
        for name in (*subfolders, *files):
            path = os.path.join(folder, name)
            if not os.path.islink(path):
                is_executable = os.stat(path).st_mode & 0o100
                os.chmod(path, (0o777 if is_executable else 0o666) & ~umask)
            os.utime(path, (mtime, mtime), follow_symlinks=False)


def _leave(project: Path) -> None:
    """What a build of setuptools leaves, after which files were removed and rules changed."""
    packages = [*_packages(project)]
    for package in (project, *packages):
        built = project / "build/lib" / package.relative_to(_top(project, package))
        _plant(project, built / "left_by_a_build.py", b"LEFT = True\n")
        cached = package / "__pycache__" / "left_by_a_build.cpython-39.pyc"
        _plant(project, cached, bytes(16))
    _plant(project, project / "dist/left-by-a-build.txt", b"left\n")
    if (name := _name(project)) is None:
        return
    paths = (path.relative_to(project) for path in project.rglob("*") if path.is_file())
    listed = sorted(path.as_posix() for path in paths if not _NOT_LISTED & set(path.parts))
    for top in (project, project / "src"):
        if top.is_dir():
            sources = top / f"{name}.egg-info" / "SOURCES.txt"
            _plant(project, sources, "\n".join(listed).encode(errors="surrogateescape"))


def _plant(project: Path, path: Path, content: bytes) -> None:
    """Write a new file; none where the project has something else, or a link, in its place."""
    folder = project
    for part in path.relative_to(project).parts[:-1]:
        folder /= part
        with suppress(FileExistsError):
            folder.mkdir()
        if folder.is_symlink() or not folder.is_dir():
            return
    with suppress(FileExistsError), path.open("xb") as file:
        file.write(content)


def _top(project: Path, package: Path) -> Path:
    return project / "src" if (project / "src") in package.parents else project


def _packages(project: Path) -> Iterator[Path]:
    """The packages at the top of the project, or of its src."""
    for top in (project, project / "src"):
        with suppress(OSError):
            for path in sorted(top.iterdir()):
                is_own = path.name not in _NO_PACKAGE and not path.is_symlink()
                if is_own and not top.is_symlink() and (path / "__init__.py").is_file():
                    yield path


def supported_pythons(project: Path) -> SpecifierSet:
    """``Requires-Python``, if it is easily found; an sdist has it in PKG-INFO."""
    text = ""
    with suppress(OSError, ValueError):
        found = re.search(
            r"^Requires-Python: *(.*)$", (project / "PKG-INFO").read_text("utf-8"), re.MULTILINE
        )
        text = found[1] if found else ""
    with suppress(OSError, ValueError, KeyError, TypeError):
        table = tomllib.loads((project / "pyproject.toml").read_text("utf-8"))
        text = str(table["project"]["requires-python"])
    for file in ("setup.cfg", "setup.py"):
        with suppress(OSError, ValueError):
            found = _PYTHON_REQUIRES.search((project / file).read_text("utf-8"))
            text = text or (found[1].strip() if found else "")
    return specifiers_or_none(text) or SpecifierSet()


def _name(project: Path) -> str | None:
    """The project's name as setuptools spells it in the name of a folder, if it is easily found."""
    name = None
    with suppress(OSError, ValueError, KeyError, TypeError):
        name = tomllib.loads((project / "pyproject.toml").read_text("utf-8"))["project"]["name"]
    for file in ("setup.cfg", "setup.py"):
        with suppress(OSError, ValueError):
            text = (project / file).read_text("utf-8")
            if name is None and (
                found := re.search(r"^\s*name *= *['\"]?([\w.-]+)", text, re.MULTILINE)
            ):
                name = found[1]
    return None if name is None else re.sub(r"[^A-Za-z0-9.]+", "_", str(name))
