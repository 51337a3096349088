"""The folder where a build runs: at a path that the source alone decides, and used by one build
at a time.

A path that varied would show in artifacts whose compilers or generators write it down.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from samebytes.errors import UserError

#: Not ``tempfile.gettempdir()``, which differs from one user's environment to the next.
DEFAULT_BASE = Path("/tmp")  # noqa: S108 - the folder made in it is private and checked


@dataclass(frozen=True, slots=True)
class Room:
    """The place of one hook: the tree it builds from and what it may write besides."""

    root: Path

    @property
    def tree(self) -> Path:
        return self.root / "source"

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def tmp(self) -> Path:
        return self.root / "tmp"

    @property
    def out(self) -> Path:
        return self.root / "out"

    @classmethod
    def prepare(cls, root: Path) -> Room:
        """An empty room; what an earlier occupant left is removed."""
        room = cls(root)
        room.remove()
        for folder in (room.home, room.tmp, room.out):
            folder.mkdir(parents=True)
        return room

    def remove(self) -> None:
        if self.root.exists():
            _remove(self.root)


@dataclass(frozen=True, slots=True)
class Workspace:
    """A private folder; rooms of the same name are at the same path in every build of a source."""

    root: Path

    def room(self, name: str) -> Room:
        """An empty room for one hook."""
        return Room.prepare(self.root / name)

    def shelf(self, name: str) -> Path:
        """An empty folder for what is finished."""
        folder = self.root / "finished" / name
        folder.mkdir(parents=True)
        return folder


@contextmanager
def workspace(
    key: str, *, base: Path = DEFAULT_BASE, waiting: Callable[[], None] = lambda: None
) -> Iterator[Workspace]:
    """A workspace in ``base`` for the source with the hexadecimal digest ``key``; removed at the end.

    While another build of the same source runs, calls ``waiting`` once and waits for its end.

    Raises UserError when the folder belongs to another user.
    """
    root = base.resolve() / f"samebytes-{key[:16]}"
    handle = _lock(root, waiting)
    try:
        _empty(root)
        yield Workspace(root)
    finally:
        _empty(root)
        root.rmdir()
        os.close(handle)


def _lock(root: Path, waiting: Callable[[], None]) -> int:
    """Make ``root`` and hold an exclusive lock on it; returns the descriptor that holds it."""
    while True:
        root.mkdir(mode=0o700, exist_ok=True)
        handle = -1
        try:
            handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            _check_owner(root, os.fstat(handle))
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waiting()
                fcntl.flock(handle, fcntl.LOCK_EX)
            if os.path.samestat(os.fstat(handle), os.stat(root)):
                return handle
        except FileNotFoundError:
            pass  # the build that we waited for removed the folder at its end
        except PermissionError:
            _check_owner(root, os.lstat(root))
            raise
        except BaseException:
            if handle >= 0:
                os.close(handle)
            raise
        if handle >= 0:
            os.close(handle)


def _check_owner(root: Path, found: os.stat_result) -> None:
    if found.st_uid != os.geteuid() or not stat.S_ISDIR(found.st_mode):
        raise UserError(
            f"The build path {root} belongs to another user.",
            hint="Every build of a source uses the same path: wait until theirs has ended, "
            "or remove what it left.",
        )


def _empty(root: Path) -> None:
    for entry in root.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            _remove(entry)
        else:
            entry.unlink()


def _remove(folder: Path) -> None:
    """Remove a tree, also where a build took the right to write from its folders."""
    try:
        shutil.rmtree(folder)
    except PermissionError:
        for path, _, _ in os.walk(folder):
            os.chmod(path, 0o700)
        shutil.rmtree(folder)
