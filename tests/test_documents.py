"""What is written as JSON matches its schema; what is written in the docs is there."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from conftest import Command
from projects import SETUPTOOLS, commit, own_backend, repository
from referencing import Registry, Resource

from samebytes.archive import canonical
from samebytes.migrate.expected import EXPECTED

ROOT = Path(__file__).parents[1]
SCHEMAS = ROOT / "docs/reference/schemas"


def validate(document: Any, name: str) -> None:
    registry: Registry[Any] = Registry().with_resources(
        (path.name, Resource.from_contents(json.loads(path.read_text())))
        for path in SCHEMAS.glob("*.json")
    )
    schema = json.loads((SCHEMAS / name).read_text())
    kind = jsonschema.Draft202012Validator
    kind.check_schema(schema)
    kind(schema, registry=registry, format_checker=kind.FORMAT_CHECKER).validate(document)


@pytest.mark.slow
def test_documents_of_builds_findings_and_failures(folder: Path, samebytes: Command) -> None:
    root = repository(folder / "project", SETUPTOOLS)
    statuses = []
    for number, arguments in enumerate(documents(root, folder)):
        target = folder / f"{number}.json"
        samebytes("build", *arguments, "--json", target)
        document = json.loads(target.read_text())
        validate(document, "build-1.json")
        statuses.append(document["status"])
    assert statuses == ["built", "failed", "built", "finding", "finding"]
    (record,) = (folder / "dist").glob("*.buildinfo.json")
    validate(json.loads(record.read_text()), "buildinfo-1.json")


def documents(root: Path, folder: Path) -> Iterator[list[str | Path]]:
    yield [root, "-o", folder / "dist", "-C", "key=value"]
    yield [root, "--rev", "none"]
    (sdist,) = (folder / "dist").glob("*.tar.gz")
    yield [sdist, "-o", folder / "again", "--wheel", "--wheel-from", "tree"]
    (record,) = (folder / "dist").glob("*.json")
    record_text = record.read_text()
    (folder / "lie.json").write_text(
        re.sub('"sha256": "[0-9a-f]{64}"', f'"sha256": "{0:064}"', record_text)
    )
    yield [root, "--buildinfo", folder / "lie.json", "-o", folder / "none"]
    for name in ("MANIFEST.in", "src/small/__init__.py", "src/small/data.txt"):
        (root / name).unlink()
    (root / "pyproject.toml").unlink()
    for name, text in own_backend("def content(): return str(time.time_ns())").items():
        (root / name).write_text(text)
    commit(root)
    yield [root, "-o", folder / "none"]


def test_every_trace_is_documented() -> None:
    """Each id that the code can give stands in the page, in the schema, and nowhere else."""
    source = Path(canonical.__file__).read_text()
    ids = set(re.findall(r'"((?:gzip|tar|zip)-[a-z-]+)"', source))
    assert ids
    page = (ROOT / "docs/reference/buildinfo.md").read_text()
    assert set(re.findall(r"^\| `([a-z]+-[a-z-]+)` \|", page, re.MULTILINE)) == ids
    schema = json.loads((SCHEMAS / "buildinfo-1.json").read_text())
    artifact = schema["properties"]["artifacts"]["items"]
    assert set(artifact["properties"]["traces"]["items"]["enum"]) == ids


def test_every_dependency_is_justified() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {re.split("[<>=]", requirement)[0] for requirement in project["dependencies"]}
    page = (ROOT / "docs/explanation/dependencies.md").read_text()
    table = "".join(line.split("|")[1] for line in page.splitlines() if line.startswith("| `"))
    assert set(re.findall(r"`([a-z0-9-]+)`", table)) == names


def test_links_of_the_readme_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", (ROOT / "README.md").read_text()):
        assert (ROOT / target).exists(), target


def test_every_expectation_is_documented() -> None:
    """Each difference that a migration accepts stands in the page, in the order of the table."""
    page = (ROOT / "docs/reference/migrate.md").read_text()
    rows = re.findall(r"^\| `([a-z0-9-]+)` \|", page, re.MULTILINE)
    assert rows == [row.id for row in EXPECTED]
