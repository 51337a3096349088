"""The store of results, in real files, with real processes beside this one that are killed."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from samebytes.digest import Digest
from samebytes.errors import UserError
from samebytes.fleet.old_store import Key, Store

ONE, TWO = Digest.of(b"1"), Digest.of(b"2")


def key(
    number: int = 0, *, source: str = "a-1.tar.gz", inference: int = 1, terms: str = "4 attempts"
) -> Key:
    filename = f"a{number:06}-1-py3-none-any.whl"
    return Key(filename=filename, digest=ONE, source=source, inference=inference, terms=terms)


def document_of(store: Store, one: Key) -> dict[str, object] | None:
    found = store.find(one)
    return found.document if found else None


def test_kept_and_found_again(folder: Path) -> None:
    path = folder / "audit.sqlite"
    document = {"verdict": "identical", "text": "\u00e9\ud800", "list": [1, None, {"a": True}]}
    with Store.open(path) as store:
        assert document_of(store, key()) is None
        store.put(key(), "identical", document, 1.5)
        assert document_of(store, key()) == document
    with Store.open(path) as store:
        assert document_of(store, key()) == document
        (result,) = store.results()
    assert (result.key, result.verdict, result.document) == (key(), "identical", document)
    assert result.seconds == 1.5
    assert timedelta(0) <= datetime.now(UTC) - result.finished_at < timedelta(minutes=1)
    assert [file.name for file in folder.iterdir()] == ["audit.sqlite"]


def test_every_part_of_a_key_counts(folder: Path) -> None:
    keys = [
        key(),
        key(1),
        key(source="b-1.tar.gz"),
        key(inference=2),
        key(terms="9 attempts"),
        replace(key(), digest=TWO),
    ]
    with Store.open(folder / "x") as store:
        for number, one in enumerate(keys):
            assert store.find(one) is None
            store.put(one, "identical", {"number": number}, 0.0)
        assert [document_of(store, one) for one in keys] == [
            {"number": n} for n in range(len(keys))
        ]
        assert [result.key for result in store.results()] == sorted(keys)


def test_a_later_result_replaces_the_earlier(folder: Path) -> None:
    with Store.open(folder / "x") as store:
        store.put(key(), "unbuildable", {"number": 1}, 1.0)
        store.put(key(), "identical", {"number": 2}, 2.0)
        assert document_of(store, key()) == {"number": 2}
        assert store.counts() == {"identical": 1}
        assert [result.seconds for result in store.results()] == [2.0]


def test_results_in_order_while_more_are_put(folder: Path) -> None:
    with Store.open(folder / "x") as store:
        for number in reversed(range(250)):
            store.put(key(number), ("identical", "different")[number % 5 == 0], {}, 0.0)
        assert store.counts() == {"different": 50, "identical": 200}
        seen = []
        for result in store.results():
            seen.append(result.key)
            store.put(result.key, "equivalent", {}, 0.0)
        assert seen == [key(number) for number in range(250)]
        assert store.counts() == {"equivalent": 250}


def test_empty_store(folder: Path) -> None:
    (folder / "x").touch()  # as mktemp makes it
    with Store.open(folder / "x") as store:
        assert (list(store.results()), store.counts()) == ([], {})


# What is no store


def test_names_that_mean_something_to_sqlite(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    for name in (":memory:", "file:x?mode=memory", "ü %41"):
        with Store.open(Path(name)) as store:
            store.put(key(), "identical", {}, 0.0)
        with Store.open(Path(name)) as store:
            assert store.counts() == {"identical": 1}


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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("UPDATE result SET document = '{'", "is damaged"),
        ("UPDATE result SET document = '[]'", "is damaged: a document is not an object"),
        ("UPDATE result SET sha256 = 'x'", "is damaged: not a SHA-256"),
        ("UPDATE result SET sha256 = x'00'", "is damaged"),
        ("UPDATE result SET seconds = 'x'", "is damaged"),
        ("UPDATE result SET finished_at = 'x'", "is damaged"),
        ("UPDATE result SET verdict = CAST(x'ff' AS TEXT)", "cannot be used as a store"),
        ("DROP TABLE result", "cannot be used as a store: no such table"),
    ],
)
def test_damage(folder: Path, change: str, message: str) -> None:
    path = folder / "x"
    with Store.open(path) as store:
        store.put(key(), "identical", {}, 0.0)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(change)
    with Store.open(path) as store, pytest.raises(UserError, match=message):
        list(store.results())


@pytest.mark.parametrize("change", ["document = '{'", "document = '[]'", "finished_at = 'x'"])
def test_what_is_damaged_is_not_found(folder: Path, change: str) -> None:
    with Store.open(folder / "x") as store:
        store.put(key(), "identical", {}, 0.0)
    with closing(sqlite3.connect(folder / "x")) as connection, connection:
        connection.execute(f"UPDATE result SET {change}")
    with Store.open(folder / "x") as store:
        assert store.find(key()) is None


def test_name_that_is_no_text(folder: Path) -> None:
    odd = replace(key(), filename="\udc80")
    with Store.open(folder / "x") as store:
        with pytest.raises(UserError, match="cannot be used"):
            store.put(odd, "identical", {}, 0.0)
        assert store.counts() == {}


# Other processes

WRITER = """
import sys
from pathlib import Path
from samebytes.digest import Digest
from samebytes.fleet.old_store import Key, Store

path, first, size = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
with Store.open(path) as store:
    print("open", flush=True)
    for number in range(first, 1_000_000):
        key = Key(
            filename=f"a{number:06}-1-py3-none-any.whl", digest=Digest.of(b"1"),
            source="a-1.tar.gz", inference=1, terms="4 attempts",
        )
        store.put(key, "identical", {"number": number, "text": "x" * size}, 0.5)
        print(number, flush=True)
"""

READER = """
import sys, json
from pathlib import Path
from samebytes.fleet.old_store import Store

with Store.open(Path(sys.argv[1])) as store:
    for line in sys.stdin:
        numbers = [result.document["number"] for result in store.results()]
        print(json.dumps([store.counts(), numbers]), flush=True)
"""


def start(script: str, path: Path, *arguments: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, str(path), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def acknowledged(writer: subprocess.Popen[str], at_least: int) -> int:
    """Kills a writer once it has put so many results; returns how many it said it had put."""
    assert writer.stdout is not None
    lines = [writer.stdout.readline() for _ in range(at_least + 1)]
    writer.kill()
    lines += writer.stdout.read().splitlines(keepends=True)
    with writer:
        pass
    return sum(line.endswith("\n") for line in lines) - 1  # the first says that it is open


@pytest.mark.parametrize("size", [10, 50_000])  # the larger fills SQLite's log all the time
def test_nothing_acknowledged_is_lost_when_the_writer_is_killed(folder: Path, size: int) -> None:
    path = folder / "x"
    total = 0
    for at_least in (0, 1, 2, 30, 3, 100):
        total += acknowledged(start(WRITER, path, total, size), at_least)
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        with Store.open(path) as store:
            numbers = [result.document["number"] for result in store.results()]
            # The last result may be there without its acknowledgement.
            assert numbers in (list(range(total)), list(range(total + 1)))
            assert document_of(store, key(0)) == {"number": 0, "text": "x" * size} or total == 0
    assert total >= 136


@pytest.mark.parametrize("delay", [0.0, 0.0005, 0.001, 0.002, 0.004, 0.008])
def test_killed_while_the_file_is_made(folder: Path, delay: float) -> None:
    path = folder / "x"
    writer = start(WRITER, path, 0, 10)
    while not path.exists():
        assert writer.poll() is None
    time.sleep(delay)
    writer.kill()
    writer.communicate()
    with Store.open(path) as store:
        store.put(key(), "identical", {}, 0.0)
        assert document_of(store, key()) == {}


def test_others_read_while_one_writes(folder: Path) -> None:
    path = folder / "x"
    with Store.open(path) as store, start(READER, path) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None
        for number in range(150):
            store.put(key(number), "identical", {"number": number}, 0.0)
            if number % 30 == 0:
                reader.stdin.write("\n")
                reader.stdin.flush()
                expected = list(range(number + 1))
                found = json.loads(reader.stdout.readline())
                assert found == [{"identical": number + 1}, expected]
        reader.stdin.close()


def test_a_reader_that_is_not_done_stops_no_writer(folder: Path) -> None:
    path = folder / "x"
    with Store.open(path) as store, Store.open(path) as other:
        for number in range(150):
            store.put(key(number), "identical", {}, 0.0)
        results = other.results()
        next(results)
        store.put(key(200), "identical", {}, 0.0)
        assert len(list(results)) == 150


def test_many_open_a_new_file_at_once(folder: Path) -> None:
    readers = [start(READER, folder / "x") for _ in range(4)]
    for reader in readers:
        out, _ = reader.communicate("\n", timeout=30)
        assert json.loads(out) == [{}, []]
