"""The project's files, as a fresh clone has them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from samebytes.digest import Digest
from samebytes.errors import ArtifactError

#: Files of which nobody writes rules any more.
_MOST = 500_000


@dataclass(frozen=True)
class Tree:
    """A folder with nothing in it but what is tracked."""

    root: Path

    @cached_property
    def files(self) -> frozenset[str]:
        """Paths below the root, links to folders followed as both backends do."""
        found: set[str] = set()
        top = self.root.resolve()
        pending = [(self.root, frozenset({top}))]
        while pending:
            folder, above = pending.pop()
            for entry in os.scandir(folder):
                path = Path(entry.path)
                if entry.name == ".git" and folder == self.root:
                    continue
                if not entry.is_dir():
                    found.add(os.fspath(path.relative_to(self.root)))
                elif (real := path.resolve()) not in above and real.is_relative_to(top):
                    pending.append((path, above | {real}))
            if len(found) > _MOST or len(pending) > _MOST:
                raise ArtifactError(f"The project has more than {_MOST:,} files.")
        return frozenset(found)

    @cached_property
    def ignoring(self) -> tuple[str, ...]:
        """The lines of the .gitignore that hatchling obeys: the nearest at the root or above."""
        path = self.ignore_file
        if path is None:
            return ()
        return tuple(path.read_text(encoding="utf-8", errors="replace").splitlines())

    @cached_property
    def ignore_file(self) -> Path | None:
        for folder in (self.root, *self.root.parents):
            if (path := folder / ".gitignore").is_file():
                return path
            if (folder / ".git").exists():
                break
        return None

    def read(self, path: str) -> bytes:
        """The contents of a file; empty if there is none."""
        place = self.root / path
        return place.read_bytes() if place.is_file() else b""

    def text(self, path: str) -> str:
        """The contents of a file that must be UTF-8; raises ArtifactError if it is not."""
        try:
            return self.read(path).decode("utf-8-sig")
        except UnicodeDecodeError:
            raise ArtifactError(f"{path} is not UTF-8.", hint="Convert it, and commit.") from None

    def has(self, path: str) -> bool:
        return path in self.files

    def is_link(self, path: str) -> bool:
        return (self.root / path).is_symlink()

    def is_executable(self, path: str) -> bool:
        place = self.root / path
        return place.is_file() and bool(place.stat().st_mode & 0o100)

    def sha256(self, path: str) -> str:
        return Digest.of(self.read(path)).hex
