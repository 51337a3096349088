"""What is made of an audit when it is over, and that it is of this audit and no other."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Command
from stores import KEY, TERMS, artifact, record

from samebytes.cli.audit import audit_command
from samebytes.cli.auditing.found import Found, Skipped
from samebytes.cli.auditing.options import AuditOptions
from samebytes.cli.auditing.outputs import check_outputs, write_outputs
from samebytes.cli.console import Terminal
from samebytes.errors import UserError
from samebytes.fleet.store.figures import Figures, Row
from samebytes.fleet.store.store import Store

QUIET = Terminal(quiet=True, verbose=False)


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    """Of a run that has found one verdict, and kept another."""
    with Store.open(folder / "audit.sqlite") as opened:
        begin(opened)
        opened.put(artifact(0), KEY, record(artifact(0)))
        opened.put(artifact(9), KEY, record(artifact(9)))
    with Store.open(folder / "audit.sqlite") as opened:
        begin(opened)
        assert opened.find(artifact(0), KEY, [TERMS])
        opened.select(artifact(0), kept=True)
        opened.put(artifact(1), KEY, record(artifact(1)))
        opened.commit()
        yield opened


def begin(store: Store) -> None:
    store.begin("local", 2, "samebytes audit")


def options(*arguments: object) -> AuditOptions:
    words = [str(each) for each in ("demo", *arguments)]
    return AuditOptions(**audit_command.make_context("audit", words).params)


def found(store: Store) -> Found:
    found = Found(allow_skipped=False, skipped=Skipped(spool=io.StringIO()))
    found.begin(store)
    found.end()
    return found


def test_no_other_audit_begins_before_all_is_written(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = 0
    attempts = Figures.attempts

    def beside(self: Figures, row: Row) -> Any:
        nonlocal refused
        with Store.open(store.path) as other, pytest.raises(UserError, match="Another audit"):
            begin(other)
        refused += 1
        return attempts(self, row)

    monkeypatch.setattr(Figures, "attempts", beside)
    run = store.run
    wanted = options("--html", folder / "site", "--export", folder / "all.jsonl")
    write_outputs(wanted, QUIET, store, run=run, command="samebytes audit demo")
    assert refused == 4
    names = {artifact(number).filename for number in (0, 1)}
    exported = [json.loads(line) for line in (folder / "all.jsonl").read_text().splitlines()]
    assert {each["filename"] for each in exported} == names
    assert {path.name for path in (folder / "site").rglob("*.whl.html")} == {
        f"{name}.html" for name in names
    }
    status = store.status()
    assert status is not None
    assert (status.run, status.ended_at is None) == (run, False)
    with Store.open(store.path) as other:
        begin(other)


@pytest.mark.parametrize("name", ["site", "all.jsonl", None])
def test_meanwhile_it_says_that_it_goes_on(
    store: Store, folder: Path, name: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen from another machine, an audit that says nothing for long is gone."""
    monkeypatch.setattr("samebytes.fleet.store.store._HEARTBEAT", 0.0)
    monkeypatch.setattr(Store, "finish", lambda self: None)
    results = found(store).results()
    store.connection.execute("UPDATE run SET seen_at = 0")
    if name is None:
        assert len(list(results)) == 2
    else:
        option = "--export" if name.endswith("jsonl") else "--html"
        wanted = options(option, folder / name)
        write_outputs(wanted, QUIET, store, run=store.run, command="")
    status = store.status()
    assert status is not None
    assert status.seen_at.year > 1970


def test_no_file_is_for_two_things(folder: Path) -> None:
    """Least of all the store, which is in use."""
    one, two = folder / "a.jsonl", folder / "b.jsonl"
    two.symlink_to(one)
    check_outputs(options("--export", one, "--store", folder / "store"))
    for named in (("--store", one, "--export", two), ("--export", one, "--export", two)):
        with pytest.raises(UserError, match="is named twice"):
            check_outputs(options(*named))


@pytest.mark.parametrize("more", [["six"], ["-r", "missing.txt"]])
def test_no_document_is_written_over_a_store(
    samebytes: Command, store: Store, more: list[str]
) -> None:
    """Not even that of an error."""
    path, before = store.path, store.path.read_bytes()
    done = samebytes.here("audit", *more, "--store", path, "--json", path)
    assert (done.status, "is named twice" in done.stderr) == (2, True)
    assert samebytes.here("audit", "--status", path, "--json", path).status == 2
    assert path.read_bytes() == before


def test_what_is_in_a_store_is_written_without_a_run(store: Store, folder: Path) -> None:
    with Store.read(store.path) as reader:
        write_outputs(
            options("--html", folder / "site", "--export", folder / "all.jsonl"),
            QUIET,
            reader,
            run=None,
            command="",
        )
    assert len((folder / "all.jsonl").read_text().splitlines()) == 3


@pytest.mark.parametrize("clock", [-1e6, 1e6])
def test_what_was_kept_does_not_depend_on_the_clock(store: Store, clock: float) -> None:
    """Which may be set while an audit goes on, or between two."""
    store.connection.execute("UPDATE verdict SET finished_at = finished_at + ?", (clock,))
    kept = {each["artifact"]: each["kept"] is not None for each in found(store).results()}
    assert kept == {artifact(0).filename: True, artifact(1).filename: False}
