"""``samebytes audit``: real lock files, kept results, and an audit that is killed."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import BrokenExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from conftest import Command
from folder_index import CONSTANT, FolderIndex, folder_index, hashed
from packaging.utils import NormalizedName
from packaging.version import Version

from samebytes.cli.verifying import outcome
from samebytes.errors import UserError
from samebytes.fleet.store.documents import packed, unpacked
from samebytes.fleet.workers.batch import Done, run_here
from samebytes.report.verification import Failed
from samebytes.verify.task import Task
from samebytes.verify.verification import Verification

__all__ = ["folder_index"]  # a fixture

ABSENT = f"--hash=sha256:{'0' * 64}"

LOCK = """\
# a lock as pip writes it
idna==3.10 \\
    --hash=sha256:12f65c9b470abda6dc35cf8e63cc574b1c52b11df2c86030af0ac09b01b13ea9 \\
    --hash=sha256:946d195a0d259cbba61165e88e65941f16e9b36ea6ddb97f00452bae8b1287d3
iniconfig==2.0.0
typing-extensions==4.12.2
six==1.17.0
click==8.1.8
-e ./here
"""
VERDICTS = {
    "click-8.1.8-py3-none-any.whl": "identical",
    "idna-3.10-py3-none-any.whl": "identical",
    "iniconfig-2.0.0-py3-none-any.whl": "identical",
    "six-1.17.0-py2.py3-none-any.whl": "equivalent",
    "typing_extensions-4.12.2-py3-none-any.whl": "identical",
}


def verdicts(document: Path) -> dict[str, str]:
    results = json.loads(document.read_text())["results"]
    return {result["artifact"]: result["verdict"] for result in results}


def kept(store: Path) -> dict[str, str]:
    """The verdicts that will not be found again, by the artifacts' names."""
    if not store.exists():
        return {}
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as connection:
        try:
            return dict(
                connection.execute(
                    "SELECT filename, verdict.verdict FROM artifact"
                    " JOIN verdict ON verdict.id = artifact.verdict WHERE lasting"
                )
            )
        except sqlite3.OperationalError:
            return {}  # nothing is in it yet


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    path = tmp_path / "requirements.txt"
    path.write_text(LOCK)
    return path


@pytest.mark.slow
def test_killed_again_and_again_it_goes_on(
    samebytes: Command, lock: Path, tmp_path: Path, folder: Path
) -> None:
    """Killed while it works, later each time; the result is that of one audit."""
    report, store = tmp_path / "report.json", tmp_path / "audit.sqlite"
    command = [sys.executable, "-m", "samebytes", "audit", "-r", str(lock), "--store"]
    command += [str(store), "--allow-skipped"]
    environ = samebytes.environ | {"SAMEBYTES_WORKSPACE": str(folder)}
    known: dict[str, str] = {}
    for number in range(3):
        child = subprocess.Popen(
            [*command, "--workers", "2", "--json", str(report)],
            env=environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            child.wait(timeout=1.0 + 0.8 * number)
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
        child.wait()
        assert known.items() <= kept(store).items()
        known = kept(store)
    wait_until_nothing_is_left(folder)
    last = subprocess.run(
        [*command, "--json", str(report)], env=environ, capture_output=True, text=True
    )
    assert last.returncode == 0, last.stderr
    assert verdicts(report) == VERDICTS
    assert kept(store) == VERDICTS
    wait_until_nothing_is_left(folder)


def wait_until_nothing_is_left(folder: Path) -> None:
    """Workers and guards end by themselves, a moment after whoever started them."""
    end = time.monotonic() + 20
    while left := [*folder.iterdir(), *processes(folder)]:
        assert time.monotonic() < end, left
        time.sleep(0.1)


def processes(folder: Path) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                environ = (entry / "environ").read_bytes()
            except OSError:
                continue
            if f"SAMEBYTES_WORKSPACE={folder}".encode() in environ.split(b"\0"):
                found.append(entry.name)
    return found


@pytest.mark.slow
def test_hashes_of_a_lock_and_of_the_files(folder_index: FolderIndex) -> None:
    """None that fits; one that no file has beside some that do; one of another platform's wheel."""
    sdist, wheel = folder_index.publish("one")
    done = folder_index.audit("-r", folder_index.lock(f"one==1.0 {ABSENT}"))
    assert done.status == 2
    assert "has a hash that the lock file names" in done.stderr
    report = folder_index.root / "report.json"
    lock = folder_index.lock(f"one==1.0 {hashed(wheel)} {hashed(sdist)} {ABSENT}")
    done = folder_index.audit("-r", lock, "--json", report)
    assert done.status == 1
    assert "one==1.0: no file on the index has the hash sha256:0000" in done.stdout
    assert "1 artifact: 1 identical; 1 unmatched hash" in done.stdout
    document = json.loads(report.read_text())
    assert document["unmatched"] == [{"release": "one==1.0", "sha256": "0" * 64}]
    assert document["status"] == "finding"
    other = wheel.with_name("one-1.0-cp38-cp38-win_amd64.whl")
    other.write_bytes(b"for Windows")
    folder_index.list("one")
    lock = folder_index.lock(f"one==1.0 {hashed(wheel)} {hashed(sdist)} {hashed(other)}")
    done = folder_index.audit("-r", lock, "--json", "-")
    document = json.loads(done.stdout)
    assert (done.status, document["unmatched"]) == (0, [])
    assert [each["entry"] for each in document["skipped"]] == [False]


@pytest.mark.slow
def test_a_lock_of_which_nothing_can_be_verified(folder_index: FolderIndex) -> None:
    sdist, _ = folder_index.publish("one")
    unnamed = "one @ https://files.example/one-1.0.tar.gz"
    for line in (unnamed, "one>=1", "-e ./here", f"one==1.0 {hashed(sdist)}"):
        lock = folder_index.lock(line)
        done = folder_index.audit("-r", lock, "--allow-skipped", "--json", "-")
        assert done.status == 2
        assert "There is nothing in it that can be verified" in done.stderr
        document = json.loads(done.stdout)
        assert (document["status"], len(document["skipped"])) == ("failed", 1)


@pytest.mark.slow
def test_an_entry_that_is_skipped_is_a_finding(folder_index: FolderIndex) -> None:
    folder_index.publish("one")
    lock = folder_index.lock("one==1.0", "two>=1", "-e ./here")
    done = folder_index.audit("-r", lock)
    assert done.status == 1
    assert "1 artifact: 1 identical; 2 entries skipped" in done.stdout
    done = folder_index.audit("-r", lock, "--allow-skipped", "--json", "-")
    assert (done.status, json.loads(done.stdout)["status"]) == (0, "verified")


def changed(store: Path, wheel: str, **members: object) -> None:
    """The document that is kept of a wheel, with other members."""
    with closing(sqlite3.connect(store)) as connection, connection:
        ((number, data),) = connection.execute(
            "SELECT document.verdict, result FROM document"
            " JOIN artifact ON artifact.verdict = document.verdict WHERE filename = ?",
            [wheel],
        ).fetchall()
        document = unpacked(data) | members
        for name in [name for name, value in members.items() if value is ...]:
            del document[name]
        values = [packed(document), number]
        connection.execute("UPDATE document SET result = ? WHERE verdict = ?", values)


@pytest.mark.slow
def test_what_was_kept_is_said_to_be_and_counts_on_the_same_terms(
    folder_index: FolderIndex,
) -> None:
    def audited(*options: str) -> dict[str, Any]:
        done = folder_index.audit("one==1.0", *options, "--json", "-")
        (result,) = json.loads(done.stdout)["results"]
        return cast("dict[str, Any]", result)

    folder_index.publish("one")
    result = audited()
    assert (result["kept"], result["sandboxed"]) == (None, True)
    today = str(datetime.now(UTC).date())
    assert today in folder_index.audit("one==1.0").stdout
    assert audited()["kept"].startswith(today)
    assert audited("--again")["kept"] is None
    assert audited("--max-attempts", "9")["kept"] is None
    result = audited("--no-sandbox")
    assert (result["kept"], result["sandboxed"]) == (None, False)
    shown = folder_index.audit("one==1.0", "--no-sandbox", "--verbose").stdout
    assert "without a sandbox" in " ".join(shown.split())
    assert today in shown


NO_RESULTS: tuple[dict[str, object], ...] = (
    {"verdict": "trusted"},
    {"sha256": "0" * 64},
    {"causes": ...},
    {"recipe": {}},
)


@pytest.mark.slow
def test_what_is_no_result_is_not_believed(folder_index: FolderIndex) -> None:
    """Of each that is changed, and of none besides."""
    names = [f"project{number}" for number, _ in enumerate(NO_RESULTS)]
    for name in (*names, "untouched"):
        folder_index.publish(name)
    releases = [f"{name}==1.0" for name in (*names, "untouched")]
    assert folder_index.audit(*releases).status == 0
    for name, members in zip(names, NO_RESULTS, strict=True):
        changed(folder_index.store, f"{name}-1.0-py3-none-any.whl", **members)
    *found, last = json.loads(folder_index.audit(*releases, "--json", "-").stdout)["results"]
    assert [result["artifact"].partition("-")[0] for result in found] == names
    assert [result["verdict"] for result in found] == ["identical"] * len(names)
    assert [result["kept"] for result in found] == [None] * len(names)
    assert last["kept"]


@pytest.mark.slow
def test_a_store_in_the_current_folder_is_not_believed(folder_index: FolderIndex) -> None:
    folder_index.publish("one")
    data = folder_index.root / "data"
    environ = folder_index.environ | {"XDG_DATA_HOME": str(data)}
    del environ["SAMEBYTES_STORE"]
    (folder_index.root / "samebytes-audit.sqlite").write_bytes(b"a trap")
    done = folder_index.samebytes("audit", "one==1.0", cwd=folder_index.root, env=environ)
    assert done.status == 0, done.stderr
    assert kept(data / "samebytes/audit.sqlite") == {"one-1.0-py3-none-any.whl": "identical"}


#: Not when it is published.
HERE = """
if "trees" not in os.getcwd():
    {act}
"""


@pytest.mark.slow
def test_what_may_be_otherwise_tomorrow_is_not_kept(folder_index: FolderIndex) -> None:
    folder_index.publish("slow", CONSTANT + HERE.format(act="time.sleep(60)"))
    folder_index.publish("broken", CONSTANT + HERE.format(act="raise SystemExit(1)"))
    done = folder_index.audit("slow==1.0", "broken==1.0", "--timeout", "2", "--json", "-")
    phases = [each["failure"]["phase"] for each in json.loads(done.stdout)["results"]]
    assert sorted(phases) == ["build", "timeout"]
    assert kept(folder_index.store) == {"broken-1.0-py3-none-any.whl": "unbuildable"}


SLEEPY = CONSTANT + HERE.format(act="time.sleep(1)")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("to_group", "after"),
    [(True, 1), (False, 0)],
    ids=["ctrl-c after a result", "sigterm at once"],
)
def test_interrupted_it_says_no_more_than_that(
    folder_index: FolderIndex, to_group: bool, after: int
) -> None:
    names = [f"sleepy{number}" for number in range(2)]
    for name in names:
        folder_index.publish(name, SLEEPY)
    folder_index.publish("quick")
    base = folder_index.root / "work"
    base.mkdir()
    environ = folder_index.samebytes.environ | folder_index.environ
    requirements = [f"{name}==1.0" for name in ("quick", *names)]
    child = subprocess.Popen(
        [sys.executable, "-m", "samebytes", "audit", *requirements, "--workers", "2"],
        env=environ | {"SAMEBYTES_WORKSPACE": str(base)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    end = time.monotonic() + 60
    while len(kept(folder_index.store)) < after or not folder_index.store.exists():
        assert time.monotonic() < end
        time.sleep(0.05)
    time.sleep(0.5)
    if to_group:
        os.killpg(child.pid, signal.SIGINT)
    else:
        child.terminate()
    _, printed = child.communicate(timeout=60)
    assert child.returncode == 2
    assert "Interrupted" in printed
    assert "Traceback" not in printed
    assert len(printed.strip().splitlines()) == 2, printed
    wait_until_nothing_is_left(base)
    assert len(known := kept(folder_index.store)) >= after
    done = folder_index.audit(*requirements)
    assert "3 artifacts: 3 identical" in done.stdout
    assert not known or f"{len(known)} of 3 from" in done.stderr


class TestTasksThatFail:
    """Each by itself, whatever it fails with."""

    task = Task(
        name=NormalizedName("one"), version=Version("1"), published=Path("x.whl"), source=None
    )

    def done(self, error: BaseException) -> Done:
        def perform(task: Task) -> Verification:
            raise error

        (found,) = run_here([self.task], perform)
        return found

    def test_by_an_error_of_ours(self) -> None:
        error = UserError("A message.")
        assert self.done(error).error is error

    def test_by_what_nobody_thought_of(self) -> None:
        found = self.done(RecursionError("too deep")).error
        assert isinstance(found, UserError)
        assert found.message == "Unexpected RecursionError: too deep."
        assert "bug of samebytes" in found.hint
        assert "The system reports" in str(self.done(OSError(28, "No space")).error)

    def test_by_what_ends_its_process(self) -> None:
        assert "that verified x.whl was killed" in str(self.done(BrokenExecutor()).error)

    def test_by_what_ends_all(self) -> None:
        with pytest.raises(KeyboardInterrupt):
            self.done(KeyboardInterrupt())

    def test_what_cannot_be_reported(self) -> None:
        broken: Any = Done(task=self.task, verification=cast("Any", object()))
        found = outcome(broken, sandboxed=True)
        assert isinstance(found, Failed)
        assert "Unexpected AttributeError" in found.error.message
