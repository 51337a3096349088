"""What a store holds, exported: as JSON lines and Parquet, whole or not at all."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from stores import KEY, TERMS, UPLOADED, artifact, record

from samebytes.errors import UserError
from samebytes.fleet.export import check_export, export
from samebytes.fleet.store.figures import AttemptRow, Figures, Row
from samebytes.fleet.store.store import Store

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))

import rows as synthetic

pyarrow = pytest.importorskip("pyarrow", reason="it is an extra")


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    """With one artifact of each verdict, one that is pending, and one that is damaged."""
    with Store.open(folder / "audit.sqlite") as store:
        store.begin("local", 2, "samebytes audit")
        for number, verdict in enumerate(("identical", "equivalent", "different", "unbuildable")):
            one = artifact(number, yanked="é\u202e" if number == 1 else None)
            store.ended(store.attempt(one, 1), "lost", "it was killed")
            store.ended(store.attempt(one, 2), "done")
            store.put(one, KEY, record(one, verdict))
        store.select(artifact(4, uploaded=None, rank=None), kept=False)
        store.put(artifact(5), KEY, record(artifact(5)))
        store.connection.execute("UPDATE document SET result = x'00' WHERE verdict = 5")
        yield store


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def as_lines(row: dict[str, Any]) -> dict[str, Any]:
    """A row of Parquet as JSON lines have it."""

    def plain(value: object) -> object:
        match value:
            case datetime():
                return value.astimezone(UTC).isoformat()
            case list():
                return [plain(each) for each in value]
            case dict():
                return {name: plain(each) for name, each in value.items()}
        return value

    plain_row = {name: plain(value) for name, value in row.items()}
    result = row["result"]
    return {**plain_row, "result": None if result is None else json.loads(result)}


def test_both_say_the_same(store: Store, folder: Path) -> None:
    from pyarrow.parquet import read_table

    names: list[str] = []
    figures = Figures(store, damaged=names.append)
    counts = [export(figures, folder / name) for name in ("a.jsonl", "a.parquet")]
    assert counts == [6, 6]
    assert set(names) == {artifact(5).filename}
    written = lines(folder / "a.jsonl")
    assert [as_lines(row) for row in read_table(folder / "a.parquet").to_pylist()] == written
    parts = sorted(path for path in folder.iterdir() if "a." in path.name)
    assert parts == [folder / "a.jsonl", folder / "a.parquet"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in parts} == {0o644}
    columns = [line.split("`")[1] for line in _documented()]
    assert [*written[0]] == columns


def _documented() -> list[str]:
    text = (Path(__file__).parents[1] / "docs/reference/store.md").read_text()
    table = text.partition("| what an export says |")[2].partition("\n## ")[0]
    return [line for line in table.splitlines() if line.startswith("| `")]


def test_what_is_in_it(store: Store, folder: Path) -> None:
    export(Figures(store), folder / "a.jsonl")
    identical, equivalent, different, unbuildable, pending, damaged = lines(folder / "a.jsonl")
    assert identical["uploaded"] == UPLOADED.isoformat()
    assert identical["result"] == record(artifact(0)).result
    assert (identical["verdict"], identical["backend"], identical["terms"]) == (
        "identical",
        "setuptools",
        TERMS,
    )
    assert [(each["number"], each["outcome"]) for each in identical["attempts"]] == [
        (1, "lost"),
        (2, "done"),
    ]
    assert equivalent["yanked"] == "é\u202e"
    assert (equivalent["places"], equivalent["causes"]) == ([], ["no-epoch"])
    assert different["places"] == ["phantom members", "missing members", "code", "metadata"]
    assert unbuildable["phase"] == "build"
    assert unbuildable["message"] == "The build backend failed to build the wheel."
    assert (pending["verdict"], pending["result"], pending["rank"]) == ("pending", None, None)
    assert (pending["uploaded"], pending["attempts"], pending["lasting"]) == (None, [], None)
    assert (damaged["verdict"], damaged["result"]) == ("identical", None)


def test_how_far_it_is(folder: Path) -> None:
    synthetic.fill(folder / "x", 450)
    told: list[tuple[int, int]] = []
    with Store.read(folder / "x") as store:
        figures = Figures(store)
        export(figures, folder / "a.jsonl", lambda *progress: told.append(progress))
    assert told == [(200, 450), (400, 450), (450, 450)]


def test_an_empty_store(folder: Path) -> None:
    from pyarrow.parquet import read_table

    with Store.open(folder / "x") as store:
        for name in ("a.jsonl", "a.parquet"):
            assert export(Figures(store), folder / name) == 0
    assert (folder / "a.jsonl").read_bytes() == b""
    assert read_table(folder / "a.parquet").num_rows == 0


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a.csv", "neither JSON lines nor Parquet"),
        ("a", "neither JSON lines nor Parquet"),
        ("folder.jsonl", "is a folder"),
        ("none/a.jsonl", "There is no folder"),
    ],
)
def test_places_that_cannot_be(store: Store, folder: Path, name: str, message: str) -> None:
    (folder / "folder.jsonl").mkdir()
    with pytest.raises(UserError, match=message) as error:
        export(Figures(store), folder / name)
    assert error.value.hint


class Breaking(Figures):
    """Those of a file that goes bad while it is read."""

    def attempts(self, row: Row) -> list[AttemptRow]:
        if row.number == 3:
            raise UserError("It cannot be used as a store.")
        return super().attempts(row)


@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet"])
def test_a_store_that_breaks_half_way_leaves_what_was_there(
    store: Store, folder: Path, name: str
) -> None:
    path = folder / name
    path.write_text("before")
    before = sorted(folder.iterdir())
    with pytest.raises(UserError, match="cannot be used as a store"):
        export(Breaking(store), path)
    assert path.read_text() == "before"
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet"])
def test_a_disk_that_is_full(store: Store, name: str) -> None:
    with pytest.raises(UserError, match="cannot be written"):
        export(Figures(store), Path("/proc/self") / name)


def test_without_pyarrow(folder: Path) -> None:
    script = """
import sys
sys.modules["pyarrow"] = None
from pathlib import Path
from samebytes.errors import UserError
from samebytes.fleet.export import check_export
check_export(Path(sys.argv[1]) / "a.jsonl")
try:
    check_export(Path(sys.argv[1]) / "a.parquet")
except UserError as error:
    print(error, error.hint)
"""
    command = [sys.executable, "-c", script, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "needs pyarrow, which is not installed" in done.stdout
    assert "pip install 'samebytes[parquet]'" in done.stdout
    check_export(folder / "a.parquet")


EXPORT = """
import re, sys
from pathlib import Path
from samebytes.fleet.export import export
from samebytes.fleet.store.figures import Figures
from samebytes.fleet.store.store import Store
print("ready", flush=True)
with Store.read(Path(sys.argv[1])) as store:
    for name in sys.argv[2:]:
        export(Figures(store), Path(name))
        print(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1], flush=True)
"""


@pytest.mark.slow
def test_killed_half_way_there_is_no_file(folder: Path) -> None:
    synthetic.fill(folder / "x", 3000)
    for name in ("a.jsonl", "a.parquet"):
        for delay in (0.1, 0.3, 0.5):
            (folder / name).unlink(missing_ok=True)
            command = [sys.executable, "-c", EXPORT, str(folder / "x"), str(folder / name)]
            with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
                assert child.stdout is not None
                child.stdout.readline()
                time.sleep(delay)
                child.kill()
            left = [path.name for path in folder.iterdir() if not path.name.startswith("x")]
            assert left in ([], [name])


@pytest.mark.slow
def test_memory_does_not_grow_with_the_store(folder: Path) -> None:
    """What it has at most, in KiB."""
    used: dict[str, list[int]] = {}
    for suffix in ("jsonl", "parquet"):
        for count in (2100, 4200):
            path = folder / f"{count}.sqlite"
            if not path.exists():
                synthetic.fill(path, count)
            command = [sys.executable, "-c", EXPORT, str(path), str(folder / f"{count}.{suffix}")]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            used.setdefault(suffix, []).append(int(done.stdout.split()[-1]))
    assert used["jsonl"][1] < used["jsonl"][0] + 8 * 1024
    assert used["jsonl"][1] < 80 * 1024
    assert used["parquet"][1] < used["parquet"][0] + 96 * 1024
    assert len(lines(folder / "4200.jsonl")) == 4200


def test_where_files_have_to_have_names(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "O_TMPFILE")
    export(Figures(store), folder / "a.jsonl")
    assert len(lines(folder / "a.jsonl")) == 6
    assert stat.S_IMODE((folder / "a.jsonl").stat().st_mode) == 0o644


def test_times_are_to_the_microsecond(store: Store, folder: Path) -> None:
    export(Figures(store), folder / "a.jsonl")
    finished = datetime.fromisoformat(lines(folder / "a.jsonl")[0]["finished_at"])
    assert abs(datetime.now(UTC) - finished) < timedelta(minutes=1)
