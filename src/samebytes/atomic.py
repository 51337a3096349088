"""Files that appear whole or not at all."""

from __future__ import annotations

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
    made = _make(folder)
    staging = Path(tempfile.mkdtemp(prefix=".samebytes-", dir=folder))
    new, old = staging / "new", staging / "old"
    moved: list[str] = []
    try:
        new.mkdir()
        old.mkdir()
        for file in files:
            shutil.copyfile(file, new / file.name)
            _sync(new / file.name)
        for file in files:
            if os.path.lexists(folder / file.name):
                os.link(folder / file.name, old / file.name, follow_symlinks=False)
            moved.append(file.name)
            os.replace(new / file.name, folder / file.name)
    except BaseException:
        for name in moved:
            if (old / name).exists():
                os.replace(old / name, folder / name)
            elif not (new / name).exists():
                (folder / name).unlink()
        shutil.rmtree(staging)
        for path in made:
            with suppress(OSError):
                path.rmdir()
        raise
    shutil.rmtree(staging)


def _make(folder: Path) -> list[Path]:
    """Make a folder and those above it that are missing; returns what was made, deepest first."""
    missing = []
    for path in (folder, *folder.parents):
        if path.exists():
            break
        missing.append(path)
    folder.mkdir(parents=True, exist_ok=True)
    return missing


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
