"""One run at a time: how it begins, and how those end that ended without saying so."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from samebytes.errors import UserError
from samebytes.fleet.store.owner import SILENCE, Owner
from samebytes.wire import storable


def begin_run(
    connection: sqlite3.Connection, now: float, engine: str, workers: int, command: str
) -> int:
    """The number of a new run of this process."""
    owner = Owner.of_this_process()
    made = connection.execute(
        "INSERT INTO run (begun_at, seen_at, host, pid, process, engine, workers, command)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(now, now, owner.host, owner.pid, owner.process),
            *(storable(engine), workers, storable(command)),
        ),
    )
    return made.lastrowid or 0


def end_others(path: Path, connection: sqlite3.Connection, now: float) -> None:
    """End the runs of which the process is gone; raises UserError where one is not."""
    runs = connection.execute(
        "SELECT id, seen_at, host, pid, process FROM run WHERE ended_at IS NULL"
    ).fetchall()
    for run, seen_at, host, pid, process in runs:
        if Owner(host=host, pid=pid, process=process).is_alive(now - seen_at):
            raise UserError(
                f"Another audit writes to {path}: process {pid} on {host}.",
                hint="Wait until it is done, end it, or name another file with --store. If it is "
                f"gone, {SILENCE / 60:.0f} minutes without a word of it are enough.",
            )
        end_run(connection, run, seen_at)


def end_run(connection: sqlite3.Connection, run: int, at: float) -> None:
    """Attempts that are under way end with it."""
    connection.execute(
        "UPDATE attempt SET outcome = 'interrupted', ended_at = max(?, begun_at)"
        " WHERE run = ? AND outcome IS NULL",
        (at, run),
    )
    connection.execute("UPDATE run SET ended_at = ? WHERE id = ?", (at, run))
