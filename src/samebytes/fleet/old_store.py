"""What was found out about artifacts, kept in a file, so that an interrupted audit goes on."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from samebytes.digest import Digest
from samebytes.errors import UserError

#: "samb": tells our files from other SQLite databases.
_APPLICATION = 0x73616D62
_BUSY_SECONDS = 30.0
_PAGE = 100

#: What brings a file from each version of the schema to the next one; only ever add to it.
_MIGRATIONS = (
    """
    CREATE TABLE result (
        filename TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        source TEXT NOT NULL,
        inference INTEGER NOT NULL,
        terms TEXT NOT NULL,
        verdict TEXT NOT NULL,
        finished_at TEXT NOT NULL,
        seconds REAL NOT NULL,
        document TEXT NOT NULL,
        UNIQUE (filename, sha256, source, inference, terms)
    )
    """,
)

_SELECT = (
    "SELECT filename, sha256, source, inference, terms, verdict, finished_at, seconds, document"
    " FROM result"
)
#: What reading gives that we did not write.
_DAMAGE = (TypeError, ValueError, RecursionError)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Key:
    """What a result is about: an artifact, the source it was rebuilt from, and by which rules.

    ``source`` identifies the source, ``inference`` is the version of the rules that infer how
    the artifact was built, ``terms`` are all else that decides what is found, in words.
    """

    filename: str
    digest: Digest
    source: str
    inference: int
    terms: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What was found out; ``seconds`` is how long it took."""

    key: Key
    verdict: str
    document: dict[str, object]
    finished_at: datetime
    seconds: float


class Store:
    """Results in an SQLite file; for one process that writes, and others that read meanwhile.

    It belongs to the thread that opened it. Its methods raise UserError when the file cannot be
    used, for example because the disk is full.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator[Store]:
        """The store in a file, which is made if there is none, and closed when the block ends.

        Raises UserError when the file cannot be made or written, is something else, or is of a
        later version of the program; it is then left as it is.
        """
        _check_place(path)
        with _errors(path):
            # An absolute path, as SQLite takes the name ":memory:" for something else.
            connection = sqlite3.connect(
                path.absolute(), timeout=_BUSY_SECONDS, isolation_level=None
            )
        try:
            with _errors(path):
                _prepare(path, connection)
            yield cls(path, connection)
        finally:
            connection.close()

    def put(self, key: Key, verdict: str, document: Mapping[str, object], seconds: float) -> None:
        """Keep a result, in place of an earlier one with this key; on disk when this returns."""
        text = json.dumps(document, allow_nan=False)
        with _errors(self._path):
            self._connection.execute(
                "INSERT INTO result VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (filename, sha256, source, inference, terms) DO UPDATE SET"
                " verdict = excluded.verdict, finished_at = excluded.finished_at,"
                " seconds = excluded.seconds, document = excluded.document",
                (
                    *_columns(key),
                    verdict,
                    datetime.now(UTC).isoformat(timespec="seconds"),
                    seconds,
                    text,
                ),
            )

    def find(self, key: Key) -> Result | None:
        """What is kept with exactly this key; None, too, where it is damaged."""
        with _errors(self._path):
            row = self._connection.execute(
                f"{_SELECT} WHERE (filename, sha256, source, inference, terms) = (?, ?, ?, ?, ?)",
                _columns(key),
            ).fetchone()
        try:
            return None if row is None else _result(row)
        except _DAMAGE:
            return None

    def results(self) -> Iterator[Result]:
        """All results, by key: those of earlier versions of the inference, too.

        They are read some at a time: a query that is never done would keep SQLite's log growing.
        So a result that is put meanwhile may be among them or not.
        """
        after: tuple[str, str, str, int, str] = ("", "", "", 0, "")
        while True:
            with _errors(self._path):
                rows = self._connection.execute(
                    f"{_SELECT}"
                    " WHERE (filename, sha256, source, inference, terms) > (?, ?, ?, ?, ?)"
                    " ORDER BY filename, sha256, source, inference, terms LIMIT ?",
                    (*after, _PAGE),
                ).fetchall()
            with _damage(self._path):
                found = [_result(row) for row in rows]
            yield from found
            if len(found) < _PAGE:
                return
            after = _columns(found[-1].key)

    def counts(self) -> dict[str, int]:
        """How many results there are of each verdict, in alphabetical order."""
        with _errors(self._path):
            return dict(
                self._connection.execute(
                    "SELECT verdict, count(*) FROM result GROUP BY verdict ORDER BY verdict"
                ).fetchall()
            )


def _check_place(path: Path) -> None:
    """What SQLite has no words for, or would only find out when a result is put."""
    # Not by opening the file: to close it again would undo SQLite's locks in this process, see
    # section 2.2 of https://www.sqlite.org/howtocorrupt.html.
    effective = os.access in os.supports_effective_ids
    try:
        if path.exists() and not path.is_file():
            raise UserError(f"{path} is not a file.", hint=_HINT)
        if path.exists() and not os.access(path, os.W_OK, effective_ids=effective):
            raise UserError(f"{path} cannot be used: it may not be written.", hint=_HINT)
        if not path.parent.is_dir():
            raise UserError(f"There is no folder {path.parent}.", hint="Make the folder first.")
    except OSError as error:
        raise UserError(f"{path} cannot be used: {error.strerror}.", hint=_HINT) from None


def _prepare(path: Path, connection: sqlite3.Connection) -> None:
    # What an acknowledged result needs to survive a power cut; the log lets others read on.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("BEGIN IMMEDIATE")
    try:
        _migrate(path, connection)
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
    connection.execute("PRAGMA journal_mode = WAL")


def _migrate(path: Path, connection: sqlite3.Connection) -> None:
    """Bring the file to the present version, inside a transaction: as a whole or not at all."""
    application, version, tables = connection.execute(
        "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_master)"
        " FROM pragma_application_id, pragma_user_version"
    ).fetchone()
    if application != _APPLICATION and (application, version, tables) != (0, 0, 0):
        raise UserError(f"{path} is a database of another program.", hint=_HINT)
    if version > len(_MIGRATIONS):
        raise UserError(
            f"{path} was written by a later version of samebytes.",
            hint="Use that version, or name another file.",
        )
    for statement in _MIGRATIONS[version:]:
        connection.execute(statement)
    if version < len(_MIGRATIONS):
        connection.execute(f"PRAGMA application_id = {_APPLICATION}")
        connection.execute(f"PRAGMA user_version = {len(_MIGRATIONS)}")


_HINT = "Name another file."


@contextmanager
def _errors(path: Path) -> Iterator[None]:
    """Reports what SQLite has to say about the file."""
    try:
        yield
    except sqlite3.ProgrammingError:
        raise
    except (sqlite3.Error, UnicodeEncodeError) as error:
        raise UserError(
            f"{path} cannot be used as a store: {error}.",
            hint="See that it is ours, can be written and has room, or name another file.",
        ) from None


@contextmanager
def _damage(path: Path) -> Iterator[None]:
    """Reports what we did not write."""
    try:
        yield
    except _DAMAGE as error:
        raise UserError(f"{path} is damaged: {error}.", hint=_HINT) from None


def _columns(key: Key) -> tuple[str, str, str, int, str]:
    return (key.filename, str(key.digest), key.source, key.inference, key.terms)


def _document(text: str) -> dict[str, object]:
    document = json.loads(text)
    if not isinstance(document, dict):
        raise TypeError("a document is not an object")
    return document


def _result(row: tuple[str, str, str, int, str, str, str, float, str]) -> Result:
    filename, sha256, source, inference, terms, verdict, finished_at, seconds, document = row
    return Result(
        key=Key(
            filename=filename,
            digest=Digest(sha256),
            source=source,
            inference=inference,
            terms=terms,
        ),
        verdict=verdict,
        document=_document(document),
        finished_at=datetime.fromisoformat(finished_at),
        seconds=float(seconds),
    )
