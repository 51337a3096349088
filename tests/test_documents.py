"""What is written as JSON matches its schema; what is written in the docs is there."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import verifications as made
from conftest import Command
from projects import SETUPTOOLS, commit, own_backend, repository, write
from referencing import Registry, Resource

from samebytes.archive import finish, traces
from samebytes.errors import UserError
from samebytes.index.provenance import Signature
from samebytes.migrate.expected import EXPECTED
from samebytes.sandbox.tried import Act
from samebytes.verify.verification import Failure, Phase
from samebytes.wire import dump_document

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


HOSTILE = "</script>\\x1b[31m\\udcff"
VERIFICATIONS = [
    made.identical(),
    made.equivalent(),
    made.different(),
    made.unreadable(),
    made.renamed(),
    made.unbuildable(),
    made.without_sdist(),
    made.suspicious(),
    *map(made.attested, Signature),
    made.hostile(HOSTILE),
    made.hostile_failure(HOSTILE),
]


@pytest.mark.parametrize("phase", Phase)
def test_every_phase_has_its_place_in_the_schema(phase: Phase) -> None:
    failure = Failure(phase=phase, message="A message.")
    validate(made.document(made.unbuildable(failure=failure)), "verify-1.json")


def test_documents_of_verifications() -> None:
    others = {"failed": [made.failed(HOSTILE)], "skipped": made.skipped(HOSTILE)}
    error = UserError("A message.")
    for found, status in (
        (made.document(*VERIFICATIONS), "finding"),
        (made.document(made.identical(), made.equivalent()), "verified"),
        (made.document(*VERIFICATIONS, **others), "failed"),
        (made.document(error=error), "failed"),
    ):
        written = json.loads(dump_document(found))
        validate(written, "verify-1.json")
        assert written["status"] == status


def test_a_document_of_verifications_has_no_more_than_its_schema_says() -> None:
    schema = json.loads((SCHEMAS / "verify-1.json").read_text())
    result = schema["$defs"]["result"]
    for added in ({}, {"more": 1}):
        document: Any = made.document(made.identical())
        document["results"][0] |= added
        if added:
            with pytest.raises(jsonschema.ValidationError, match="more"):
                validate(document, "verify-1.json")
        assert {*document["results"][0]} - {*added} == {*result["properties"]}
    assert set(result["properties"]["tried"]["items"]["properties"]["act"]["enum"]) >= {*Act}


#: Its wheels are the same bytes each time, but for those that ``CHANGED`` makes.
CONSTANT = """\
time.localtime = lambda *_: (2020, 1, 1, 0, 0, 0, 2, 1, 0)
def content(): return 'same'
"""
PKG_INFO = "Metadata-Version: 2.1\nName: small\nVersion: 1.0\n"
WHEEL = "small-1.0-py3-none-any.whl"


def packed(folder: Path, name: str, content: str) -> Path:
    """The sdist of a project that is its own backend."""
    root = write(folder / name / "small-1.0", own_backend(content) | {"PKG-INFO": PKG_INFO})
    sdist = folder / name / "small-1.0.tar.gz"
    with tarfile.open(sdist, "w:gz") as archive:
        archive.add(root, root.name)
    return sdist


def wheels(folder: Path, sdist: Path) -> Iterator[Path]:
    """Of each verdict but the last one, published in the place of what the sdist builds."""
    out = folder / "identical"
    out.mkdir()
    root = sdist.parent / "small-1.0"
    script = f"import backend; backend.build_wheel({os.fspath(out)!r})"
    subprocess.run([sys.executable, "-c", script], cwd=root, check=True)
    yield out / WHEEL
    for name, year, change in (("equivalent", 2021, b""), ("different", 2020, b"# changed")):
        (folder / name).mkdir()
        with (
            zipfile.ZipFile(out / WHEEL) as old,
            zipfile.ZipFile(folder / name / WHEEL, "w") as new,
        ):
            for member in old.infolist():
                member.date_time = (year, *member.date_time[1:])
                is_code = member.filename == "small.py"
                new.writestr(member, old.read(member) + (change if is_code else b""))
        yield folder / name / WHEEL


@pytest.mark.slow
def test_documents_of_verify(folder: Path, samebytes: Command) -> None:
    sdist = packed(folder, "source", CONSTANT)
    broken = packed(folder, "broken", "raise SystemExit('<b>')")
    report, page = folder / "report.json", folder / "report.html"
    published = [*wheels(folder, sdist)]
    once = ("--max-attempts", "1", "--workers", "1")
    done = samebytes("verify", *published, "--source", sdist, *once, "--json", "-", "--html", page)
    document = json.loads(done.stdout)
    validate(document, "verify-1.json")
    verdicts = [each["verdict"] for each in document["results"]]
    assert verdicts == ["identical", "equivalent", "different"], done.stdout
    assert (done.status, document["status"]) == (1, "finding")
    assert "3 published files" in page.read_text()

    arguments = ("verify", published[0], "--source", broken)
    done = samebytes(*arguments, *once, "--json", report, "--html", "-")
    validate(document := json.loads(report.read_text()), "verify-1.json")
    assert [each["verdict"] for each in document["results"]] == ["unbuildable"]
    assert done.stdout.startswith("<!doctype html>")
    assert done.stdout.rstrip().endswith("</html>")

    done = samebytes("verify", published[0], "--source", folder / "none", "--json", "-")
    validate(document := json.loads(done.stdout), "verify-1.json")
    assert (done.status, document["status"], document["results"]) == (2, "failed", [])


@pytest.mark.parametrize("option", ["--json", "--html"])
def test_an_unwritable_target_of_verify(folder: Path, samebytes: Command, option: str) -> None:
    for target in (folder / "none" / "report", folder):
        done = samebytes("verify", "absent-1.0-py3-none-any.whl", option, target)
        assert (done.status, done.stdout) == (2, "")
        assert f"Name another with {option} FILE." in done.stderr


@pytest.mark.slow
def test_documents_of_audit(folder: Path, samebytes: Command) -> None:
    """Of an index that is a folder, with a release that has no sdist, and one that it lacks."""
    sdist = packed(folder, "source", CONSTANT)
    files = [sdist, next(wheels(folder, sdist))]
    for name, listed in (("small", files), ("lonely", [])):
        place = folder / "simple" / name
        place.mkdir(parents=True)
        for each in listed:
            shutil.copy(each, place)
        links = (f'<a href="{each.name}">{each.name}</a>' for each in listed)
        (place / "index.html").write_text("<!doctype html>" + "".join(links))
    done = samebytes(
        *("audit", "small==1.0", "lonely==1.0", "absent==1.0", "--store", folder / "store"),
        *("--json", "-"),
        env={"PIP_INDEX_URL": (folder / "simple").as_uri(), "PIP_CONFIG_FILE": os.devnull},
    )
    validate(document := json.loads(done.stdout), "verify-1.json")
    assert [each["verdict"] for each in document["results"]] == ["identical"], done.stderr
    assert (done.status, document["status"], len(document["failed"])) == (2, "failed", 2)


def test_every_trace_is_documented() -> None:
    """Each id that the code can give stands in the page, in the schema, and nowhere else."""
    source = Path(traces.__file__).read_text()
    ids = set(re.findall(r'"((?:gzip|tar|zip)-[a-z-]+)"', source)) | {finish.STREAM}
    assert ids > {finish.STREAM}
    page = (ROOT / "docs/reference/buildinfo.md").read_text()
    assert set(re.findall(r"^\| `([a-z]+-[a-z-]+)` \|", page, re.MULTILINE)) == ids
    schema = json.loads((SCHEMAS / "buildinfo-1.json").read_text())
    artifact = schema["properties"]["artifacts"]["items"]
    assert set(artifact["properties"]["traces"]["items"]["enum"]) == ids


def test_every_dependency_is_justified() -> None:
    names = set()
    for path in ("pyproject.toml", "core/pyproject.toml"):
        project = tomllib.loads((ROOT / path).read_text())["project"]
        needed = [*project["dependencies"], *project["optional-dependencies"].get("deflate", ())]
        names |= {re.split(r"[<>=;\[]", requirement)[0] for requirement in needed}
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
