"""``samebytes audit``: real lock files, kept results, and an audit that is killed."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import Command

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
    if not store.exists():
        return {}
    with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as connection:
        try:
            return dict(connection.execute("SELECT filename, verdict FROM result"))
        except sqlite3.OperationalError:
            return {}  # nothing is in it yet


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    path = tmp_path / "requirements.txt"
    path.write_text(LOCK)
    return path


@pytest.mark.slow
def test_results_are_kept(samebytes: Command, lock: Path, tmp_path: Path) -> None:
    report, store = tmp_path / "report.json", tmp_path / "audit.sqlite"
    first = samebytes("audit", "-r", lock, "--store", store, "--json", report)
    assert first.status == 0, first.stderr
    assert verdicts(report) == VERDICTS
    assert "5 artifacts: 4 identical, 1 equivalent" in first.stdout
    assert "skipped" in first.stderr
    before = report.read_text()
    again = samebytes("audit", "-r", lock, "--store", store, "--json", report)
    assert "5 of 5 from" in again.stderr
    assert report.read_text() == before  # the seconds too: nothing was done again
    more = samebytes("audit", "-r", lock, "packaging==24.2", "--store", store, "--json", report)
    assert "5 of 6 from" in more.stderr
    assert verdicts(report) == VERDICTS | {"packaging-24.2-py3-none-any.whl": "identical"}


@pytest.mark.slow
def test_killed_again_and_again_it_goes_on(
    samebytes: Command, lock: Path, tmp_path: Path, folder: Path
) -> None:
    """Killed while it works, ten times if it takes so long; the result is that of one audit."""
    report, store = tmp_path / "report.json", tmp_path / "audit.sqlite"
    command = [sys.executable, "-m", "samebytes", "audit", "-r", str(lock), "--store", str(store)]
    environ = samebytes.environ | {"SAMEBYTES_WORKSPACE": str(folder)}
    known: dict[str, str] = {}
    for number in range(10):
        child = subprocess.Popen(
            [*command, "--workers", "2", "--json", str(report)],
            env=environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            child.wait(timeout=1.0 + 0.25 * number)
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
        child.wait()
        assert known.items() <= kept(store).items()
        known = kept(store)
    wait_until_nothing_is_left(folder)
    last = subprocess.run([*command, "--json", str(report)], env=environ, capture_output=True, text=True)
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


def test_a_lock_that_names_other_hashes(samebytes: Command, tmp_path: Path) -> None:
    lock = tmp_path / "requirements.txt"
    lock.write_text(f"six==1.17.0 --hash=sha256:{'0' * 64}\n")
    done = samebytes("audit", "-r", lock, "--store", tmp_path / "store")
    assert done.status == 2
    assert "has a hash that the lock file names" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "There is nothing to audit"),
        (["six"], "is neither a file nor one release"),
        (["-r", "missing.txt"], "missing.txt"),
        (["six==1.17.0", "--store", "/proc/store"], "/proc/store"),
        (["six==1.17.0", "--json", "/nowhere/x.json"], "/nowhere/x.json"),
    ],
)
def test_what_cannot_be_audited(
    samebytes: Command, tmp_path: Path, arguments: list[str], reason: str
) -> None:
    done = samebytes("audit", *arguments, cwd=tmp_path)
    assert done.status == 2
    assert reason in done.stderr
    assert done.stdout == ""
