"""Audits by the command of what hangs, fills the disk and kills, and of an index that goes away."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from conftest import Result
from folder_index import CONSTANT, FolderIndex, folder_index
from packaging.utils import canonicalize_name

from samebytes.fleet.inputs.wanted import Wanted
from samebytes.fleet.loop.audit import Audit
from samebytes.fleet.loop.rounds import Policy
from samebytes.fleet.store.store import Store
from samebytes.fleet.workers.pool import local_engine
from samebytes.fleet.workers.work import Here, Settings
from samebytes.index.client import Index
from samebytes.index.settings import IndexSettings
from samebytes.process import Runner
from samebytes.request import Workshop
from samebytes.sandbox.bounds import Bounds
from samebytes.verify.means import Effort, Means

__all__ = ["folder_index"]  # a fixture

pytestmark = pytest.mark.slow

#: Not when it is published.
HERE = """
if "trees" not in os.getcwd():
    {act}
"""
HANGING = CONSTANT + HERE.format(act="time.sleep(4711)")
FILLING = CONSTANT + HERE.format(
    act='[open(str(n), "wb").write(bytes(2**20)) or time.sleep(0.01) for n in range(10_000)]'
)
#: The parent of a hook is what verifies; in a sandbox it would not be seen.
KILLING = CONSTANT + HERE.format(act="os.kill(os.getppid(), 9)")
SLEEPY = CONSTANT + HERE.format(act="time.sleep(0.5)")


def results(done: Result) -> dict[str, dict[str, Any]]:
    return {each["artifact"].partition("-")[0]: each for each in json.loads(done.stdout)["results"]}


def outcomes(store: Path, project: str) -> list[str]:
    with closing(sqlite3.connect(store)) as connection:
        query = (
            "SELECT t.outcome FROM attempt t JOIN artifact a ON a.id = t.artifact"
            " WHERE a.project = ? ORDER BY t.id"
        )
        return [outcome for (outcome,) in connection.execute(query, (project,))]


def test_what_kills_who_verifies_it_is_set_aside(folder_index: FolderIndex) -> None:
    for name, content in (("one", CONSTANT), ("killing", KILLING), ("two", CONSTANT)):
        folder_index.publish(name, content)
    releases = ("killing==1.0", "one==1.0", "two==1.0")
    options = ("--no-sandbox", "--workers", "2", "--retries", "1", "--json", "-")
    done = folder_index.audit(*releases, *options)
    assert done.status == 1, done.stderr
    found = results(done)
    verdicts = {name: each["verdict"] for name, each in found.items()}
    assert verdicts == {"one": "identical", "two": "identical", "killing": "unbuildable"}
    assert found["killing"]["failure"]["phase"] == "worker"
    assert outcomes(folder_index.store, "killing") == ["lost", "lost"]
    assert outcomes(folder_index.store, "one") == ["done"]
    again = folder_index.audit(*releases, *options)
    assert results(again)["killing"]["kept"]


def test_what_hangs_or_fills_the_disk_is_bounded(folder_index: FolderIndex) -> None:
    """Each artifact by itself; nothing of it stays."""
    for name, content in (("one", CONSTANT), ("hanging", HANGING), ("filling", FILLING)):
        folder_index.publish(name, content)
    base = folder_index.root / "work"
    base.mkdir()
    url = folder_index.environ["PIP_INDEX_URL"]
    effort, bounds = Effort(total=4.0), Bounds(disk=32 * 1024**2)
    index = IndexSettings(index_url=url)
    workshop = Workshop(
        runner=Runner(),
        environ=os.environ,
        index=index,
        cache=folder_index.root / "cache",
        reporter=_Silent(),
        base=base,
    )
    means = Means.prepare(workshop, effort, bounds)
    here = Here(means=replace(means, effort=effort), cache=workshop.cache, base=base)
    settings = Settings(effort=effort, bounds=bounds, index=index, here=here)
    names = ("hanging", "filling", "one")
    found = {}
    with Store.open(folder_index.store) as store, local_engine(2, settings) as engine:
        store.begin(engine.name, 2, "a test")
        audit = Audit(
            wanted=[Wanted(name=canonicalize_name(name), origin="a test") for name in names],
            index=Index(index, workshop.downloads),
            engine=engine,
            settings=settings,
            store=store,
            policy=Policy(),
        )
        for each in audit.rounds():
            for settled in each.settled:
                assert settled.record is not None
                found[str(settled.artifact.project)] = settled.record.result
    assert found["one"]["verdict"] == "identical"
    assert found["hanging"]["failure"]["phase"] == "timeout"
    assert found["filling"]["failure"]["phase"] == "limit"
    assert all(outcomes(folder_index.store, name) == ["done"] for name in names)
    assert list(base.iterdir()) == []


#: More than there is, and faster than anybody looks.
FAT = CONSTANT + HERE.format(act='open("fat", "wb").write(bytes(64 * 2**20))')
ON_A_SMALL_DISK = """\
mount -t tmpfs -o size=32m none "$1" || exit 77
shift
exec "$@"
"""


def test_a_full_disk_of_the_machine_is_no_verdict_that_lasts(folder_index: FolderIndex) -> None:
    for name, content in (("fat", FAT), ("one", CONSTANT)):
        folder_index.publish(name, content)
    base = folder_index.root / "work"
    base.mkdir()
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", ON_A_SMALL_DISK]
    command += ["sh", str(base), sys.executable, "-m", "samebytes", "audit", "fat", "one"]
    done = subprocess.run(
        [*command, "--workspace", str(base), "--workers", "1", "--json", "-"],
        env=folder_index.samebytes.environ | folder_index.environ,
        capture_output=True,
        text=True,
    )
    if done.returncode == 77:
        pytest.skip(f"nothing can be mounted here: {done.stderr}")
    assert done.returncode == 1, done.stderr
    found = {each["artifact"]: each for each in json.loads(done.stdout)["results"]}
    assert found["one-1.0-py3-none-any.whl"]["verdict"] == "identical"
    failure = found["fat-1.0-py3-none-any.whl"]["failure"]
    assert failure["phase"] == "limit"
    assert "so much of the disk" in failure["message"]
    with closing(sqlite3.connect(folder_index.store)) as connection:
        query = "SELECT lasting FROM verdict WHERE verdict = 'unbuildable'"
        assert connection.execute(query).fetchall() == [(0,)]


def hashed_page(files: Sequence[Path]) -> None:
    """The page of a project, with the hashes of its files."""
    links = (
        f'<a href="{path.name}#sha256={sha256(path.read_bytes()).hexdigest()}">{path.name}</a>'
        for path in files
    )
    files[0].with_name("index.html").write_text("<!doctype html>" + "".join(links))


class _Silent:
    def step(self, text: str) -> None: ...

    def fact(self, label: str, text: str) -> None: ...

    def warn(self, text: str) -> None: ...


@contextmanager
def served(root: Path, port: int) -> Iterator[None]:
    """The index over HTTP, for as long as the block."""
    server = subprocess.Popen(
        [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"],
        cwd=root,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + 30
        while time.monotonic() < end:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        yield
    finally:
        server.kill()
        server.wait()


def test_an_index_that_is_down_for_a_while(folder_index: FolderIndex) -> None:
    """Before the first answer, and again when some have their verdicts."""
    names = [f"project{number}" for number in range(8)]
    for name in names:
        hashed_page(folder_index.publish(name, SLEEPY))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environ = folder_index.samebytes.environ | folder_index.environ
    environ |= {"PIP_INDEX_URL": f"http://127.0.0.1:{port}/simple", "PIP_RETRIES": "0"}
    report = folder_index.root / "report.json"
    command = [sys.executable, "-m", "samebytes", "audit", *(f"{name}==1.0" for name in names)]
    child = subprocess.Popen(
        [*command, "--workers", "2", "--quiet", "--json", str(report)],
        env=environ,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(3)
    with served(folder_index.root, port):
        end = time.monotonic() + 60
        while len(known(folder_index.store)) < 2:
            assert time.monotonic() < end
            time.sleep(0.05)
    time.sleep(3)
    with served(folder_index.root, port):
        _, printed = child.communicate(timeout=120)
    assert child.returncode == 0, printed
    document = json.loads(report.read_text())
    assert [each["verdict"] for each in document["results"]] == ["identical"] * len(names)
    assert document["failed"] == []
    ended = [outcome for name in names for outcome in outcomes(folder_index.store, name)]
    assert ended.count("done") == len(names)
    assert "unreachable" in ended
    assert set(ended) == {"done", "unreachable"}


def known(store: Path) -> list[tuple[str, ...]]:
    with suppress(sqlite3.OperationalError), closing(sqlite3.connect(store)) as connection:
        return connection.execute("SELECT 1 FROM verdict").fetchall()
    return []
