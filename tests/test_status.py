"""How far an audit is: counted, drawn, and as JSON."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from stores import KEY, artifact, record
from test_documents import validate

from samebytes.errors import UserError
from samebytes.fleet.store.status import OUTCOMES, Doing, Status, Trouble
from samebytes.fleet.store.store import Store
from samebytes.report.status import duration, state_of, status_document, status_view

BEGUN = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
COUNTS = {"identical": 1200, "equivalent": 900, "different": 40, "unbuildable": 10}


def status(**fields: Any) -> Status:
    values: dict[str, Any] = {
        "run": 3,
        "engine": "2 local processes",
        "workers": 2,
        "command": "samebytes audit -r requirements.txt",
        "host": "here",
        "pid": 4711,
        "begun_at": BEGUN,
        "seen_at": BEGUN + timedelta(minutes=72, seconds=5),
        "ended_at": None,
        "is_alive": True,
        "planned": 5000,
        "is_planned": True,
        "kept": 200,
        "left": 0,
        "failed": 3,
        "counts": COUNTS,
        "rate": 31.23,
        "under_way": (Doing(filename="a-1.whl", seconds=12.34, worker="local-1"),),
        "slowest": (Doing(filename="b-1.whl", seconds=601, worker="local-2"),),
        "failures": (Trouble(filename="c-1.whl", outcome="lost", reason="it was killed"),),
    }
    return Status(**values | fields)


def drawn(of: Status, width: int = 120) -> str:
    file = io.StringIO()
    Console(file=file, width=width).print(status_view(of))
    return file.getvalue()


def test_drawn() -> None:
    text = drawn(status())
    assert "audit 3 on here, process 4711, runs  2 local processes, 1 h 12 min" in text
    assert "2,153 of 5,000, 200 of them kept; 31 a minute, 1 h 31 min to go" in text
    assert "1,200 identical, 900 equivalent, 40 different, 10 unbuildable, 3 without a" in text
    assert "12.3 s  a-1.whl  local-1" in text
    assert "10 min 1 s  b-1.whl  local-2" in text
    assert "c-1.whl  lost: it was killed" in text


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_of_many_under_way_some_are_drawn(width: int) -> None:
    """So that what is redrawn stays in its place."""
    many = tuple(Doing(filename="x" * 300, seconds=n, worker="w" * 99) for n in range(1000))
    text = drawn(status(under_way=many, slowest=many[:5]), width)
    assert "and 992 more" in text
    assert all(len(line) <= width for line in text.splitlines())


@pytest.mark.parametrize(
    ("fields", "state", "says"),
    [
        ({}, "running", "runs"),
        ({"ended_at": BEGUN, "is_alive": False}, "ended", "has ended"),
        ({"is_alive": False}, "gone", "ended without a word"),
    ],
)
def test_states(fields: dict[str, Any], state: str, says: str) -> None:
    assert state_of(status(**fields)) == state
    assert says in drawn(status(**fields))
    document = status_document(status(**fields))
    assert document["status"] == state
    validate(document, "status-1.json")


def test_nothing_is_known_yet() -> None:
    empty = status(
        counts=dict.fromkeys(COUNTS, 0),
        failed=0,
        planned=0,
        is_planned=False,
        kept=0,
        rate=0.0,
        under_way=(),
        slowest=(),
        failures=(),
        workers=0,
    )
    assert "0 of 0 or more" in drawn(empty)
    assert empty.remaining is None
    validate(status_document(empty), "status-1.json")


def test_text_of_strangers() -> None:
    text = "\x1b[2J[red]\u202e\udc80"
    doing = Doing(filename=text, seconds=1.0, worker=text)
    trouble = Trouble(filename=text, outcome="error", reason=text)
    hostile = status(
        host=text,
        engine=text,
        command=text,
        under_way=(doing,),
        slowest=(doing,),
        failures=(trouble,),
    )
    shown = drawn(hostile)
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "[red]" in shown
    document = status_document(hostile)
    json.dumps(document, ensure_ascii=False).encode()
    validate(document, "status-1.json")


def test_documents_without_a_run() -> None:
    validate(status_document(None), "status-1.json")
    assert status_document(None)["status"] == "none"
    failed = status_document(None, UserError("There is no store."))
    validate(failed, "status-1.json")
    assert failed["status"] == "failed"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (59.9, "59.9 s"),
        (61, "1 min 1 s"),
        (3599.9, "59 min 59 s"),
        (7322, "2 h 2 min"),
        (90000, "1 day 1 h"),
        (180000, "2 days 2 h"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_remaining() -> None:
    assert status(planned=2153).remaining == 0
    assert status(planned=2053).remaining == 0
    assert status(planned=3153, rate=100.0).remaining == 600
    assert status(planned=3153, rate=100.0, left=500).remaining == 300
    assert status(is_planned=False).remaining is None
    assert status(is_alive=False).remaining is None
    ended = replace(status(), ended_at=BEGUN + timedelta(seconds=30))
    assert ended.seconds == 30


def test_of_a_real_run(folder: Path) -> None:
    with Store.open(folder / "x") as store:
        assert store.status() is None
        store.begin("local", 2, "samebytes audit")
        for number, outcome in enumerate(OUTCOMES * 3):
            one = artifact(number)
            attempt = store.attempt(one, 1)
            store.ended(attempt, outcome, f"because of {number}" if outcome != "done" else "")
            if outcome == "done":
                store.put(one, KEY, record(one))
        store.attempt(artifact(50), 1, "local-1")
        store.counted(planned=20, is_planned=False, failed=2)
        store.commit()
        with Store.read(folder / "x") as other:
            found = other.status()
        assert found is not None
        assert (found.planned, found.is_planned, found.failed, found.done) == (20, False, 2, 5)
        assert [each.filename for each in found.under_way] == [artifact(50).filename]
        assert [each.reason for each in found.failures] == [
            f"because of {number}" for number in (17, 16, 15, 14, 13)
        ]
        assert len(found.slowest) == 5
        assert found.rate > 0
        validate(status_document(found), "status-1.json")
        store.finish()
        again = store.status()
        assert again is not None
        assert (again.under_way, again.is_alive) == ((), False)
