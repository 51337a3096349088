"""What an audit keeps while it goes on: verdicts, attempts, and how far it came."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC
from pathlib import Path

from samebytes.compare.model import Verdict
from samebytes.errors import UserError
from samebytes.fleet.backend import backend_of
from samebytes.fleet.record import Artifact, Kept, Key, Record
from samebytes.fleet.store.documents import DAMAGE, documents, moment, packed
from samebytes.fleet.store.file import Presence, errors, opened, opened_to_read
from samebytes.fleet.store.runs import begin_run, end_others, end_run
from samebytes.fleet.store.status import Status, read_status
from samebytes.wire import storable

PENDING = "pending"

#: How often a run says that it is there, in seconds, when there is nothing else to write.
_HEARTBEAT = 10.0
#: How many artifacts that were found wait to be selected, at most.
_FOUND = 100_000
_COUNTERS = ("planned", "is_planned", "kept", "left", *map(str, Verdict), "failed")
_KEPT = (
    "SELECT v.id, v.verdict, v.finished_at, v.worker, t.text, d.result, d.comparison"
    " FROM artifact a JOIN verdict v ON v.artifact = a.id"
    " JOIN terms t ON t.id = v.terms JOIN document d ON d.verdict = v.id"
    " WHERE (a.filename, a.sha256) = (?, ?) AND v.inference = ? AND v.source = ?"
    " AND v.yanked IS ? AND v.lasting"
)


class Store:
    """One SQLite file, for one process that writes, and others that read meanwhile.

    It belongs to the thread that opened it. What is written is on disk, and seen by others, after
    ``commit``. All methods raise UserError when the file cannot be used, for example because the
    disk is full.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self.connection = connection
        #: The number of the run that ``begin`` began; 0: none is.
        self.run = 0
        self._counters: dict[str, int] = dict.fromkeys(_COUNTERS, 0)
        self._committed = self._counters.copy()
        self._seen_at = 0.0
        self._presence: Presence | None = None
        self._terms: dict[str, int] = {}
        self._found: dict[tuple[str, str], int] = {}

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator[Store]:
        """The store in a file, which is made if there is none, and closed when the block ends.

        A run that was begun is then finished. Raises UserError when the file cannot be made or
        written, is something else, or is of a later version of the program; it is then left as it
        is. One of an earlier version is brought to the present one.
        """
        with opened(path) as connection:
            store = cls(path, connection)
            store._presence = Presence(path)
            try:
                yield store
            except BaseException:
                with suppress(UserError):
                    store.finish()
                raise
            store.finish()

    @classmethod
    @contextmanager
    def read(cls, path: Path) -> Iterator[Store]:
        """The store in a file that is not changed, whoever writes to it meanwhile.

        Raises UserError where there is none, or it is of another version.
        """
        with opened_to_read(path) as connection:
            yield cls(path, connection)

    # A run

    def begin(self, engine: str, workers: int, command: str) -> None:
        """Begin a run; those that ended without saying so are ended, and their attempts.

        Raises UserError if another audit writes to this store.
        """
        now = time.time()
        with self._whole():
            self.connection.execute("BEGIN IMMEDIATE")
            end_others(self.path, self.connection, now)
            run = begin_run(self.connection, now, engine, workers, command)
            self.connection.execute("COMMIT")
        self.run, self._seen_at = run, now
        self._counters = dict.fromkeys(_COUNTERS, 0)
        self._committed = self._counters.copy()

    def counted(
        self,
        *,
        planned: int | None = None,
        is_planned: bool | None = None,
        left: int | None = None,
        failed: int | None = None,
    ) -> None:
        """How many there are in all, left or failed, as far as is known; None: as before."""
        values = {"planned": planned, "is_planned": is_planned, "left": left, "failed": failed}
        changed = {name: int(value) for name, value in values.items() if value is not None}
        if not changed.items() <= self._counters.items():
            self._counters |= changed
            self._writing()

    def commit(self) -> None:
        """Have on disk what was written since the last time, and say that the run goes on.

        To be called at least each minute: it writes only where there is something to say. Raises
        UserError, too, where another audit took the store over meanwhile, or the file is gone.
        """
        now = time.time()
        if self._presence is not None:
            self._presence.check_now_and_then(now)
        is_due = self.run and abs(now - self._seen_at) >= _HEARTBEAT
        if not self.connection.in_transaction and not is_due:
            return
        with errors(self.path):
            self._writing()
            self._note(now)
            self.connection.execute("COMMIT")
        self._seen_at, self._committed = now, self._counters.copy()

    def finish(self) -> None:
        """End the run, if one was begun; attempts that are under way are interrupted."""
        now = time.time()
        if self._presence is not None:
            self._presence.check()
        with errors(self.path):
            if self.run:
                self._writing()
                self._note(now)
                end_run(self.connection, self.run, now)
            if self.connection.in_transaction:
                self.connection.execute("COMMIT")
        self.run = 0

    def _note(self, now: float) -> None:
        if not self.run:
            return
        columns = ", ".join(f'"{name}" = ?' for name in _COUNTERS)
        changed = self.connection.execute(
            f"UPDATE run SET seen_at = ?, {columns} WHERE id = ? AND ended_at IS NULL",  # noqa: S608
            (now, *self._counters.values(), self.run),
        )
        if not changed.rowcount:
            self._roll_back()
            self.run = 0
            raise UserError(
                f"Another audit has taken {self.path} over, as this one said nothing for long.",
                hint="What was found before that is kept: start the audit again when it is done.",
            )

    def _writing(self) -> None:
        if not self.connection.in_transaction:
            with errors(self.path):
                self.connection.execute("BEGIN IMMEDIATE")

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """What is written in the block is written as a whole, whatever interrupts it.

        Undone with it is what was not committed before.
        """
        try:
            with errors(self.path):
                yield
        except BaseException:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        self._counters = self._committed.copy()
        self._terms.clear()
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")

    # Artifacts

    def find(self, artifact: Artifact, key: Key, terms: Collection[str]) -> Kept | None:
        """What is kept with this key on any of these terms; None, too, where it is damaged."""
        name = _name(artifact)
        marks = ", ".join("?" * len(terms))
        with errors(self.path):
            rows = self.connection.execute(
                f"{_KEPT} AND t.text IN ({marks}) ORDER BY v.finished_at DESC",
                (*name, key.inference, _text(key.source), _text(key.yanked), *terms),
            ).fetchall()
        for number, verdict, finished_at, worker, text, *found in rows:
            try:
                result, comparison = documents(artifact.filename, artifact.digest, verdict, *found)
                at = moment(finished_at)
            except DAMAGE:
                continue
            if len(self._found) >= _FOUND:
                self._found.clear()
            self._found[name] = number
            record = Record(
                result=result, comparison=comparison, terms=text, worker=worker, is_lasting=True
            )
            return Kept(record=record, finished_at=at)
        return None

    def select(self, artifact: Artifact, *, kept: bool) -> None:
        """Have an artifact in this run; ``kept``: with the verdict that was found last."""
        found = self._found.pop(_name(artifact), None)
        number = self._artifact(artifact)
        if not kept:
            return
        with self._whole():
            if self._state(number)[1] == self.run:
                return
            if found is not None:
                self.connection.execute(
                    "UPDATE artifact SET verdict = ?, (state, seconds) ="
                    " (SELECT verdict, seconds FROM verdict WHERE id = ?) WHERE id = ?"
                    " AND verdict IS NOT ?",
                    (found, found, number, found),
                )
            self.connection.execute(
                "UPDATE artifact SET settled = ? WHERE id = ?", (self.run, number)
            )
            state, _ = self._state(number)
        self._counters["kept"] += 1
        self._count(state, 1)

    def _state(self, artifact: int) -> tuple[str, int]:
        """The verdict of an artifact, and of which run."""
        state, settled = self.connection.execute(
            "SELECT state, settled FROM artifact WHERE id = ?", (artifact,)
        ).fetchone()
        return state, settled

    def _count(self, state: str, by: int) -> None:
        if state in self._counters:
            self._counters[state] += by

    def _artifact(self, artifact: Artifact) -> int:
        """The number of an artifact, which is put down if need be, and is part of this run."""
        self._writing()
        uploaded = artifact.uploaded
        facts = (
            uploaded and uploaded.timestamp(),
            uploaded and uploaded.astimezone(UTC).isoformat()[:7],
            _text(artifact.yanked),
            artifact.rank,
        )
        with errors(self.path):
            row = self.connection.execute(
                "SELECT id, run, uploaded, month, yanked, rank FROM artifact"
                " WHERE (filename, sha256) = (?, ?)",
                _name(artifact),
            ).fetchone()
            if row is None:
                number = self.connection.execute(
                    "INSERT INTO artifact (uploaded, month, yanked, rank, filename, sha256,"
                    " project, version, state, run) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        *facts,
                        *_name(artifact),
                        *(artifact.project, str(artifact.version), PENDING, self.run),
                    ),
                ).lastrowid
                return number or 0
            number, was, *before = row
            run = self.run or was
            if tuple(before) != facts or was != run:
                self.connection.execute(
                    "UPDATE artifact SET uploaded = coalesce(?, uploaded),"
                    " month = coalesce(?, month), yanked = ?, rank = ?, run = ?"
                    " WHERE id = ?",
                    (*facts, run, number),
                )
        return int(number)

    def put(self, artifact: Artifact, key: Key, record: Record) -> None:
        """Keep a record as the final one, in place of an earlier one with this key."""
        result, comparison = record.result, record.comparison
        blobs = packed(result), None if comparison is None else packed(comparison)
        state, seconds = str(result["verdict"]), float(result["seconds"])
        number = self._artifact(artifact)
        with self._whole():
            earlier, settled = self._state(number)
            verdict = self._verdict(number, key, record)
            self.connection.execute(
                "INSERT OR REPLACE INTO document VALUES (?, ?, ?)", (verdict, *blobs)
            )
            # With what it was built is a fact, which not every verdict comes with.
            self.connection.execute(
                "UPDATE artifact SET state = ?, backend = coalesce(?, backend), seconds = ?,"
                " verdict = ?, settled = ? WHERE id = ?",
                (state, backend_of(result, comparison), seconds, verdict, self.run, number),
            )
        if settled == self.run:
            self._count(earlier, -1)
        self._count(state, 1)

    def _verdict(self, artifact: int, key: Key, record: Record) -> int:
        """The number of a verdict's row, which is made or changed."""
        name = (
            *(artifact, key.inference, self._terms_of(record.terms)),
            *(_text(key.source), _text(key.yanked)),
        )
        row = self.connection.execute(
            "SELECT id FROM verdict WHERE (artifact, inference, terms, source) = (?, ?, ?, ?)"
            " AND yanked IS ?",
            name,
        ).fetchone()
        values = (
            str(record.result["verdict"]),
            record.is_lasting,
            time.time(),
            float(record.result["seconds"]),
            storable(record.worker),
            record.comparison is not None,
            self.run,
        )
        if row is None:
            made = self.connection.execute(
                "INSERT INTO verdict (artifact, inference, terms, source, yanked, verdict, lasting,"
                " finished_at, seconds, worker, compared, run)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*name, *values),
            )
            row = (made.lastrowid,)
        else:
            self.connection.execute(
                "UPDATE verdict SET verdict = ?, lasting = ?, finished_at = ?, seconds = ?,"
                " worker = ?, compared = ?, run = ? WHERE id = ?",
                (*values, row[0]),
            )
        return int(row[0])

    def _terms_of(self, text: str) -> int:
        if text not in self._terms:
            self.connection.execute("INSERT OR IGNORE INTO terms (text) VALUES (?)", (text,))
            (self._terms[text],) = self.connection.execute(
                "SELECT id FROM terms WHERE text = ?", (text,)
            ).fetchone()
        return self._terms[text]

    # Attempts

    def attempt(self, artifact: Artifact, number: int, worker: str = "") -> int:
        """Note that an artifact is given to a worker, for the first time: 1; returns its id."""
        which = self._artifact(artifact)
        with errors(self.path):
            made = self.connection.execute(
                "INSERT INTO attempt (artifact, run, number, begun_at, worker)"
                " VALUES (?, ?, ?, ?, ?)",
                (which, self.run, number, time.time(), storable(worker)),
            ).lastrowid
        return made or 0

    def ended(self, attempt: int, outcome: str, reason: str = "", worker: str = "") -> None:
        """Note what became of an attempt, one of ``OUTCOMES``, and who made it."""
        self._writing()
        worker = storable(worker)
        with errors(self.path):
            self.connection.execute(
                "UPDATE attempt SET outcome = ?, reason = ?, ended_at = max(?, begun_at),"
                " worker = CASE ? WHEN '' THEN worker ELSE ? END WHERE id = ?",
                (outcome, storable(reason), time.time(), worker, worker, attempt),
            )

    def status(self) -> Status | None:
        """How far the last run is; None, if there was none."""
        with errors(self.path):
            try:
                return read_status(self.connection)
            except DAMAGE as error:
                raise UserError(f"{self.path} is damaged: {error}.") from None


def _name(artifact: Artifact) -> tuple[str, str]:
    return storable(artifact.filename), str(artifact.digest)


def _text(text: str | None) -> str | None:
    """What strangers wrote, as something that can be kept: one text is not to end an audit."""
    return None if text is None else storable(text)
