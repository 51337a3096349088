"""Stores of version 1, as the program made them before there were runs and attempts."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from stores import artifact, record

from samebytes.errors import UserError
from samebytes.fleet.record import Artifact, Key
from samebytes.fleet.store.figures import Figures
from samebytes.fleet.store.store import Store

#: As version 1 made it; never to be changed.
FIRST = """
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
);
PRAGMA application_id = 1935764834;
PRAGMA user_version = 1;
PRAGMA journal_mode = WAL;
"""
FINISHED = datetime(2026, 10, 31, 12, 30, 15, tzinfo=UTC)
SDIST = "5" * 64


def first(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path)
    connection.executescript(FIRST)
    return connection


def put(
    connection: sqlite3.Connection,
    one: Artifact,
    document: Mapping[str, Any] | str,
    *,
    terms: str = "terms",
    finished_at: str = FINISHED.isoformat(timespec="seconds"),
    verdict: str | None = None,
) -> None:
    text = document if isinstance(document, str) else json.dumps(document)
    if verdict is None:
        assert not isinstance(document, str)
        verdict = document["verdict"]
    values = (one.filename, str(one.digest), SDIST, 5, terms, verdict, finished_at, 2.345, text)
    with connection:
        connection.execute("INSERT INTO result VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)


def result(one: Artifact, verdict: str = "identical", **fields: object) -> dict[str, Any]:
    return {**record(one, verdict).result, **fields}


def test_every_result_comes_over(folder: Path) -> None:
    path = folder / "x"
    verdicts = ("identical", "equivalent", "different", "unbuildable")
    documents = {
        artifact(number): result(artifact(number), verdicts[number % 4]) for number in range(250)
    }
    with closing(first(path)) as connection:
        for one, document in documents.items():
            put(connection, one, document)
    with Store.open(path) as store:
        figures = Figures(store)
        assert figures.shares() == {
            "identical": 63,
            "equivalent": 63,
            "different": 62,
            "unbuildable": 62,
        }
        rows = list(figures.rows())
        assert {(row.backend, row.month) for row in rows} == {("setuptools", "2024-12")}
        assert [row.filename for row in rows] == [one.filename for one in documents]
        for row, (one, document) in zip(rows, documents.items(), strict=True):
            assert (row.project, row.version) == (one.project, one.version)
            assert (row.uploaded, row.rank, row.finished_at) == (None, None, FINISHED)
            assert (row.seconds, row.terms, row.inference) == (2.345, "terms", 5)
            assert figures.documents(row) == (document, None)
            kept = store.find(one, Key(source=SDIST, inference=5), {"terms"})
            assert kept is not None
            assert (kept.record.result, kept.finished_at) == (document, FINISHED)
        assert store.status() is None
        tables = store.connection.execute("SELECT name FROM sqlite_master WHERE name = 'result'")
        assert tables.fetchone() is None
        store.begin("local", 1, "samebytes audit")  # it goes on as any other
        store.put(one, Key(source=SDIST, inference=5), record(one, "identical", terms="terms"))
        assert store.connection.execute("SELECT count(*) FROM verdict").fetchone() == (250,)


def test_of_several_results_the_last_is_final(folder: Path) -> None:
    one = artifact()
    with closing(first(folder / "x")) as connection:
        put(
            connection,
            one,
            result(one, "different"),
            terms="new",
            finished_at="2026-11-02T00:00:00+00:00",
        )
        put(connection, one, result(one, "identical"), terms="old")
    with Store.open(folder / "x") as store:
        (row,) = Figures(store).rows()
        assert (row.verdict, row.terms) == ("different", "new")
        kept = store.find(one, Key(source=SDIST, inference=5), {"old"})
        assert kept is not None
        assert kept.record.result["verdict"] == "identical"


@pytest.mark.parametrize(
    ("remark", "yanked"),
    [
        ("It was yanked.", ""),
        ("It was yanked: broken. Very.", "broken. Very"),
        ("Something else.", None),
    ],
)
def test_what_was_yanked(folder: Path, remark: str, yanked: str | None) -> None:
    one = artifact()
    with closing(first(folder / "x")) as connection:
        put(connection, one, result(one, remarks=[remark]))
    with Store.open(folder / "x") as store:
        assert store.find(one, Key(source=SDIST, inference=5, yanked=yanked), {"terms"})
        assert not store.find(one, Key(source=SDIST, inference=5, yanked="other"), {"terms"})
        (row,) = Figures(store).rows()
        assert row.yanked == yanked


def test_sdists_and_what_nobody_knows(folder: Path) -> None:
    sdist, none = artifact(filename="demo_x-1.2.tar.gz"), artifact(filename="what-is-this.zip")
    evidence = [{"what": "requirements", "value": "as of 2024-01-01", "why": "the commit"}]
    with closing(first(folder / "x")) as connection:
        put(connection, sdist, result(sdist, evidence=evidence))
        put(connection, none, result(none))
    with Store.open(folder / "x") as store:
        (row,) = Figures(store).rows()
        assert (row.project, str(row.version)) == ("demo-x", "1.2")
        assert (row.backend, row.month) == (None, None)


def test_damaged_results(folder: Path) -> None:
    """What would not have been found is not found; it stops nothing."""
    good, path = artifact(9), folder / "x"
    with closing(first(path)) as connection:
        for number, document in enumerate(("{", "[]", "{}", "[" * 100_000)):
            put(connection, artifact(number), document, verdict="identical")
        put(connection, artifact(5), result(artifact(5)), finished_at="noon")
        put(connection, artifact(6), result(artifact(6)), verdict="excellent")
        put(connection, artifact(7), result(artifact(7)))
        connection.execute(
            "UPDATE result SET sha256 = CAST(x'ff' AS TEXT) WHERE filename = ?",
            (artifact(7).filename,),
        )
        put(connection, good, result(good))
        connection.commit()
    with Store.open(path) as store:
        key = Key(source=SDIST, inference=5)
        for number in range(8):
            assert store.find(artifact(number), key, {"terms"}) is None
        assert store.find(good, key, {"terms"})
        figures = Figures(store)
        assert [figures.result(row) is not None for row in figures.rows()] == [*[False] * 4, True]


def test_a_store_of_a_later_version_is_left_alone(folder: Path) -> None:
    path = folder / "x"
    with Store.open(path):
        pass
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 3")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = path.read_bytes()
    for open_it in (Store.open, Store.read):
        with pytest.raises(UserError, match="by a later version"), open_it(path):
            pass
    assert path.read_bytes() == before


OPEN = """
import sys
from pathlib import Path
from samebytes.fleet.store.store import Store

print("ready", flush=True)
sys.stdin.readline()
with Store.open(Path(sys.argv[1])):
    print("open", flush=True)
"""


@pytest.mark.slow
def test_killed_in_the_middle_again_and_again(folder: Path) -> None:
    """It is of version 1 with all results, or of version 2 with all results."""
    path, count = folder / "x", 400
    with closing(first(path)) as connection:
        for number in range(count):
            one = artifact(number)
            put(connection, one, result(one, "different"))
    begun = time.monotonic()
    versions = []
    for delay in (0.0, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.2, 0.4, 5):
        with subprocess.Popen(
            [sys.executable, "-c", OPEN, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as child:
            assert child.stdin is not None
            assert child.stdout is not None
            child.stdout.readline()
            child.stdin.write("\n")
            child.stdin.flush()
            try:
                child.wait(delay)
            except subprocess.TimeoutExpired:
                child.kill()
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            table = "result" if version == 1 else "verdict"
            found = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
            assert found == (count,), (version, time.monotonic() - begun)
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        versions.append(version)
    assert versions[0] == 1
    assert versions[-1] == 2
    with Store.open(path) as store:
        assert Figures(store).shares() == {"different": count}
