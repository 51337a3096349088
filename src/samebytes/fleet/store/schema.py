"""The tables of a store, and what brings a file of an earlier version to the present one."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from samebytes.errors import UserError
from samebytes.fleet.store.first import take_over

#: "samb": tells our files from other SQLite databases.
_APPLICATION = 0x73616D62

_Migration = tuple[str | Callable[[sqlite3.Connection], None], ...]

_FIRST: _Migration = (
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

#: Times are seconds since 1970, UTC. The first run has the number 1; 0: it was part of none.
_SECOND: _Migration = (
    """
    CREATE TABLE run (
        id INTEGER PRIMARY KEY,
        begun_at REAL NOT NULL,
        seen_at REAL NOT NULL,
        ended_at REAL,
        host TEXT NOT NULL,
        pid INTEGER NOT NULL,
        process TEXT NOT NULL,
        engine TEXT NOT NULL,
        workers INTEGER NOT NULL,
        command TEXT NOT NULL,
        planned INTEGER NOT NULL DEFAULT 0,
        is_planned INTEGER NOT NULL DEFAULT 0,
        kept INTEGER NOT NULL DEFAULT 0,
        "left" INTEGER NOT NULL DEFAULT 0,
        identical INTEGER NOT NULL DEFAULT 0,
        equivalent INTEGER NOT NULL DEFAULT 0,
        different INTEGER NOT NULL DEFAULT 0,
        unbuildable INTEGER NOT NULL DEFAULT 0,
        failed INTEGER NOT NULL DEFAULT 0
    )
    """,
    "CREATE TABLE terms (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE)",
    """
    CREATE TABLE artifact (
        id INTEGER PRIMARY KEY,
        filename TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        project TEXT NOT NULL,
        version TEXT NOT NULL,
        uploaded REAL,
        yanked TEXT,
        rank INTEGER,
        state TEXT NOT NULL,
        backend TEXT,
        month TEXT,
        seconds REAL,
        verdict INTEGER REFERENCES verdict (id),
        run INTEGER NOT NULL DEFAULT 0,
        settled INTEGER NOT NULL DEFAULT 0,
        UNIQUE (filename, sha256)
    )
    """,
    # In the order in which a front page groups them: counted as they are read, without sorting.
    "CREATE INDEX artifact_figures ON artifact (run, state, backend, month)",
    "CREATE INDEX artifact_project ON artifact (project, id, run)",
    """
    CREATE TABLE verdict (
        id INTEGER PRIMARY KEY,
        artifact INTEGER NOT NULL REFERENCES artifact (id),
        source TEXT NOT NULL,
        inference INTEGER NOT NULL,
        yanked TEXT,
        terms INTEGER NOT NULL REFERENCES terms (id),
        verdict TEXT NOT NULL,
        lasting INTEGER NOT NULL,
        finished_at REAL NOT NULL,
        seconds REAL NOT NULL,
        worker TEXT NOT NULL,
        compared INTEGER NOT NULL,
        run INTEGER NOT NULL DEFAULT 0
    )
    """,
    # Two NULLs are never equal to SQL, and an empty reason is not the same as none.
    """
    CREATE UNIQUE INDEX verdict_key
    ON verdict (artifact, inference, terms, source, coalesce(yanked, x''))
    """,
    "CREATE TABLE document (verdict INTEGER PRIMARY KEY, result BLOB NOT NULL, comparison BLOB)",
    """
    CREATE TABLE attempt (
        id INTEGER PRIMARY KEY,
        artifact INTEGER NOT NULL REFERENCES artifact (id),
        run INTEGER NOT NULL REFERENCES run (id),
        number INTEGER NOT NULL,
        begun_at REAL NOT NULL,
        ended_at REAL,
        worker TEXT NOT NULL,
        outcome TEXT,
        reason TEXT NOT NULL DEFAULT ''
    )
    """,
    "CREATE INDEX attempt_artifact ON attempt (artifact)",
    "CREATE INDEX attempt_under_way ON attempt (run) WHERE outcome IS NULL",
    "CREATE INDEX attempt_reason ON attempt (run) WHERE reason <> ''",
    """
    CREATE INDEX attempt_slow ON attempt (run, ended_at - begun_at)
    WHERE outcome IN ('done', 'lost', 'error')
    """,
    """
    CREATE VIEW overview AS
    SELECT artifact.filename, artifact.sha256, artifact.project, artifact.version, artifact.state,
        artifact.backend, artifact.month, artifact.yanked, artifact.rank,
        datetime(artifact.uploaded, 'unixepoch') AS uploaded,
        datetime(verdict.finished_at, 'unixepoch') AS finished_at,
        verdict.seconds, verdict.worker, verdict.source, verdict.inference, terms.text AS terms,
        artifact.run
    FROM artifact LEFT JOIN verdict ON verdict.id = artifact.verdict
    LEFT JOIN terms ON terms.id = verdict.terms
    """,
    take_over,
    "DROP TABLE result",
)

#: What brings a file of each version to the next one; only ever add to it.
_MIGRATIONS: tuple[_Migration, ...] = (_FIRST, _SECOND)


def check(path: Path, connection: sqlite3.Connection, *, is_new_allowed: bool = True) -> int:
    """The version of the schema of a file, 0 for an empty one.

    Raises UserError where it is of another program or a later version, and, unless
    ``is_new_allowed``, where it is not of the present version. Of either, it has our tables.
    """
    application, version, tables = connection.execute(
        "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_master)"
        " FROM pragma_application_id, pragma_user_version"
    ).fetchone()
    if application != _APPLICATION and (application, version, tables) != (0, 0, 0):
        raise UserError(f"{path} is a database of another program.", hint="Name another file.")
    if not 0 <= version <= len(_MIGRATIONS):
        raise UserError(
            f"{path} was written by a later version of samebytes.",
            hint="Use that version, or name another file.",
        )
    if version < len(_MIGRATIONS) and not is_new_allowed:
        was = "was written by an earlier version of samebytes" if version else "is empty"
        raise UserError(
            f"{path} {was}.", hint="An audit with this store brings it up to date: --store."
        )
    _check_tables(path, connection, version)
    return int(version)


def _check_tables(path: Path, connection: sqlite3.Connection, version: int) -> None:
    """Whoever made the file may have put something into it that writes on its own, or in its way.

    Tables and views beside ours, and whatever belongs to them, are nobody's business.
    """
    found = _tables(connection)
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as ours:
        for migration in _MIGRATIONS[:version]:
            _apply(ours, migration)
        expected = _tables(ours)
    names = {table for _, _, table, _ in expected}
    if {each for each in found if each[0] == "trigger" or each[2] in names} != expected:
        raise UserError(
            f"{path} has other tables than samebytes makes.",
            hint="It is damaged, or somebody made it up: name another file.",
        )


def _tables(connection: sqlite3.Connection) -> set[tuple[str, str, str, str]]:
    """What there is: its type and name, the table that it is of, and how it was made.

    But for what SQLite makes by itself.
    """
    rows = connection.execute(
        "SELECT type, name, lower(tbl_name), sql FROM sqlite_master WHERE sql IS NOT NULL"
    )
    return {(kind, name, table, " ".join(str(sql).split())) for kind, name, table, sql in rows}


def _apply(connection: sqlite3.Connection, migration: _Migration) -> None:
    for step in migration:
        if isinstance(step, str):
            connection.execute(step)
        else:
            step(connection)


def migrate(path: Path, connection: sqlite3.Connection) -> None:
    """Bring the file to the present version, inside a transaction: as a whole or not at all."""
    version = check(path, connection)
    for migration in _MIGRATIONS[version:]:
        _apply(connection, migration)
    if version < len(_MIGRATIONS):
        connection.execute(f"PRAGMA application_id = {_APPLICATION}")
        connection.execute(f"PRAGMA user_version = {len(_MIGRATIONS)}")
