"""The file of a store: opened to write or to read, and what is said when it cannot be."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

from samebytes.errors import UserError
from samebytes.fleet.store.schema import check, migrate

_BUSY_SECONDS = 30.0
#: What SQLite's log is cut to once what it holds is in the file, in bytes.
_LOG_SIZE = 64 * 1024 * 1024
_HINT = "Name another file."
#: What is no UTF-8 is not ours, and no reason not to show the rest.
_TEXT = partial(str, encoding="utf-8", errors="replace")


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that writes; the file is made if there is none.

    Raises UserError when the file cannot be made or written, is something else, or is of a later
    version of the program; it is then left as it is.
    """
    _check_place(path)
    with errors(path):
        # An absolute path, as SQLite takes the name ":memory:" for something else.
        connection = sqlite3.connect(path.absolute(), timeout=_BUSY_SECONDS, isolation_level=None)
    try:
        with errors(path):
            _distrust(connection)
            _prepare(path, connection)
        yield connection
    finally:
        connection.close()


class Presence:
    """Whether a file is still the one that it was: what was removed can be written to on and on."""

    def __init__(self, path: Path) -> None:
        self._path = path.absolute()
        self._identity = _identity(self._path)
        self._looked_at = 0.0

    def check(self) -> None:
        """Raises UserError where there is none any more, or another one."""
        if _identity(self._path) != self._identity:
            raise UserError(
                f"{self._path} was removed, or replaced, while an audit wrote to it.",
                hint="What was found since is lost. Start the audit again.",
            )

    def check_now_and_then(self, now: float) -> None:
        """The same, at most once a second; ``now`` in seconds."""
        if abs(now - self._looked_at) >= 1:
            self._looked_at = now
            self.check()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


@contextmanager
def opened_to_read(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that only reads, beside one that may write; raises UserError as ``opened``."""
    if not path.is_file():
        raise UserError(f"There is no store {path}.", hint=_HINT)
    with errors(path):
        connection = _reading(path)
    with closing(connection):
        with errors(path):
            _distrust(connection)
            check(path, connection, is_new_allowed=False)
        yield connection


def _reading(path: Path) -> sqlite3.Connection:
    """Where the folder cannot be written, and nothing is in the log, without the log's files."""
    try:
        return _connected(path, "mode=ro")
    except sqlite3.OperationalError:
        log = path.with_name(f"{path.name}-wal")
        if log.exists() and log.stat().st_size:
            raise
        return _connected(path, "immutable=1")


def _connected(path: Path, mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{mode}", uri=True, timeout=_BUSY_SECONDS, isolation_level=None
    )
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _distrust(connection: sqlite3.Connection) -> None:
    """Whoever sends a store is not to have more than its rows read."""
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.text_factory = _TEXT


def _check_place(path: Path) -> None:
    """What SQLite has no words for, or would only find out when something is written."""
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
        migrate(path, connection)
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA journal_size_limit = {_LOG_SIZE}")


@contextmanager
def errors(path: Path) -> Iterator[None]:
    """Reports what SQLite has to say about the file."""
    try:
        yield
    except sqlite3.ProgrammingError:
        raise
    except (sqlite3.Error, UnicodeEncodeError, OverflowError) as error:
        raise UserError(
            f"{path} cannot be used as a store: {error}.",
            hint="See that it is ours, can be written and has room, or name another file.",
        ) from None
