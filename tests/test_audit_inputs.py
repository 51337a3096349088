"""``samebytes audit`` of projects by name: which releases, how many, and what is done again."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from audited import INFERRED, SUBSET, VERDICTS, Audited, audited
from conftest import Command
from folder_index import CONSTANT, FolderIndex, folder_index

from samebytes.infer.candidates import VERSION as RULES

__all__ = ["folder_index"]  # a fixture


def document(index: FolderIndex, *arguments: str | Path) -> dict[str, Any]:
    done = index.audit(*arguments, "--json", "-")
    found: dict[str, Any] = json.loads(done.stdout)
    return found | {"exit": done.status, "stderr": done.stderr}


def artifacts(found: dict[str, Any]) -> list[str]:
    return [each["artifact"].partition("-py3")[0] for each in found["results"]]


def new(found: dict[str, Any]) -> list[str]:
    """Those that were verified by this run."""
    return artifacts({"results": [each for each in found["results"] if each["kept"] is None]})


@pytest.mark.slow
def test_which_releases_of_a_project(folder_index: FolderIndex) -> None:
    for version in ("1.0", "2.0", "3.0rc1"):
        folder_index.publish("one", version=version)
    found = document(folder_index, "one")
    assert (found["exit"], artifacts(found)) == (0, ["one-2.0"])
    found = document(folder_index, "one", "--versions", "all")
    assert (found["exit"], artifacts(found)) == (0, ["one-3.0rc1", "one-2.0", "one-1.0"])
    assert new(found) == ["one-3.0rc1", "one-1.0"]
    assert "1 of 3 from" in found["stderr"]
    found = document(folder_index, "one", "--versions", "since:2026-01-01")
    assert (found["exit"], found["status"], found["results"]) == (2, "failed", [])
    assert found["failed"][0]["artifact"] == "one"
    assert "does not say when files of one were uploaded" in found["stderr"]
    assert "--versions latest" in found["stderr"]


@pytest.mark.slow
def test_the_most_used_first_and_no_more_than_asked_for(folder_index: FolderIndex) -> None:
    for name in ("one", "two", "three"):
        folder_index.publish(name)
    top = folder_index.root / "top.csv"
    top.write_text("project,downloads\none,5\ntwo,7\nthree,6\nfour,4\n")
    found = document(folder_index, "--projects", top, "--limit", "1", "--workers", "2")
    assert (found["exit"], found["status"], found["left"]) == (1, "finding", 3)
    assert artifacts(found) == ["two-1.0"]
    assert found["failed"] == []  # there is no such project, but nobody came as far as that
    found = document(folder_index, "four", "--limit", "1")
    assert [each["artifact"] for each in found["failed"]] == ["four"]
    top.write_text("project,downloads\none,5\ntwo,7\nthree,6\n")
    found = document(folder_index, "--projects", top, "--limit", "1")
    assert (found["exit"], found["status"], found["left"]) == (1, "finding", 1)
    assert new(found) == ["three-1.0"]
    done = folder_index.audit("--projects", top, "--deadline", "0.001s", "--allow-skipped")
    assert done.status == 0
    assert "left for another time" in done.stdout
    done = folder_index.audit("--projects", top)
    assert done.status == 0
    assert "3 artifacts: 3 identical\n" in done.stdout
    assert "2 of 3 from" in done.stderr


@pytest.mark.slow
def test_what_changes_is_verified_again_and_nothing_else(folder_index: FolderIndex) -> None:
    """An artifact that is withdrawn, or rules of inference that are of another version."""
    names = ("one", "two", "three")
    for name in names:
        folder_index.publish(name)
    assert len(new(document(folder_index, *names))) == 3
    folder_index.list("two", yanked="two-1.0-py3-none-any.whl")
    found = document(folder_index, *names)
    assert new(found) == ["two-1.0"]
    assert [each["remarks"] for each in found["results"] if each["kept"] is None] == [
        ["It was yanked."]
    ]
    assert new(document(folder_index, *names)) == []
    with closing(sqlite3.connect(folder_index.store)) as connection, connection:
        connection.execute(
            "UPDATE verdict SET inference = ? WHERE artifact ="
            " (SELECT id FROM artifact WHERE project = 'one')",
            [RULES - 1],
        )
    assert new(document(folder_index, *names)) == ["one-1.0"]
    folder_index.list("two")
    assert new(document(folder_index, *names)) == []  # it is as it was


SLEEPY = CONSTANT + 'if "trees" not in os.getcwd(): time.sleep(1)\n'


@pytest.mark.slow
def test_an_audit_is_watched_from_elsewhere(folder_index: FolderIndex) -> None:
    for name in ("one", "two"):
        folder_index.publish(name, SLEEPY)
    samebytes, store = folder_index.samebytes, folder_index.store
    child = subprocess.Popen(
        [sys.executable, "-m", "samebytes", "audit", "one", "two", "--workers", "1"],
        env=samebytes.environ | folder_index.environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    end = time.monotonic() + 60
    run: dict[str, Any] = {}
    while not run.get("under_way"):
        assert time.monotonic() < end
        done = samebytes.here("audit", "--status", store, "--json", "-")
        run = (json.loads(done.stdout)["run"] if done.stdout else None) or {}
        time.sleep(0.1)
    assert (run["pid"], run["ended_at"]) == (child.pid, None)
    assert run["under_way"][0]["artifact"].endswith(".whl")
    followed = samebytes("audit", "--status", store, "--follow")
    assert child.wait() == 0
    assert followed.status == 0
    assert "has ended" in followed.stdout
    assert "2 of 2" in followed.stdout
    assert "2 identical" in followed.stdout


@pytest.fixture
def real(samebytes: Command) -> Audited:
    return audited(samebytes)


@pytest.mark.slow
class TestRealReleases:
    """Published by others, with all verdicts that there are."""

    def test_have_their_verdicts(self, real: Audited) -> None:
        assert {each["artifact"]: each["verdict"] for each in real.results} == VERDICTS
        assert (real.status, len(VERDICTS)) == (1, SUBSET)
        assert f"{SUBSET} artifacts: 9 identical, 4 equivalent, 1 different, 1 unb" in real.stdout
        for each in real.results:
            if each["verdict"] == "equivalent":
                levels = {correction["level"] for correction in each["corrections"]}
                assert (levels, each["differences"]) == ({"container"}, [])
        (yanked,) = [each for each in real.results if each["remarks"]]
        assert yanked["artifact"].startswith("click-8.2.2")

    def test_are_built_as_they_were(self, real: Audited) -> None:
        results = {each["artifact"]: each for each in real.results}
        for name, inferred in INFERRED.items():
            said = [each[key] for each in results[name]["evidence"] for key in ("value", "why")]
            assert any(inferred in text for text in said), (name, said)
            assert (results[name]["attempts"], results[name]["tried"]) == (1, [])

    def test_are_shown_without_being_audited(
        self, real: Audited, samebytes: Command, tmp_path: Path
    ) -> None:
        store = tmp_path / "audit.sqlite"
        shutil.copy(real.store, store)
        exports = [tmp_path / f"all{suffix}" for suffix in (".jsonl", ".parquet")]
        options = [word for path in exports for word in ("--export", path)]
        done = samebytes("audit", "--store", store, "--html", tmp_path / "site", *options)
        assert (done.status, done.stdout) == (0, ""), done.stderr
        lines = [json.loads(line) for line in exports[0].read_text().splitlines()]
        assert {line["filename"]: line["verdict"] for line in lines} == VERDICTS
        assert exports[1].read_bytes()[:4] == b"PAR1"
        front = (tmp_path / "site/index.html").read_text()
        assert f"{SUBSET} artifacts" in front
        assert "wcwidth" in front

    def test_are_all_kept(self, real: Audited, samebytes: Command, tmp_path: Path) -> None:
        """And what is asked for besides is verified."""
        store, report = tmp_path / "audit.sqlite", tmp_path / "again"
        shutil.copy(real.store, store)
        arguments = (
            "-r",
            real.store.with_name("releases.txt"),
            "iniconfig==2.0.0",
            "--store",
            store,
        )
        done = samebytes("audit", *arguments, "--json", report)
        assert done.status == 1
        lasting = SUBSET - 1  # requirements may be there tomorrow
        assert f"{lasting} of {SUBSET + 1} from" in done.stderr, done.stderr
        again = json.loads(report.read_text())["results"]
        kept = {each["artifact"]: each for each in again if each.pop("kept")}
        assert len(kept) == lasting
        for each in real.results:
            assert each.pop("kept") is None
            # The seconds, too: nothing was done again.
            assert kept.get(each["artifact"], each) == each


# What makes no sense

REFUSED = [
    ([], "There is nothing to audit"),
    (["--store", "x.sqlite"], "There is nothing to audit"),
    (["--limit", "5"], "There is nothing to audit"),
    (["--html", "site", "--limit", "5"], "--html and --export alone show what is in the store"),
    (["--html", "site", "--json", "-"], "--html and --export alone show what is in the store"),
    (["six>=1"], "is neither a project nor one release"),
    (["requirements.txt"], "-r requirements.txt, or --projects requirements.txt"),
    (["six.whl"], "samebytes verify six.whl"),
    (["-r", "missing.txt"], "There is no file missing.txt"),
    (["--projects", "missing.txt"], "There is no file missing.txt"),
    (["--projects", "no-list"], "no-list is no list of projects: line 1"),
    (["six==1.17.0", "--store", "/proc/store"], "/proc/store"),
    (["six==1.17.0", "--store", "nowhere/x.sqlite"], "There is no folder nowhere"),
    (["six==1.17.0", "--json", "/nowhere/x.json"], "/nowhere/x.json"),
    (["six==1.17.0", "--versions", "all"], "all that is named is pinned"),
    (["six", "--versions", "newest"], "'newest' is not latest, all, or since:DATE"),
    (["six", "--versions", "since:may"], "'since:may' is not latest, all, or since:DATE"),
    (["six", "--deadline", "soon"], "'soon' is no time such as 90s, 30m, 2h or 1d"),
    (["six", "--deadline", "0"], "'0' is no time"),
    (["six", "--patience", "9999999d"], "'9999999d' is no time"),
    (["six", "--limit", "0"], "0 is not in the range"),
    (["six", "--retries", "-1"], "-1 is not in the range"),
    (["six", "--workers", "2", "--cluster", "x"], "--workers and --cluster exclude each other"),
    (["six", "--cluster", "scheduler"], "'scheduler' is not the address of a scheduler"),
    (["six", "--cluster", "tcp://"], "'tcp://' is not the address of a scheduler"),
    (["six", "--cluster", ""], "'' is not the address of a scheduler"),
    (["six", "--export", "all.xlsx"], "all.xlsx is neither JSON lines nor Parquet"),
    (["six", "--export", "nowhere/all.jsonl"], "There is no folder nowhere"),
    (["six", "--html", "other"], "other holds something else than a site"),
    (["six", "--html", "no-list"], "no-list is not a folder"),
    (["six", "--html", "/proc/site"], "/proc/site cannot be written"),
    (["--html", "site", "--store", "x.sqlite"], "x.sqlite"),
    (["--follow"], "--follow is for --status STORE"),
    (["six", "--follow"], "--follow is for --status STORE"),
    (["six", "--status", "x.sqlite"], "--status shows an audit, and begins none"),
    (["--status", "x.sqlite", "--html", "site"], "--status shows an audit, and begins none"),
    (["--status", "x.sqlite", "--limit", "1"], "--status shows an audit, and begins none"),
    (["--status", "x.sqlite"], "x.sqlite"),
    (["--status", "no-list"], "no-list"),
]


@pytest.mark.parametrize(
    ("arguments", "reason"), REFUSED, ids=[" ".join(arguments) for arguments, _ in REFUSED]
)
def test_what_cannot_be_audited(
    samebytes: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    reason: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    (tmp_path / "no-list").write_text("django==5.2\n")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/file").touch()
    before = sorted(os.listdir(tmp_path))
    done = samebytes.here("audit", *arguments)
    assert done.status == 2
    assert reason in " ".join(done.stderr.split())
    assert sorted(os.listdir(tmp_path)) == before
    if "-" not in arguments:
        assert done.stdout == ""


def test_nothing_named_as_json(samebytes: Command) -> None:
    done = samebytes.here("audit", "--json", "-")
    assert done.status == 2
    assert "nothing to audit" in json.loads(done.stdout)["error"]["message"]


def test_the_help_has_every_option_under_a_title(samebytes: Command) -> None:
    done = samebytes.here("audit", "--help")
    assert done.status == 0
    assert "samebytes audit --status audit.sqlite --follow" in done.stdout
    *_, rest = done.stdout.partition("Other options:")
    assert rest.split("\n")[1:] == ["  -h, --help  Show this message and exit.", ""]


def test_a_shell_completes_the_releases(samebytes: Command) -> None:
    done = samebytes("", env={"_SAMEBYTES_COMPLETE": "bash_complete", "COMP_CWORD": "3",
                              "COMP_WORDS": "samebytes audit --versions l"})  # fmt: skip
    assert "plain,latest" in done.stdout
