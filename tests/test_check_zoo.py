"""Projects with known faults: each is named, and nothing else is."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from conftest import Command
from projects import HATCHLING, SETUPTOOLS, repository
from zoo import FAILS, MORE, ONLY_TOGETHER, RAW, TWO_FAULTS, ZOO, animal

from samebytes.variations.table import REPEAT, VARIATIONS, Scope


def check(samebytes: Command, project: Path, *arguments: str) -> dict[str, Any]:
    """The document of a check; the status says the same."""
    done = samebytes("check", project, "--json", "-", *arguments)
    document: dict[str, Any] = json.loads(done.stdout)
    assert (
        done.status == {"reproducible": 0, "not-reproducible": 1, "failed": 2}[document["status"]]
    )
    return document


def blamed(document: dict[str, Any]) -> set[tuple[str, ...]]:
    return {tuple(finding["variations"]) for finding in document["findings"]}


def everything(*, raw: bool) -> set[str]:
    """What is tried on a machine that lacks nothing, as every machine that runs CI is."""
    scopes = {Scope.ALWAYS, Scope.RAW} if raw else {Scope.ALWAYS}
    return {each.id for each in VARIATIONS.values() if each.scope in scopes}


def test_there_is_one_animal_for_each_variation() -> None:
    tried = {each.id for each in VARIATIONS.values() if each.scope is not Scope.ASKED}
    assert set(ZOO) == tried | {REPEAT.id}
    assert {each.id for each in VARIATIONS.values() if each.scope is Scope.RAW} == RAW


@pytest.mark.slow
@pytest.mark.parametrize("name", ZOO)
def test_each_breaks_under_its_variation_and_no_other(
    name: str, folder: Path, samebytes: Command
) -> None:
    project = repository(folder / "project", ZOO[name])
    document = check(samebytes, project, *(["--raw"] if name in RAW else []))
    assert set(document["tried"]) == everything(raw=name in RAW)
    assert blamed(document) == {(name,)}
    assert document["builds"] <= 2 + math.ceil(math.log2(len(document["tried"]))) + 2


@pytest.mark.slow
@pytest.mark.parametrize("raw", [False, True])
def test_one_without_a_fault_is_reproducible(raw: bool, folder: Path, samebytes: Command) -> None:
    project = repository(folder / "project", animal())
    document = check(samebytes, project, *(["--raw"] if raw else []))
    assert document["status"] == "reproducible"
    assert set(document["tried"]) == everything(raw=raw)
    assert document["builds"] == 2


@pytest.mark.slow
@pytest.mark.parametrize("what", MORE)
def test_more_of_what_can_show(what: str, folder: Path, samebytes: Command) -> None:
    files, expected = MORE[what]
    document = check(samebytes, repository(folder / "project", files))
    assert blamed(document) == expected


@pytest.mark.slow
def test_two_faults_in_one_place_are_both_named(folder: Path, samebytes: Command) -> None:
    project = repository(folder / "project", TWO_FAULTS)
    assert blamed(check(samebytes, project)) == {("clock",), ("host",)}


@pytest.mark.slow
def test_a_fault_that_takes_two_variations_names_both(folder: Path, samebytes: Command) -> None:
    project = repository(folder / "project", ONLY_TOGETHER)
    assert blamed(check(samebytes, project)) == {("timezone", "host")}


@pytest.mark.slow
def test_a_build_that_fails_under_a_variation_is_a_finding(
    folder: Path, samebytes: Command
) -> None:
    project = repository(folder / "project", FAILS)
    document = check(samebytes, project)
    (finding,) = document["findings"]
    assert finding["variations"] == ["environment"]
    assert finding["kinds"] == ["build"]
    assert "KeyError: '4711'" in finding["detail"]


@pytest.mark.slow
def test_newer_requirements_show_in_the_generator(folder: Path, samebytes: Command) -> None:
    project = repository(folder / "project", HATCHLING, date="2025-06-01T00:00:00Z")
    document = check(samebytes, project, "--vary", "requirements,timezone")
    assert blamed(document) == {("requirements",)}
    assert any("wheel-generator" in each["kinds"] for each in document["findings"])


@pytest.mark.slow
def test_another_zlib_shows_in_the_compressed_streams(folder: Path, samebytes: Command) -> None:
    text = "".join(f"line {number} of many\n" for number in range(5000))
    project = repository(folder / "project", {**HATCHLING, "src/small/more.txt": text})
    document = check(samebytes, project, "--vary", "all")
    assert blamed(document) == {("zlib",)}
    assert {kind for each in document["findings"] for kind in each["kinds"]} == {"deflate-stream"}


@pytest.mark.slow
def test_setuptools_shows_what_is_known_of_it(folder: Path, samebytes: Command) -> None:
    project = repository(folder / "project", SETUPTOOLS)
    varied = "umask,route,crlf,leftovers"  # of clock and user, test_check_projects has more
    document = check(samebytes, project, "--raw", "--vary", varied)
    causes = {each["cause"] for each in document["findings"] if each["form"] == "sdist"}
    assert causes >= {"umask", "line-ends"}
    assert ("route", "leftovers") in blamed(document)
    assert check(samebytes, project)["status"] == "reproducible"


@pytest.mark.slow
def test_the_same_project_checked_twice_gives_the_same_report(
    folder: Path, samebytes: Command
) -> None:
    project = repository(folder / "project", TWO_FAULTS | {"more.txt": "more\n"})
    documents, reports = [], []
    for number in range(2):
        target = folder / f"{number}.json"
        reports.append(samebytes("check", project, "--json", target).stdout)
        documents.append(json.loads(target.read_text()))
        assert documents[-1].pop("seconds") > 0
    assert json.dumps(documents[0]) == json.dumps(documents[1])
    assert reports[0] == reports[1]
