"""The folder of a site: what in it is ours, and what need not be made again."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from samebytes.errors import UserError
from samebytes.report.visible import visible

#: Makes a folder ours. Hidden: it is for whoever writes the site, not for who reads it.
RECORD = ".samebytes-site"
_PART = ".samebytes-part"
#: "samw": tells our files from other SQLite databases.
_APPLICATION = 0x73616D77
_VERSION = 1
_MOST_RUNS = 1 << 62
_TABLE = """
CREATE TABLE made (
    path TEXT PRIMARY KEY, stamp TEXT NOT NULL, parts TEXT NOT NULL, note TEXT NOT NULL, run INTEGER
) WITHOUT ROWID
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """Files that are made together: ``path`` with each of the suffixes.

    ``stamp`` says of what they are made.
    """

    path: str
    stamp: str
    suffixes: tuple[str, ...]


class _DamagedError(Exception):
    """The record says what we would not have put there."""


class SiteFolder:
    """A folder that holds a site, or is to hold one; only one program writes to it at a time.

    Before a file is written, it is recorded as ours; when it is there in full, of what it was
    made. So whatever ends the program, the next one knows what is there, and what is not.
    """

    def __init__(self, root: Path, connection: sqlite3.Connection) -> None:
        self._root = root
        self._connection = connection
        self._written = 0
        #: Folders that are looked at, and are no links to elsewhere.
        self._plain: set[PurePosixPath] = set()
        (last,) = connection.execute("SELECT coalesce(max(run), 0) FROM made").fetchone()
        if type(last) is not int or not 0 <= last < _MOST_RUNS:
            raise _DamagedError("no number of a run")
        self._run = last + 1

    @classmethod
    @contextmanager
    def open(cls, root: Path) -> Iterator[SiteFolder]:
        """Raises UserError where the folder is not ours, or cannot be written."""
        check_folder(root)
        try:
            root.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(root / RECORD, timeout=0, isolation_level=None)) as made:
                _prepare(made, root)
                yield cls(root, made)
                made.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise UserError(f"Another program is writing the site in {root}.") from None
            raise UserError(f"The site in {root} cannot be written: {error}.") from None
        except (sqlite3.Error, _DamagedError) as error:
            raise UserError(
                f"The record of the site in {root} is damaged: {error}.",
                hint="Delete the folder: all of it is made again.",
            ) from None
        except OSError as error:
            reason = error.strerror or error
            raise UserError(f"The site in {root} cannot be written: {reason}.") from None

    @property
    def written(self) -> int:
        """How many files were made."""
        return self._written

    def kept(self, unit: Unit) -> str | None:
        """The note of a unit that is there as it would be made now, else None."""
        found = self._connection.execute(
            "SELECT stamp, parts, note FROM made WHERE path = ?", (unit.path,)
        ).fetchone()
        if found is None or found[0] != unit.stamp:
            return None
        parts = _parts(found[1])
        if set(parts) != set(unit.suffixes) or not self._is_there(unit.path, parts):
            return None
        self._connection.execute("UPDATE made SET run = ? WHERE path = ?", (self._run, unit.path))
        return str(found[2])

    def claim(self, units: Iterable[Unit]) -> None:
        """Record these as ours, on disk."""
        for unit in units:
            found = self._connection.execute(
                "SELECT parts FROM made WHERE path = ?", (unit.path,)
            ).fetchone()
            parts = dict.fromkeys(unit.suffixes, 0) | (_parts(found[0]) if found else {})
            self._record(unit, "", parts, "")
        self._connection.execute("COMMIT")
        self._connection.execute("BEGIN IMMEDIATE")

    def put(self, unit: Unit, texts: Mapping[str, str], note: str = "") -> None:
        """Write the files of a unit that was claimed, by their suffixes, the first one last."""
        sizes = {}
        for suffix, text in reversed([*texts.items()]):
            sizes[suffix] = self._write(unit.path + suffix, text.encode())
        for suffix in set(self._parts(unit.path)) - set(texts):
            self._remove(unit.path + suffix)
        self._record(unit, unit.stamp, sizes, note)

    def put_if_other(self, unit: Unit, texts: Mapping[str, str]) -> None:
        """Write the files of a unit whose stamp is of what they contain."""
        if self.kept(unit) is None:
            self.claim([unit])
            self.put(unit, texts)

    def remove_others(self) -> int:
        """Remove what earlier runs made and this one has not; returns how many files."""
        others = self._connection.execute(
            "SELECT path, parts FROM made WHERE run <> ?", (self._run,)
        ).fetchall()
        for path, parts in others:
            for suffix in _parts(parts):
                self._remove(f"{path}{suffix}")
        self._connection.execute("DELETE FROM made WHERE run <> ?", (self._run,))
        return len(others)

    def _parts(self, path: str) -> dict[str, int]:
        (parts,) = self._connection.execute(
            "SELECT parts FROM made WHERE path = ?", (path,)
        ).fetchone()
        return _parts(parts)

    def _record(self, unit: Unit, stamp: str, parts: Mapping[str, int], note: str) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO made VALUES (?, ?, ?, ?, ?)",
            (unit.path, stamp, json.dumps(parts), note, self._run),
        )

    def _is_there(self, path: str, parts: Mapping[str, int]) -> bool:
        # The size too: what a power cut leaves of a file may be empty.
        try:
            return all(
                os.stat(f"{self._root}/{path}{suffix}").st_size == size
                for suffix, size in parts.items()
            )
        except OSError:
            return False

    def _write(self, path: str, content: bytes) -> int:
        """As ``atomic.write_text``, but there is only ever one part to be left behind."""
        part, target = self._root / _PART, self._target(path)
        with _new_file(part) as file:
            os.fchmod(file.fileno(), 0o644)
            file.write(content)
        try:
            os.replace(part, target)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            os.replace(part, target)
        self._written += 1
        return len(content)

    def _remove(self, path: str) -> None:
        target = self._target(path)
        target.unlink(missing_ok=True)
        for folder in target.relative_to(self._root).parents[:-1]:
            with suppress(OSError):  # something else is in it
                (self._root / folder).rmdir()

    def _target(self, path: str) -> Path:
        """Where a file of ours is: in this folder, whatever the record says, and whoever made it.

        Raises UserError where a folder on the way is a link.
        """
        place = PurePosixPath(path)
        if "\0" in path or place.is_absolute() or ".." in place.parts or not place.parts:
            raise _DamagedError("no path of ours")
        for folder in place.parents:
            if folder in self._plain:
                break
            if folder.parts and (self._root / folder).is_symlink():
                raise UserError(
                    f"{visible(str(self._root / folder))} is a link.",
                    hint="Delete it: what belongs there is made again.",
                )
        self._plain.update(place.parents)
        return self._root / place


def _new_file(path: Path) -> BinaryIO:
    """Never what a link leads to."""
    try:
        return path.open("xb")
    except FileExistsError:
        path.unlink()
        return path.open("xb")


def _parts(text: object) -> dict[str, int]:
    """The suffixes of a unit with their sizes in bytes."""
    try:
        parts = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        parts = None
    if not isinstance(parts, dict):
        raise _DamagedError("no parts of a unit")
    return parts


def check_folder(root: Path) -> None:
    """Raises UserError where the folder holds something else than a site of ours."""
    try:
        if root.exists() and not root.is_dir():
            raise UserError(f"{root} is not a folder.", hint="Name another one.")
        # SQLite follows links, those of its own files, too.
        links = any((root / f"{RECORD}{each}").is_symlink() for each in ("", "-journal", "-wal"))
        is_ours = (root / RECORD).is_file() and not links
        if root.exists() and any(root.iterdir()) and not is_ours:
            raise UserError(
                f"{root} holds something else than a site of samebytes.",
                hint="Name a folder that is empty or not there.",
            )
    except OSError as error:
        raise UserError(f"{root} cannot be used: {error.strerror}.") from None


def _prepare(connection: sqlite3.Connection, root: Path) -> None:
    connection.execute("PRAGMA synchronous = OFF")  # what it says of a file is checked: its size
    connection.execute("BEGIN IMMEDIATE")
    application, version, tables = connection.execute(
        "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_master)"
        " FROM pragma_application_id, pragma_user_version"
    ).fetchone()
    if (application, version, tables) == (0, 0, 0):
        connection.execute(_TABLE)
        connection.execute(f"PRAGMA application_id = {_APPLICATION}")
        connection.execute(f"PRAGMA user_version = {_VERSION}")
    elif (application, version) != (_APPLICATION, _VERSION):
        raise UserError(
            f"The site in {root} was written by another version of samebytes.",
            hint="Delete the folder: all of it is made again.",
        )
