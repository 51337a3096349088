"""The loop of an audit: real processes, a real store, and jobs that do what their names say."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count, pairwise
from pathlib import Path
from typing import Any, cast

import fleet_jobs
import pytest
from fleet_jobs import INDEX, SETTINGS, TERMS, act, wanted

from samebytes.archive.artifact import Form
from samebytes.errors import LimitError, UnreachableError, UserError
from samebytes.fleet.inputs.wanted import Wanted
from samebytes.fleet.loop import lookahead
from samebytes.fleet.loop.audit import Audit
from samebytes.fleet.loop.outage import Delay, Outage
from samebytes.fleet.loop.rounds import Policy, Round, Settled
from samebytes.fleet.plan import Planned
from samebytes.fleet.record import Record
from samebytes.fleet.store.store import Store
from samebytes.fleet.workers.cluster import cluster_engine
from samebytes.fleet.workers.engine import Engine
from samebytes.fleet.workers.pool import deaths, local_processes
from samebytes.fleet.workers.work import Settings
from samebytes.index.client import Index
from samebytes.index.settings import IndexSettings
from samebytes.verify.attempt import Bench
from samebytes.verify.task import Task
from samebytes.verify.verification import Failure, Phase

Plan = Callable[[Wanted, Index], Planned]
Perform = Callable[[Task, Settings], Any]


def engine_of(executor: Executor, slots: int = 2, patience: float = 3600.0) -> Engine:
    return Engine(
        name="an engine of tests",
        executor=executor,
        slots=lambda: slots,
        terms=frozenset({TERMS}),
        deaths=deaths,
        patience=patience,
        end=getattr(executor, "end", lambda _future: None),
    )


@contextmanager
def processes(slots: int = 2, patience: float = 3600.0) -> Iterator[Engine]:
    with local_processes(slots) as executor:
        yield engine_of(executor, slots, patience)


@contextmanager
def threads(slots: int = 2) -> Iterator[Engine]:
    """Where nobody is killed, they do as well, and are there at once."""
    with ThreadPoolExecutor(slots) as executor:
        yield engine_of(executor, slots)


@dataclass
class Fleet:
    folder: Path
    rounds: list[Round] = field(default_factory=list)

    @property
    def store(self) -> Path:
        return self.folder / "audit.sqlite"

    def begin(
        self,
        engine: Engine,
        store: Store,
        names: Iterable[str],
        policy: Policy,
        plan: Plan,
        perform: Perform | None = None,
    ) -> Iterator[Round]:
        store.begin(engine.name, engine.slots(), "a test")
        audit = Audit(
            wanted=wanted(names),
            index=Index(IndexSettings(), self.folder),
            engine=engine,
            settings=SETTINGS,
            store=store,
            policy=policy,
            perform=perform or partial(act, self.folder),
            plan=plan,
        )
        return audit.rounds()

    def run(
        self,
        engine: Engine,
        *names: str,
        policy: Policy = Policy(),  # noqa: B008 - it is frozen
        plan: Plan = fleet_jobs.plan,
        perform: Perform | None = None,
    ) -> dict[str, Settled]:
        """What became of each, by the names of the projects."""
        self.rounds = []
        with Store.open(self.store) as store:
            for each in self.begin(engine, store, names, policy, plan, perform):
                self.rounds.append(each)
        settled = [each for each_round in self.rounds for each in each_round.settled]
        found = {each.artifact.project: each for each in settled}
        assert len(found) == len(settled)  # none twice
        return {str(name): each for name, each in found.items()}

    def counted(self, *names: str) -> tuple[int, ...]:
        """Counters of the last run."""
        ((*found,),) = self.query(f"SELECT {', '.join(names)} FROM run ORDER BY id DESC LIMIT 1")
        return tuple(found)

    @property
    def left(self) -> int:
        return self.counted('"left"')[0]

    @property
    def notes(self) -> list[str]:
        return [note for each in self.rounds for note in each.notes]

    def query(self, text: str) -> list[tuple[Any, ...]]:
        with sqlite3.connect(self.store) as connection:
            return connection.execute(text).fetchall()

    def known(self) -> int:
        """How many verdicts there are, while somebody else makes the store, perhaps."""
        with suppress(sqlite3.OperationalError):
            return len(self.query("SELECT 1 FROM verdict"))
        return 0

    def outcomes(self, name: str) -> list[str]:
        """Those of all attempts of a project's artifact."""
        rows = self.query(
            "SELECT a.project, t.outcome FROM attempt t JOIN artifact a ON a.id = t.artifact"
            " ORDER BY t.id"
        )
        return [outcome for project, outcome in rows if project == name]

    @property
    def states(self) -> dict[str, str]:
        return dict(self.query("SELECT project, state FROM artifact ORDER BY project"))


@pytest.fixture
def fleet(folder: Path) -> Fleet:
    (folder / INDEX).touch()
    return Fleet(folder)


def verdicts(found: dict[str, Settled]) -> dict[str, str | None]:
    return {
        name: None if each.record is None else each.record.result["verdict"]
        for name, each in found.items()
    }


class TestOrdinarily:
    def test_each_has_one_record_and_one_attempt(self, fleet: Fleet) -> None:
        names = [f"fine-{number}" for number in range(40)]
        with threads() as engine:
            found = fleet.run(engine, *names)
        assert verdicts(found) == dict.fromkeys(names, "identical")
        assert fleet.states == dict.fromkeys(names, "identical")
        assert all(fleet.outcomes(name) == ["done"] for name in names)
        assert fleet.counted("planned", "is_planned", '"left"') == (40, 1, 0)

    def test_they_are_begun_in_the_order_of_what_is_wanted(self, fleet: Fleet) -> None:
        names = [f"fine-{9 - number}" for number in range(10)]

        def plan(each: Wanted, index: Index) -> Planned:
            time.sleep(0.02 * int(each.name[-1]))  # the first takes longest
            return fleet_jobs.plan(each, index)

        with threads(1) as engine:
            found = fleet.run(engine, *names, plan=plan)
        assert list(found) == names

    def test_one_page_that_comes_slowly_holds_up_few(
        self, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(lookahead, "_SLOW_SECONDS", 0.1)
        names = ["slow", *(f"fine-{number}" for number in range(20))]

        def plan(each: Wanted, index: Index) -> Planned:
            time.sleep(0.6 if each.name == "slow" else 0.0)
            return fleet_jobs.plan(each, index)

        with threads(1) as engine:
            found = fleet.run(engine, *names, plan=plan)
        assert list(found) == [*names[1:], "slow"]

    def test_what_is_named_twice_is_verified_once(self, fleet: Fleet) -> None:
        with threads() as engine:
            found = fleet.run(engine, "one", "two", "one")
        assert sorted(found) == ["one", "two"]
        assert fleet.outcomes("one") == ["done"]

    def test_what_is_kept_is_not_done_again(self, fleet: Fleet) -> None:
        with threads() as engine:
            first = fleet.run(engine, "one", "two")
            again = fleet.run(engine, "one", "two", "three")
            assert [name for name, each in again.items() if each.kept] == ["one", "two"]
            assert fleet.outcomes("one") == ["done"]
            assert again["one"].record == first["one"].record
            anew = fleet.run(engine, "one", policy=Policy(again=True))
        assert not anew["one"].kept
        assert fleet.outcomes("one") == ["done", "done"]

    def test_on_other_terms_it_is_done_again(self, fleet: Fleet) -> None:
        with threads() as engine:
            fleet.run(engine, "one")
            other = replace(engine, terms=frozenset({"other terms"}))
            assert not fleet.run(other, "one")["one"].kept

    def test_what_is_told_is_on_disk(self, fleet: Fleet) -> None:
        """A round is what one transaction wrote; and none is waited for for long."""
        with Store.open(fleet.store) as store, threads() as engine:
            rounds = fleet.begin(
                engine, store, [f"fine-{n}" for n in range(300)], Policy(), fleet_jobs.plan
            )
            told = 0
            for each in rounds:
                told += len(each.settled)
                assert fleet.query("SELECT count(*) FROM verdict") == [(told,)]
        assert told == 300

    @pytest.mark.slow
    def test_a_round_takes_half_a_second_at_most(self, fleet: Fleet) -> None:
        with Store.open(fleet.store) as store, processes(1) as engine:
            rounds = fleet.begin(engine, store, ["hang"], Policy(), fleet_jobs.plan)
            moments = []
            for _ in range(4):
                next(rounds)
                moments.append(time.monotonic())
            rounds.close()  # type: ignore[attr-defined]
            for future in list(engine.executor._busy):  # type: ignore[attr-defined]
                engine.end(future)
        pauses = [after - before for before, after in pairwise(moments)]
        assert all(pause < 1 for pause in pauses)
        assert fleet.outcomes("hang") == ["interrupted"]


class TestWhatFails:
    def test_one_that_is_killed_takes_nothing_with_it(self, fleet: Fleet) -> None:
        with processes(1) as engine:
            found = fleet.run(engine, "die", "fine", policy=Policy(retries=0))
        assert verdicts(found) == {"die": "unbuildable", "fine": "identical"}
        assert fleet.outcomes("die") == ["lost"]

    @pytest.mark.slow
    def test_poison_is_set_aside_and_the_others_have_their_verdicts(self, fleet: Fleet) -> None:
        names = ["fine-1", "die", "fine-2", "die-once", "fine-3", "fine-4"]
        with processes() as engine:
            found = fleet.run(engine, *names)
            assert fleet.run(engine, "die")["die"].kept  # for good
        assert verdicts(found) == dict.fromkeys(names, "identical") | {"die": "unbuildable"}
        assert fleet.outcomes("die") == ["lost"] * 3
        assert fleet.outcomes("die-once") == ["lost", "done"]
        assert all(fleet.outcomes(f"fine-{number}") == ["done"] for number in (1, 2, 3, 4))
        record = found["die"].record
        assert record is not None
        failure = record.result["failure"]
        assert (failure["phase"], record.is_lasting) == ("worker", True)
        assert "ended 3 times" in failure["message"]

    @pytest.mark.parametrize(("retries", "attempts"), [(0, 1), (1, 2)])
    def test_as_often_as_is_said(self, fleet: Fleet, retries: int, attempts: int) -> None:
        with threads() as engine:
            fleet.run(engine, "fail", policy=Policy(retries=retries))
        assert fleet.outcomes("fail") == ["error"] * attempts

    def test_an_error_is_tried_again_also_by_the_next_audit(self, fleet: Fleet) -> None:
        with threads() as engine:
            found = fleet.run(engine, "fail", "fail-once", "exceed", "break")
            assert verdicts(found) == {
                "fail": "unbuildable",
                "fail-once": "identical",
                "exceed": "unbuildable",
                "break": "unbuildable",
            }
            assert fleet.outcomes("fail") == ["error"] * 3
            assert fleet.outcomes("fail-once") == ["error", "done"]
            assert fleet.outcomes("exceed") == ["error"]  # it will not be smaller
            for name, text in (("fail", "It fails."), ("break", "Unexpected RecursionError")):
                record = found[name].record
                assert record is not None
                assert text in record.result["failure"]["message"]
                assert not record.is_lasting
            assert not fleet.run(engine, "fail")["fail"].kept

    def test_what_is_no_record_of_it(self, fleet: Fleet) -> None:
        names = ["nothing", "other", "verdict", "number", "comparison", "terms", "once", "fine"]
        with threads() as engine:
            found = fleet.run(engine, *names, policy=Policy(retries=1), perform=_strange)
        lies = dict.fromkeys(names[:6], "unbuildable")
        assert verdicts(found) == dict.fromkeys(names, "identical") | lies
        assert all(fleet.outcomes(name) == ["error"] * 2 for name in lies)
        assert (fleet.outcomes("once"), fleet.outcomes("fine")) == (["error", "done"], ["done"])
        record = found["other"].record
        assert record is not None
        assert "no record of it" in record.result["failure"]["message"]
        assert not record.is_lasting

    def test_what_is_too_large_to_be_kept(
        self, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("samebytes.fleet.store.documents.MAX_SIZE", 5000)
        with threads() as engine:
            found = fleet.run(engine, "large", "fine", perform=_strange)
        assert verdicts(found) == {"large": "unbuildable", "fine": "identical"}
        assert fleet.outcomes("large") == ["error"]

    @pytest.mark.slow
    def test_what_hangs_is_ended(self, fleet: Fleet) -> None:
        with processes() as engine:
            fleet.run(engine, "first", "second")  # both have started
            engine = replace(engine, patience=4)
            found = fleet.run(engine, "hang", "fine", policy=Policy(retries=0))
        assert verdicts(found) == {"hang": "unbuildable", "fine": "identical"}
        assert fleet.outcomes("hang") == ["lost"]

    def test_a_worker_that_is_of_no_use_is_nobodys_fault(self, fleet: Fleet) -> None:
        with threads() as engine:
            found = fleet.run(engine, "unfit-once", policy=Policy(retries=0))
        assert verdicts(found) == {"unfit-once": "identical"}
        assert fleet.outcomes("unfit-once") == ["cancelled", "done"]
        assert "This worker is of no use." in fleet.notes

    def test_workers_of_no_use_are_not_waited_for_for_ever(self, fleet: Fleet) -> None:
        with threads() as engine:
            found = fleet.run(engine, "unfit", policy=Policy(patience=0.8, retries=0))
        assert verdicts(found) == {"unfit": "unbuildable"}
        *others, last = fleet.outcomes("unfit")
        assert (set(others), last) == ({"cancelled"}, "error")

    def test_what_is_cancelled_is_submitted_again(self, fleet: Fleet) -> None:
        with ThreadPoolExecutor(2) as executor:
            forgetful = _Forgetful(executor)
            found = fleet.run(engine_of(forgetful), "one", "two", policy=Policy(retries=0))
        assert verdicts(found) == {"one": "identical", "two": "identical"}
        assert fleet.outcomes("one")[-2:] == ["cancelled", "done"]

    def test_a_release_that_the_index_does_not_have(self, fleet: Fleet) -> None:
        def plan(each: Wanted, index: Index) -> Planned:
            if each.name == "absent":
                raise UserError("There is no release.")
            if each.name == "broken":
                raise ZeroDivisionError
            return fleet_jobs.plan(each, index)

        with threads() as engine:
            found = fleet.run(engine, "absent", "one", "broken", plan=plan)
        assert list(found) == ["one"]
        unplanned = [each for each_round in fleet.rounds for each in each_round.unplanned]
        assert [(str(each), error.message) for each, error in unplanned] == [
            ("absent", "There is no release."),
            ("broken", "Unexpected ZeroDivisionError: ."),
        ]
        assert fleet.counted("planned", "identical", "failed") == (3, 1, 2)

    @pytest.mark.slow
    def test_what_ends_the_program_ends_it(self, fleet: Fleet) -> None:
        """Attempts that are under way are interrupted, and the next audit makes them."""

        def stop(each: Wanted, index: Index) -> Planned:
            if each.name == "stop":
                raise KeyboardInterrupt
            return fleet_jobs.plan(each, index)

        names = ["hang", *(f"fine-{number}" for number in range(40)), "stop"]
        with pytest.raises(KeyboardInterrupt), processes(2) as engine:
            fleet.run(engine, *names, plan=stop)
        assert fleet.outcomes("hang") == ["interrupted"]
        assert fleet.states["hang"] == "pending"


_SEEN: set[str] = set()


def _strange(task: Task, _settings: Settings) -> Any:
    """What a worker gives back that is mistaken, or lies: by the name of the project."""
    good = fleet_jobs.record(task)

    def changed(**members: object) -> Record:
        return replace(good, result=cast("Any", {**good.result, **members}))

    match task.name:
        case "nothing":
            return {}
        case "other":
            return fleet_jobs.record(replace(task, published=Path("x-1.0-py3-none-any.whl")))
        case "verdict":
            return changed(verdict="bogus")
        case "number":
            return changed(seconds=10**400)
        case "comparison":
            return replace(good, comparison={"first": {"backend": None}})
        case "terms":
            return replace(good, terms=cast("Any", 5))
        case "once" if "once" not in _SEEN:
            _SEEN.add("once")
            return None
        case "large":
            return changed(remarks=["x" * 10_000])
    return good


class _Forgetful(Executor):
    """Loses each first task, as a scheduler does that is started again."""

    def __init__(self, executor: Executor) -> None:
        self.executor = executor
        self.numbers = count()

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        if next(self.numbers) in (0, 1):
            future: Future[Any] = Future()
            future.cancel()
            return future
        return self.executor.submit(fn, *args, **kwargs)


class TestBounds:
    names = tuple(f"fine-{number}" for number in range(6))

    def test_at_most_so_many_are_verified_anew(self, fleet: Fleet) -> None:
        with threads() as engine:
            first = fleet.run(engine, *self.names, policy=Policy(limit=2))
            assert (list(first), fleet.left) == (["fine-0", "fine-1"], 4)
            again = fleet.run(engine, *self.names, policy=Policy(limit=3))
        assert (len(again), fleet.left) == (5, 1)
        assert sum(each.kept is not None for each in again.values()) == 2

    def test_nothing_is_asked_for_what_is_not_begun_anyway(self, fleet: Fleet) -> None:
        asked: list[str] = []

        def plan(each: Wanted, index: Index) -> Planned:
            asked.append(each.name)
            return fleet_jobs.plan(each, index)

        names = [f"fine-{number}" for number in range(1000)]
        with threads() as engine:
            fleet.run(engine, *names, policy=Policy(limit=3), plan=plan)
        assert len(asked) < 50
        assert fleet.left == 997
        assert fleet.counted("is_planned") == (0,)

    def test_what_has_no_verdict_comes_before_what_had_none_that_lasts(self, fleet: Fleet) -> None:
        names = ("exceed-1", "exceed-2", "exceed-3", *self.names)
        with threads() as engine:
            nights = [[*fleet.run(engine, *names, policy=Policy(limit=3))] for _ in range(4)]
        new = [sorted(set(night) - set().union(*nights[:n])) for n, night in enumerate(nights)]
        assert [len(each) for each in new] == [3, 3, 3, 0]
        assert len(fleet.outcomes("exceed-1")) == 2  # the last night has nothing new

    def test_what_was_begun_is_tried_again_whatever_the_limit(self, fleet: Fleet) -> None:
        with threads() as engine:
            found = fleet.run(engine, "fail-once", *self.names, policy=Policy(limit=1))
        assert verdicts(found) == {"fail-once": "identical"}

    def test_after_the_deadline_nothing_is_begun(self, fleet: Fleet) -> None:
        names = [f"fine-{number}" for number in range(40)]

        def plan(each: Wanted, index: Index) -> Planned:
            time.sleep(0.3)
            return fleet_jobs.plan(each, index)

        with threads() as engine:
            found = fleet.run(engine, *names, policy=Policy(deadline=0.6), plan=plan)
            assert 0 < len(found) < 40
            assert fleet.left + len(found) == 40
            assert fleet.counted("is_planned") == (0,)
            assert fleet.run(engine, *names).keys() == set(names)

    @pytest.mark.slow
    def test_no_more_is_planned_than_is_soon_done(self, fleet: Fleet) -> None:
        asked: list[str] = []

        def plan(each: Wanted, index: Index) -> Planned:
            asked.append(each.name)
            return fleet_jobs.plan(each, index)

        names = ["hang", *(f"fine-{number}" for number in range(500))]
        with Store.open(fleet.store) as store, processes(1) as engine:
            rounds = fleet.begin(engine, store, names, Policy(), plan)
            for _ in range(3):
                next(rounds)
            assert 2 < len(asked) < 100
            rounds.close()  # type: ignore[attr-defined]
            for future in list(engine.executor._busy):  # type: ignore[attr-defined]
                engine.end(future)


@pytest.mark.slow
class TestOutages:
    def test_it_goes_on_when_the_index_is_back(self, fleet: Fleet) -> None:
        names = [f"reach-{number}" for number in range(8)]
        (fleet.folder / INDEX).unlink()
        threading.Timer(1.5, (fleet.folder / INDEX).touch).start()
        with threads() as engine:
            found = fleet.run(engine, *names, policy=Policy(retries=0))
        assert verdicts(found) == dict.fromkeys(names, "identical")
        outcomes = [each for name in names for each in fleet.outcomes(name)]
        assert outcomes.count("done") == 8
        # Not all of them knock at the door.
        assert 2 <= outcomes.count("unreachable") <= 6
        assert set(outcomes) == {"done", "unreachable"}

    def test_while_pages_are_not_answered_others_are_verified(self, fleet: Fleet) -> None:
        (fleet.folder / INDEX).unlink()

        def plan(each: Wanted, index: Index) -> Planned:
            if each.name.startswith("late") and not (fleet.folder / INDEX).exists():
                raise UnreachableError("The index does not answer.")
            return fleet_jobs.plan(each, index)

        threading.Timer(1.2, (fleet.folder / INDEX).touch).start()
        with threads() as engine:
            found = fleet.run(engine, "late-1", "fine-1", "late-2", "fine-2", plan=plan)
        assert list(found)[:2] == ["fine-1", "fine-2"]
        assert verdicts(found) == dict.fromkeys(found, "identical")
        assert len(found) == 4

    def test_what_is_left_when_it_stays_away_is_done_by_the_next_audit(self, fleet: Fleet) -> None:
        names = [f"reach-{number}" for number in range(8)]
        (fleet.folder / INDEX).unlink()
        with threads() as engine:
            found = fleet.run(engine, *names, policy=Policy(patience=1.2))
            assert all(isinstance(each.error, UnreachableError) for each in found.values())
            assert 0 < len(found) < len(names)
            assert fleet.left + len(found) == len(names)
            assert set(fleet.states.values()) == {"pending"}
            (fleet.folder / INDEX).touch()
            found = fleet.run(engine, *names)
        assert verdicts(found) == dict.fromkeys(names, "identical")

    def test_of_one_of_many_that_cannot_be_reached_there_is_no_verdict(self, fleet: Fleet) -> None:
        names = ["reach", *(f"fine-{number}" for number in range(30))]
        (fleet.folder / INDEX).unlink()
        with threads() as engine:
            found = fleet.run(engine, *names, policy=Policy(patience=1.2))
        assert verdicts(found) == dict.fromkeys(names, "identical") | {"reach": None}
        assert fleet.query("SELECT failed FROM run") == [(1,)]

    def test_files_that_cannot_be_had_stop_nothing_else(self, fleet: Fleet) -> None:
        names = ["reach-1", "reach-2", "reach-3", *(f"fine-{number}" for number in range(30))]
        (fleet.folder / INDEX).unlink()
        with threads() as engine:
            found = fleet.run(engine, *names, policy=Policy(patience=4.0))
        assert verdicts(found) == dict.fromkeys(names, "identical") | dict.fromkeys(names[:3])
        assert (fleet.left, *fleet.counted("failed", "is_planned")) == (0, 3, 1)

    def test_pages_that_nobody_answers_stop_no_work(self, fleet: Fleet) -> None:
        def plan(each: Wanted, index: Index) -> Planned:
            if each.name.startswith("away"):
                raise UnreachableError("The index does not answer.")
            return fleet_jobs.plan(each, index)

        names = ["fine-1", "fine-2", *(f"away-{number}" for number in range(100))]
        with threads() as engine:
            found = fleet.run(engine, *names, policy=Policy(patience=0.8), plan=plan)
        assert verdicts(found) == {"fine-1": "identical", "fine-2": "identical"}
        ((left, planned, failed),) = [fleet.counted('"left"', "planned", "failed")]
        assert (left + planned, planned - failed) == (102, 2)
        assert 0 < failed < 20

    def test_workers_that_stay_away(self, fleet: Fleet) -> None:
        with threads() as engine:
            fleet.run(engine, "one")
            empty = replace(engine, slots=lambda: 0)
            with pytest.raises(UserError, match="no worker"):
                fleet.run(empty, "one", "two", policy=Policy(patience=0.8))
        assert fleet.states == {"one": "identical", "two": "pending"}


@dataclass(eq=False)
class Item:
    delay: Delay | None = None


class TestOutage:
    """When what is tried again, by the clock."""

    error = UnreachableError("away")

    def outage(self, items: Sequence[Item], at: float = 0.0) -> Outage[Item]:
        outage: Outage[Item] = Outage(100.0)
        for item in items:
            outage.wait(item, self.error, at)
        return outage

    def test_one_at_a_time_after_growing_pauses(self) -> None:
        outage = self.outage([Item(), Item(), Item()])
        assert outage.next(0.9) is None
        tried, pauses, now = [], [], 0.0
        for _ in range(9):
            before, now = now, outage.next_at()
            item = outage.next(now)
            assert item is not None
            assert (outage.next(now), outage.next_at(), len(outage)) == (None, float("inf"), 2)
            assert not outage.lets(now)
            outage.wait(item, self.error, now)
            tried.append(item)
            pauses.append(now - before)
        assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
        assert tried[:3] == tried[3:6] == tried[6:]
        assert tried[0].delay is not None
        assert tried[0].delay.since == 0.0

    def test_all_at_once_when_there_is_an_answer(self) -> None:
        items = [Item() for _ in range(5)]
        outage = self.outage(items)
        probe = outage.next(1.0)
        assert probe is not None
        outage.answered(probe, 1.5)
        assert outage.next_at() == 0.0
        assert len([*iter(lambda: outage.next(1.5), None)]) == 4
        assert not outage

    def test_something_new_is_tried_at_the_same_pace(self) -> None:
        outage = self.outage([Item(), Item()])
        assert not outage.lets(0.9)
        for now, after in ((1.0, 3.0), (3.0, 7.0)):
            new = Item()
            assert outage.lets(now)
            outage.begun(new)
            assert not outage.lets(after)
            outage.wait(new, self.error, now)
            assert not outage.lets(after - 0.1)
            assert outage.lets(after)

    def test_an_answer_to_something_new_lets_others_and_one_that_waits(self) -> None:
        outage = self.outage([Item(), Item()])
        outage.answered(Item(), 0.5)
        assert outage.lets(0.5)
        assert not outage.is_hopeless(100.0)
        item = outage.next(0.5)
        assert item is not None
        assert outage.next(0.5) is None
        outage.wait(item, self.error, 0.6)
        assert outage.lets(0.6)  # it is that one which cannot be had
        assert not outage.is_hopeless(1000.0)

    def test_for_so_long_and_no_longer(self) -> None:
        outage = self.outage([Item()])
        assert not outage.is_hopeless(99.0)
        assert outage.is_hopeless(100.0)
        assert [*outage.expired(99.0)] == []
        assert len([*outage.expired(100.0)]) == 1
        assert not outage


class TestProcesses:
    @pytest.mark.slow
    def test_one_that_is_killed_while_it_does_nothing_is_replaced(self) -> None:
        with local_processes(1) as executor:
            number = executor.submit(os.getpid).result()
            os.kill(number, signal.SIGKILL)
            time.sleep(0.2)
            assert executor.submit(os.getpid).result() != number

    @pytest.mark.slow
    def test_more_than_there_are_processes(self) -> None:
        with local_processes(2) as executor:
            calls = [executor.submit(divmod, number, 7) for number in range(50)]
            assert [call.result() for call in calls] == [divmod(n, 7) for n in range(50)]

    @pytest.mark.slow
    def test_only_what_it_does_is_lost_with_one(self) -> None:
        with local_processes(1) as executor:
            first = executor.submit(os.kill, executor.submit(os.getpid).result(), signal.SIGKILL)
            second = executor.submit(os.getpid)
            with pytest.raises(BrokenExecutor):
                first.result()
            assert second.result()

    def test_errors_come_back(self) -> None:
        with local_processes(1) as executor, pytest.raises(ZeroDivisionError):
            executor.submit(divmod, 1, 0).result()

    @pytest.mark.slow
    def test_what_waits_is_forgotten_when_it_ends(self) -> None:
        with local_processes(1) as executor:
            busy = executor.submit(time.sleep, 0.5)
            waiting = executor.submit(time.sleep, 4711)
            executor.shutdown(wait=False)
            assert waiting.cancelled()
            busy.result()
            with pytest.raises(RuntimeError):
                executor.submit(os.getpid)


class TestEffort:
    def bench(self, seconds: float) -> Bench:
        nothing: Any = None
        return Bench(
            source=nothing,
            form=Form.WHEEL,
            workshop=nothing,
            space=nothing,
            cell=None,
            timeout=10.0,
            end=time.monotonic() + seconds,
        )

    def test_a_hook_has_what_is_left_of_the_time_for_all(self) -> None:
        assert self.bench(3600.0).time_left() == 10.0
        assert 4 < self.bench(5.0).time_left() <= 5

    def test_none_is_begun_when_there_is_none_left(self) -> None:
        with pytest.raises(LimitError) as told:
            self.bench(0.0).time_left()
        assert Failure.of(Phase.BUILD, told.value).phase is Phase.TIMEOUT


def test_a_cluster_without_dask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    told = pytest.raises(UserError, match="Dask is not installed")
    with told, cluster_engine("tcp://127.0.0.1:9", SETTINGS, patience=1, note=print):
        raise AssertionError


LONG = """\
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_fleet import Fleet, processes
if __name__ == "__main__":
    with processes(2) as engine:
        Fleet(Path({folder!r})).run(engine, *(f"{{sys.argv[1]}}{{n}}" for n in range(100_000)))
"""


@pytest.mark.slow
def test_killed_and_run_again_it_goes_on(fleet: Fleet) -> None:
    """The process that writes the store, with -9 and at any moment."""
    script = LONG.format(tests=str(Path(__file__).parent), folder=str(fleet.folder))
    done = 0
    for _ in range(3):
        child = subprocess.Popen(
            [sys.executable, "-c", script, "fine-"],
            stderr=subprocess.DEVNULL,  # where Python tells what such an end leaves behind
            start_new_session=True,
        )
        end = time.monotonic() + 30
        while fleet.known() < done + 50:
            assert time.monotonic() < end
            time.sleep(0.05)
        child.kill()
        child.wait()
        states = fleet.states
        assert sum(state == "identical" for state in states.values()) >= done + 50
        done = sum(state == "identical" for state in states.values())
    names = [name for name in fleet.states if name.startswith("fine-")]
    with threads() as engine:
        found = fleet.run(engine, *names)
    assert verdicts(found) == dict.fromkeys(names, "identical")
    assert sum(each.kept is not None for each in found.values()) == done
    outcomes = dict(fleet.query("SELECT outcome, count(*) FROM attempt GROUP BY outcome"))
    assert outcomes.keys() == {"done", "interrupted"}
    assert outcomes["done"] == len(names)
    assert fleet.query("SELECT count(*), count(DISTINCT artifact) FROM verdict") == [
        (len(names), len(names))
    ]
