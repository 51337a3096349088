"""The same audit on a real Dask cluster, on which workers and the scheduler die."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import fleet_jobs
import pytest
from audited import VERDICTS, audited, releases
from conftest import Command
from dask_cluster import Cluster, dask_cluster
from fleet_jobs import INDEX, SETTINGS, act, wanted

from samebytes.errors import UserError
from samebytes.fleet.loop.audit import Audit
from samebytes.fleet.loop.rounds import Policy, Settled
from samebytes.fleet.store.store import Store
from samebytes.fleet.workers.cluster import cluster_engine
from samebytes.fleet.workers.engine import Engine
from samebytes.fleet.workers.work import worker_name
from samebytes.index.client import Index
from samebytes.index.settings import IndexSettings

pytestmark = pytest.mark.slow

#: Dask gives what kills its worker to a second one, and to no fourth.
ONE_MORE_TRY = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"}


def results(document: Path) -> dict[str, dict[str, Any]]:
    """All that was found of each, but for how long it took, and when it was built."""
    text = re.sub(r"rebuilt file \d+ different times", "rebuilt file times", document.read_text())
    found: list[dict[str, Any]] = json.loads(text)["results"]
    for each in (one for result in found for one in result["corrections"] + result["differences"]):
        if each["kind"] == "zip-mtime":
            del each["second"]
    return {each["artifact"]: {**each, "seconds": None} for each in found}


def rows(store: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(store)) as connection:
        return connection.execute(query).fetchall()


def wait_until(is_so: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_real_audit_equals_a_local_one_also_when_they_die(
    samebytes: Command, folder: Path, tmp_path: Path
) -> None:
    """One worker with -9, while it works; then the scheduler, and all workers with it.

    Of what was audited here every other one, of all verdicts but one.
    """
    local = audited(samebytes)
    verdicts = dict([*VERDICTS.items()][1::2])
    (tmp_path / "releases.txt").write_text("\n".join(releases()[1::2]))
    store, report = tmp_path / "audit.sqlite", tmp_path / "audit.json"
    with dask_cluster(
        tmp_path, samebytes.environ | {"SAMEBYTES_WORKSPACE": str(folder)}
    ) as cluster:
        child = subprocess.Popen(
            [
                *(sys.executable, "-m", "samebytes", "audit", "--cluster", cluster.address),
                *("-r", str(tmp_path / "releases.txt"), "--quiet"),
                *("--store", str(store), "--json", str(report)),
            ],
            env=samebytes.environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        done = "SELECT count(*) FROM verdict"
        wait_until(lambda: store.exists() and bool(rows(store, "SELECT * FROM sqlite_master")))
        wait_until(lambda: rows(store, "SELECT count(*) FROM attempt")[0][0] >= 2)
        cluster.kill_worker(cluster.processes[1])
        wait_until(lambda: rows(store, done)[0][0] >= 3)
        wait_until(lambda: bool(rows(store, "SELECT 1 FROM attempt WHERE outcome IS NULL")))
        cluster.restart_scheduler()
        cluster.start_worker()
        cluster.start_worker()
        _, printed = child.communicate(timeout=120)
    assert child.returncode == 1, printed
    assert "Traceback" not in printed
    assert "distributed" not in printed
    found, expected = results(report), results(local.document)
    for name in verdicts:
        assert found[name] == expected[name]
    assert found.keys() == verdicts.keys()
    assert dict(rows(store, "SELECT filename, state FROM artifact")) == verdicts
    assert rows(store, "SELECT count(*), count(DISTINCT artifact) FROM verdict") == [
        (len(verdicts), len(verdicts))
    ]
    outcomes = [each for (each,) in rows(store, "SELECT outcome FROM attempt")]
    assert outcomes.count("done") == len(verdicts)
    # By the scheduler's death, which is nobody's fault.
    assert set(outcomes) == {"done", "cancelled"}


class TestTheLoop:
    """By jobs that take no time, and do what their names say."""

    @pytest.fixture
    def cluster(self, folder: Path) -> Iterator[Cluster]:
        (folder / INDEX).touch()
        with dask_cluster(folder, os.environ | ONE_MORE_TRY) as cluster:
            yield cluster

    def run(
        self,
        engine: Engine,
        folder: Path,
        *names: str,
        policy: Policy = Policy(),  # noqa: B008
    ) -> dict[str, Settled]:
        found: dict[str, Settled] = {}
        with Store.open(folder / "audit.sqlite") as store:
            store.begin(engine.name, 2, "a test")
            audit = Audit(
                wanted=wanted(names),
                index=Index(IndexSettings(), folder),
                engine=engine,
                settings=SETTINGS,
                store=store,
                policy=policy,
                perform=partial(act, folder),
                plan=fleet_jobs.plan,
            )
            for each in audit.rounds():
                found |= {str(one.artifact.project): one for one in each.settled}
        return found

    def test_poison_hanging_and_strange_workers(self, cluster: Cluster) -> None:
        names = ["fine-1", "die", "fine-2", "fail", "unfit-once", "hang", "fine-3"]
        notes: list[str] = []
        engine_of = partial(cluster_engine, cluster.address, SETTINGS, note=notes.append)
        with engine_of(patience=60) as engine:
            wait_until(lambda: engine.slots() == 2)
            engine = replace(engine, patience=15)
            found = self.run(engine, cluster.folder, *names, policy=Policy(retries=0))
        verdicts = {
            name: each.record.result["verdict"] for name, each in found.items() if each.record
        }
        assert verdicts == dict.fromkeys(names, "identical") | dict.fromkeys(
            ("die", "fail", "hang"), "unbuildable"
        )
        query = (
            "SELECT a.project, t.outcome FROM attempt t JOIN artifact a ON a.id = t.artifact"
            " ORDER BY t.id"
        )
        outcomes: dict[str, list[str]] = {}
        for project, outcome in rows(cluster.folder / "audit.sqlite", query):
            outcomes.setdefault(project, []).append(outcome)
        assert outcomes["die"] == ["lost"]
        assert outcomes["hang"] == ["lost"]
        assert outcomes["fail"] == ["error"]
        assert outcomes["unfit-once"] == ["cancelled", "done"]
        assert found["fine-1"].record is not None
        assert found["fine-1"].record.worker != worker_name()

    def test_one_that_does_not_answer_holds_up_nobody(self, cluster: Cluster) -> None:
        notes: list[str] = []
        engine_of = partial(cluster_engine, cluster.address, SETTINGS, note=notes.append)
        with engine_of(patience=60) as engine:
            wait_until(lambda: engine.slots() == 2)
        stopped = cluster.worker_of(cluster.processes[1])
        os.kill(stopped, signal.SIGSTOP)
        try:
            with engine_of(patience=60) as engine:
                assert engine.slots() == 1
                assert any("does not answer" in note for note in engine.notes())
                found = self.run(engine, cluster.folder, "fine-1", "fine-2", "fine-3")
                assert len(found) == 3
                assert all(each.record is not None for each in found.values())
                os.kill(stopped, signal.SIGCONT)
                wait_until(lambda: engine.slots() == 2)
        finally:
            os.kill(stopped, signal.SIGCONT)

    def test_who_is_of_no_use(self, cluster: Cluster) -> None:
        other = replace(SETTINGS, version="0.0")
        told = pytest.raises(UserError, match=r"cannot be used: .* is asked to be 0\.0")
        with told, cluster_engine(cluster.address, other, patience=60, note=print):
            raise AssertionError


def test_no_scheduler(folder: Path) -> None:
    told = pytest.raises(UserError, match="There is no Dask scheduler")
    with told, cluster_engine("tcp://127.0.0.1:9", SETTINGS, patience=1, note=print):
        raise AssertionError


def test_it_waits_for_workers_and_says_so(folder: Path) -> None:
    notes: list[str] = []
    with dask_cluster(folder, os.environ, workers=0) as cluster:
        engine_of = partial(cluster_engine, cluster.address, SETTINGS, note=notes.append)
        with pytest.raises(UserError, match="has no workers"), engine_of(patience=1):
            raise AssertionError
        assert len(notes) == 1
        cluster.start_worker(threads=2)
        with engine_of(patience=60) as engine:
            assert engine.slots() == 1
            assert any("--nthreads 1" in note for note in engine.notes())
            cluster.processes[-1].send_signal(signal.SIGTERM)
            wait_until(lambda: engine.slots() == 0)
