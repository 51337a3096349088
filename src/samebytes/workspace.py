"""The folder where a build runs: at a path that the source alone decides, and used by one build
at a time.

A path that varied would show in artifacts whose compilers or generators write it down.
"""

from __future__ import annotations

import fcntl
import os
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from samebytes.errors import UserError
from samebytes.guard import end_processes, remove_folder

#: Not ``tempfile.gettempdir()``, which differs from one user's environment to the next.
DEFAULT_BASE = Path("/tmp")  # noqa: S108 - the folder made in it is private and checked

_GUARD = Path(__file__).with_name("guard.py")

#: For how many seconds the workspace's removal is tried, and the pause between.
_PATIENCE = 5.0
_PAUSE = 0.05


@dataclass(frozen=True, slots=True)
class Room:
    """The place of one hook: the tree it builds from and what it may write besides."""

    root: Path
    tree_name: str = "source"
    tmp_name: str = "tmp"

    @property
    def tree(self) -> Path:
        return self.root / self.tree_name

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def tmp(self) -> Path:
        return self.root / self.tmp_name

    @property
    def streams(self) -> Path:
        return self.root / "streams"

    @property
    def out(self) -> Path:
        return self.root / "out"

    @property
    def folders(self) -> tuple[Path, ...]:
        """All that a hook writes to."""
        return (self.tree, self.home, self.tmp, self.streams, self.out)

    @classmethod
    def prepare(cls, root: Path) -> Room:
        """An empty room; what an earlier occupant left is removed."""
        return cls(root).prepared()

    def prepared(self) -> Room:
        """The room, emptied."""
        self.remove()
        for folder in (self.home, self.tmp, self.streams, self.out):
            folder.mkdir(parents=True)
        return self

    def reopen(self) -> None:
        """Give us back the right to use the folders, which a hook may have taken."""
        for folder in self.folders:
            with suppress(FileNotFoundError):
                mode = os.stat(folder, follow_symlinks=False).st_mode
                if stat.S_ISDIR(mode) and mode & 0o700 != 0o700:
                    folder.chmod(stat.S_IMODE(mode) | 0o700)

    def clear(self) -> None:
        """Remove the tree."""
        remove_folder(self.tree)

    def remove(self) -> None:
        remove_folder(self.root)


@dataclass(frozen=True, slots=True)
class Workspace:
    """A private folder; rooms of the same name are at the same path in every build of a source."""

    root: Path

    def room(self, name: str) -> Room:
        """An empty room for one hook."""
        return Room.prepare(self.root / name)

    def shelf(self) -> Path:
        """An empty folder, another at each call."""
        return Path(tempfile.mkdtemp(dir=self.root))


@contextmanager
def workspace(
    key: str,
    *,
    base: Path = DEFAULT_BASE,
    waiting: Callable[[], None] = lambda: None,
    guarded: bool = False,
) -> Iterator[Workspace]:
    """A workspace in ``base`` for the source with the hexadecimal digest ``key``, then removed.

    While another build of the same source runs, calls ``waiting`` once and waits for its end. If
    ``guarded``, it is removed even when this process is killed.

    Raises UserError when the folder belongs to another user.
    """
    root = base.resolve() / f"samebytes-{key[:16]}"
    handle = _lock(root, waiting)
    guard = _guard(root, handle) if guarded else None
    try:
        _empty(root)
        yield Workspace(root)
    finally:
        _remove(root, ending=guarded)
        if guard is not None:
            guard.communicate(b"done\n")
        os.close(handle)


@contextmanager
def temporary_files(folder: Path) -> Iterator[Path]:
    """Have libraries, too, put their temporary files where nothing of them can be left behind."""
    before = tempfile.tempdir
    tempfile.tempdir = os.fspath(folder)
    try:
        yield folder
    finally:
        tempfile.tempdir = before


def _guard(root: Path, handle: int) -> subprocess.Popen[bytes]:
    """A process that outlives this one for as long as it takes to clean up after it."""
    return subprocess.Popen(
        [sys.executable, "-I", "-S", _GUARD, root],
        stdin=subprocess.PIPE,
        cwd="/",
        pass_fds=[handle],
        start_new_session=True,
    )


def _remove(root: Path, *, ending: bool) -> None:
    """Remove the workspace; with ``ending``, the processes that still write in it are killed.

    One that is being killed may write, or start another, after it was looked for. What one that
    escaped leaves after all is removed by the next build.
    """
    end = time.monotonic() + _PATIENCE
    while True:
        if ending:
            end_processes(os.fspath(root))
        with suppress(OSError):
            _empty(root)
            root.rmdir()
            return
        if time.monotonic() > end:
            return
        time.sleep(_PAUSE)


def _lock(root: Path, waiting: Callable[[], None]) -> int:
    """Make ``root`` and hold an exclusive lock on it; returns the descriptor that holds it."""
    while True:
        with suppress(FileExistsError):
            os.mkdir(root, 0o700)
        try:
            handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except FileNotFoundError:
            continue
        except OSError:
            raise _taken(root) from None
        if _acquire(root, handle, waiting):
            return handle
        os.close(handle)


def _acquire(root: Path, handle: int, waiting: Callable[[], None]) -> bool:
    """Lock the open folder; False when meanwhile another one, or none, has its name."""
    try:
        if os.fstat(handle).st_uid != os.geteuid():
            raise _taken(root)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(handle, fcntl.LOCK_EX)
        return os.path.samestat(os.fstat(handle), os.stat(root))
    except FileNotFoundError:
        return False
    except BaseException:
        os.close(handle)
        raise


def _taken(root: Path) -> UserError:
    return UserError(
        f"The build path {root} is another user's, or no folder.",
        hint="Every build of a source uses the same path: wait until theirs has ended, or remove "
        "what is there.",
    )


def _empty(root: Path) -> None:
    for entry in root.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            remove_folder(entry)
        else:
            entry.unlink()
