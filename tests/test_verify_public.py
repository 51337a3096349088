"""Published releases of all backends, against what the index has of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import Command

pytestmark = pytest.mark.slow

IDENTICAL, EQUIVALENT = "identical", "equivalent"

#: What is expected of each, and a part of what must have been inferred; for more see audited.py.
RELEASES = {
    "click==8.5.1": (IDENTICAL, "flit-core==3.12.0"),
    "django==5.2.19": (EQUIVALENT, "setuptools==84.2.1"),
    "flask==3.1.3": (IDENTICAL, "flit-core==3.12.0"),
    "hatchling==1.33.0": (IDENTICAL, "the project is its own backend"),
    "httpx==0.28.1": (IDENTICAL, "hatchling==1.26.3"),
    "iniconfig==2.3.1": (IDENTICAL, "setuptools==84.0.0"),
    "jinja2==3.1.6": (IDENTICAL, "flit-core==3.11.0"),
    "pluggy==1.7.0": (IDENTICAL, "setuptools==84.0.0"),
    "poetry-core==2.5.0": (IDENTICAL, "the project is its own backend"),
    "pytest==9.2.0": (IDENTICAL, "setuptools==84.2.1"),
    "requests==2.34.2": (IDENTICAL, "setuptools==82.0.1"),
    "rich==15.0.0": (IDENTICAL, "poetry-core==2.3.1"),
    "setuptools==84.2.1": (EQUIVALENT, "the project is its own backend"),
    "sniffio==1.3.1": (EQUIVALENT, "as on Windows"),
    "trove-classifiers==2026.9.21.13": (EQUIVALENT, "setuptools==84.0.0"),
}


def test_every_wheel_has_its_verdict(samebytes: Command, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    done = samebytes("verify", *RELEASES, "--workers", "3", "--json", report)
    assert done.status == 0, done.stderr
    document = json.loads(report.read_text())
    assert document["failed"] == []
    results = document["results"]
    verdicts = [result["verdict"] for result in results]
    assert verdicts == [verdict for verdict, _ in RELEASES.values()]
    assert verdicts.count(IDENTICAL) >= 9
    for result, (verdict, inferred) in zip(results, RELEASES.values(), strict=True):
        said = [text for each in result["evidence"] for text in (each["value"], each["why"])]
        assert any(inferred in text for text in said), (result["artifact"], said)
        assert result["attempts"] == 1
        assert result["tried"] == []
        assert bool(result["corrections"]) is (verdict == EQUIVALENT)
        assert {each["level"] for each in result["corrections"]} <= {"container"}
        assert result["differences"] == []


OLDER = {
    "httpx==0.23.0": "setuptools<57",
    "s3transfer==0.19.3": "wheel<=0.41",
    "sortedcontainers==2.4.0": "universal = 1",
    "vine==5.1.0": "setuptools<62.2",
}


def test_the_style_of_metadata_names_what_wrote_it(samebytes: Command, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    done = samebytes("verify", *OLDER, "--json", report)
    results = json.loads(report.read_text())["results"]
    assert [result["verdict"] for result in results] == [EQUIVALENT] * len(OLDER), done.stdout
    for result, inferred in zip(results, OLDER.values(), strict=True):
        values = [each["value"] for each in result["evidence"]]
        assert any(inferred in value for value in values), values


def test_exact_accepts_nothing_but_the_same_bytes(samebytes: Command) -> None:
    assert samebytes("verify", "six==1.17.0", "--quiet").status == 0
    done = samebytes("verify", "six==1.17.0", "--exact", "--quiet")
    assert (done.status, done.stdout) == (1, "equivalent  six-1.17.0-py2.py3-none-any.whl\n")
