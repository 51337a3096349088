"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """A temporary file beside ``path`` that takes its place when the block ends without error."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    part = Path(name)
    try:
        os.chmod(part, 0o644)
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def unnamed_file(path: Path) -> Iterator[Path]:
    """As ``atomic_file``, for what takes long to write: killed meanwhile, nothing of it is left.

    Where the system has no files without a name, or does not tell its own, it is the same.
    """
    try:
        handle = os.open(path.parent, os.O_TMPFILE | os.O_RDWR, 0o644)
    except (AttributeError, OSError):
        handle = None
    own = Path(f"/proc/self/fd/{handle}")
    if handle is None or not own.exists():
        with atomic_file(path) as part:
            yield part
        return
    try:
        yield own
        os.fchmod(handle, 0o644)
        os.fsync(handle)
        with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
            # A folder is named, though it is not used, as only then the link is followed.
            os.link(own, Path(folder) / path.name, src_dir_fd=handle, follow_symlinks=True)
            os.replace(Path(folder) / path.name, path)
    finally:
        os.close(handle)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8, atomically."""
    with atomic_file(path) as part:
        part.write_text(text, encoding="utf-8")


def publish(files: Iterable[Path], folder: Path) -> None:
    """Copy ``files`` into ``folder``, all or none, replacing those of the same names.

    The folder is made if need be. Until every file is there in full, nothing in it changes; if a
    rename then fails or is interrupted, what was renamed before is put back.
    """
    files = list(files)
    for file in files:
        if (folder / file.name).is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder", os.fspath(folder / file.name))
    made = _make(folder)
    staging = Path(tempfile.mkdtemp(prefix=".samebytes-", dir=folder))
    moved: list[str] = []
    try:
        _exchange(files, folder, staging, moved)
    except BaseException:
        _put_back(folder, staging, moved)
        shutil.rmtree(staging)
        for path in made:
            with suppress(OSError):
                path.rmdir()
        raise
    shutil.rmtree(staging)


def _exchange(files: list[Path], folder: Path, staging: Path, moved: list[str]) -> None:
    """Copy all files to the staging folder, then rename them; ``moved`` tells how far it came."""
    new, old = staging / "new", staging / "old"
    new.mkdir()
    old.mkdir()
    for file in files:
        shutil.copyfile(file, new / file.name)
        sync(new / file.name)
    for file in files:
        if os.path.lexists(folder / file.name):
            _keep(folder / file.name, old / file.name)
        moved.append(file.name)
        os.replace(new / file.name, folder / file.name)


def _put_back(folder: Path, staging: Path, moved: list[str]) -> None:
    new, old = staging / "new", staging / "old"
    for name in moved:
        if os.path.lexists(old / name):
            os.replace(old / name, folder / name)
        elif not (new / name).exists():
            (folder / name).unlink()


def _keep(path: Path, kept: Path) -> None:
    """Have a second name for a file, or a copy where the system allows no second name."""
    try:
        os.link(path, kept, follow_symlinks=False)
    except OSError:
        shutil.copy2(path, kept, follow_symlinks=False)


def _make(folder: Path) -> list[Path]:
    """Make a folder and those above it that are missing; returns what was made, deepest first."""
    missing = []
    for path in (folder, *folder.parents):
        if path.exists():
            break
        missing.append(path)
    folder.mkdir(parents=True, exist_ok=True)
    return missing


def sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
