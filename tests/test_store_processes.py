"""The store of an audit, and real processes beside this one that read, write and are killed."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from stores import KEY, TERMS, artifact, record

from samebytes.errors import UserError
from samebytes.fleet.store.figures import Figures
from samebytes.fleet.store.store import Store

pytestmark = pytest.mark.slow

#: Puts one artifact after the other, an attempt before each, and says which it has committed.
WRITER = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from stores import KEY, artifact, record
from samebytes.fleet.store.store import Store

path, first, size, pieces = Path(sys.argv[1]), *map(int, sys.argv[2:])
with Store.open(path) as store:
    store.begin("test", 1, "writer")
    print("open", flush=True)
    for number in range(first, 1_000_000):
        one = artifact(number)
        attempt = store.attempt(one, 1)
        if pieces:
            store.commit()
        store.ended(attempt, "done")
        store.put(one, KEY, record(one, text=f"{{number}} {{'x' * size}}"))
        store.commit()
        print(number, flush=True)
"""

READER = """
import sys, json
from pathlib import Path
from samebytes.fleet.store.figures import Figures
from samebytes.fleet.store.store import Store

with Store.open(Path(sys.argv[1])) as store:
    for line in sys.stdin:
        figures = Figures(store)
        names = [row.filename for row in figures.rows() if figures.documents(row)]
        print(json.dumps([figures.shares(), names]), flush=True)
"""


def start(script: str, path: Path, *arguments: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, str(path), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def acknowledged(writer: subprocess.Popen[str], at_least: int) -> int:
    """Kills a writer once it has put so many; returns how many it said it had put."""
    assert writer.stdout is not None
    lines = [writer.stdout.readline() for _ in range(at_least + 1)]
    writer.kill()
    lines += writer.stdout.read().splitlines(keepends=True)
    with writer:
        pass
    return sum(line.endswith("\n") for line in lines) - 1  # the first says that it is open


# The larger size fills SQLite's log all the time.
@pytest.mark.parametrize("size", [10, pytest.param(50_000, marks=pytest.mark.slow)])
def test_nothing_acknowledged_is_lost_when_the_writer_is_killed(folder: Path, size: int) -> None:
    path = folder / "x"
    total = 0
    for run, at_least in enumerate((0, 1, 2, 30, 3, 60), 1):
        total += acknowledged(start(WRITER, path, total, size, at_least % 2), at_least)
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        with Store.read(path) as store:
            status = store.status()
            assert status is not None
            assert (status.run, status.is_alive, status.ended_at) == (run, False, None)
            figures = Figures(store)
            rows = list(figures.rows())
            settled = [row.filename for row in rows if row.verdict != "pending"]
            # The last one may be there without its acknowledgement, or with an attempt only.
            names = [artifact(number).filename for number in range(total + 1)]
            assert settled in (names[:-1], names)
            assert [row.filename for row in rows] in (names[:-1], names)
            remarks = [
                result["remarks"][0].partition(" ")[0]
                for row in rows
                if (result := figures.result(row))
            ]
            assert remarks == [str(number) for number in range(len(settled))]
            assert all(len(figures.attempts(row)) in (1, 2) for row in rows)
    assert total >= 96
    with Store.open(path) as store:
        store.begin("test", 1, "the last")
        figures = Figures(store)
        outcomes = {each.outcome for row in figures.rows() for each in figures.attempts(row)}
        assert outcomes <= {"done", "interrupted"}


@pytest.mark.slow
@pytest.mark.parametrize("delay", [0.0, 0.0005, 0.001, 0.002, 0.004, 0.008])
def test_killed_while_the_file_is_made(folder: Path, delay: float) -> None:
    path = folder / "x"
    writer = start(WRITER, path, 0, 10, 1)
    while not path.exists():
        assert writer.poll() is None
    time.sleep(delay)
    writer.kill()
    writer.communicate()
    with Store.open(path) as store:
        store.begin("test", 1, "after it")
        one = artifact(9)
        store.put(one, KEY, record(one))
        assert store.find(one, KEY, {TERMS})


def test_a_second_audit_is_refused_while_the_first_one_lives(folder: Path) -> None:
    path = folder / "x"
    with start(WRITER, path, 0, 10, 1) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "open\n"
        with Store.open(path) as store:
            with pytest.raises(UserError, match=f"process {writer.pid} on"):
                store.begin("test", 1, "second")
            writer.kill()
            writer.wait()
            store.begin("test", 1, "second")
            assert store.run == 2


def test_others_read_while_one_writes(folder: Path) -> None:
    path = folder / "x"
    with Store.open(path) as store, start(READER, path) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None
        names = []
        for number in range(150):
            one = artifact(number)
            store.put(one, KEY, record(one))
            store.commit()
            names.append(one.filename)
            if number % 30 == 0:
                reader.stdin.write("\n")
                reader.stdin.flush()
                found = json.loads(reader.stdout.readline())
                assert found == [{"identical": number + 1}, names]
        reader.stdin.close()


def test_a_reader_that_is_not_done_stops_no_writer(folder: Path) -> None:
    """Nor does it make SQLite keep all that is written meanwhile in its log."""
    path = folder / "x"
    made = [artifact(number) for number in range(100)]
    with Store.open(path) as store, Store.read(path) as other:
        for one in made:
            store.put(one, KEY, record(one))
            store.commit()
        rows = Figures(other).rows()
        next(rows)
        for turn in range(30):
            for one in made:
                store.put(one, KEY, record(one, text=f"{turn}"))
            store.commit()
        assert path.with_name("x-wal").stat().st_size < 8 * 1024 * 1024
        assert len(list(rows)) == 99


def test_many_open_a_new_file_at_once(folder: Path) -> None:
    readers = [start(READER, folder / "x") for _ in range(4)]
    for reader in readers:
        out, _ = reader.communicate("\n", timeout=30)
        assert json.loads(out) == [{}, []]
